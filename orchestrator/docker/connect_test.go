package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// listen serves connections by hand.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "unix://" + path
}

func TestConnectFails(t *testing.T) {
	silent := listen(t, func(net.Conn) {})
	garbage := listen(t, func(c net.Conn) {
		_, _ = c.Write([]byte("220 mail.example ESMTP\r\n\x00\x01\x02"))
		_ = c.Close()
	})
	web := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	for _, c := range []struct {
		endpoint string
		reason   model.GapReason
		says     string
	}{
		{"unix:///nowhere/docker.sock", model.GapAbsent, "start the engine"},
		{"tcp://127.0.0.1:1", model.GapAbsent, "start the engine"},
		{silent, model.GapTimeout, "restart it"},
		{garbage, model.GapMalformed, "check that the endpoint"},
		{web, model.GapMalformed, "not a container engine"},
		{"gopher://x", model.GapFailed, "check the endpoint"},
	} {
		start, ping := time.Now(), time.Minute
		if c.endpoint == silent {
			ping = 300 * time.Millisecond
		}
		_, err := Connect(context.Background(), c.endpoint, ConnectOptions{Getenv: noenv, Ping: ping})
		if err == nil {
			t.Errorf("%s: connected", c.endpoint)
			continue
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %s", c.endpoint, took)
		}
		if got := reason(err); got != c.reason && c.reason != model.GapAbsent || !strings.Contains(err.Error(), c.says) && c.endpoint[:3] != "tcp" {
			t.Errorf("%s: %s: %v", c.endpoint, got, err)
		}
		gaps := Unreachable(err)
		check(t, "gaps", len(gaps), 5)
		if gaps[0].Path != "/engine" || gaps[0].Remedy == "" || gaps[0].Detail == "" {
			t.Errorf("%s: %+v", c.endpoint, gaps[0])
		}
	}
}

func TestPermission(t *testing.T) {
	err := &ConnectError{Endpoint: "unix:///run/docker.sock", Err: &net.OpError{Op: "dial", Err: syscall.EACCES}}
	check(t, "reason", Unreachable(err)[4].Reason, model.GapPermission)
	if !strings.Contains(err.Error(), "run as root") {
		t.Error(err)
	}
}

// TestTooLarge: an answer of 100 MB ends at the limit, as a gap of that part alone.
func TestTooLarge(t *testing.T) {
	f := recorded(t, "debian")
	var sent atomic.Int64
	big := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/networks") {
			f.ServeHTTP(w, r)
			return
		}
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 100 {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	c, err := Connect(context.Background(), big, ConnectOptions{Getenv: noenv, MaxAnswer: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	_, gaps := New(c, Options{}).Networks(context.Background())
	if len(gaps) != 1 || gaps[0].Reason != model.GapLimit || gaps[0].Path != "/networks" {
		t.Errorf("gaps: %+v", gaps)
	}
	if sent.Load() >= 100<<20 {
		t.Error("all of it was read")
	}
}

func TestFindEndpoint(t *testing.T) {
	dir := shortDir(t)
	write(t, dir, "/podman.sock", "")
	candidates := []string{dir + "/docker.sock", dir + "/podman.sock"}
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	for _, c := range []struct {
		given, want string
		env         map[string]string
	}{
		{"tcp://h:1", "tcp://h:1", map[string]string{"DOCKER_HOST": "tcp://other:1"}},
		{"", "tcp://other:1", map[string]string{"DOCKER_HOST": "tcp://other:1"}},
		{"/x/docker.sock", "unix:///x/docker.sock", nil},
		{"", "unix://" + dir + "/podman.sock", nil},
	} {
		got, err := findEndpoint(c.given, ConnectOptions{Getenv: env(c.env), Candidates: candidates})
		if err != nil || got != c.want {
			t.Errorf("findEndpoint(%q) = %q, %v; want %q", c.given, got, err, c.want)
		}
	}
	_, err := findEndpoint("", ConnectOptions{Getenv: noenv, Candidates: candidates[:1]})
	var ce *ConnectError
	if !errors.As(err, &ce) || reason(err) != model.GapAbsent || !strings.Contains(err.Error(), "no container engine found") {
		t.Errorf("no candidate: %v", err)
	}
}

func TestTLSFromEnv(t *testing.T) {
	if c, err := tlsFromEnv(noenv); c != nil || err != nil {
		t.Errorf("no TLS asked for: %v, %v", c, err)
	}
	c, err := tlsFromEnv(func(k string) string { return map[string]string{"DOCKER_TLS_VERIFY": "1"}[k] })
	if err != nil || c == nil || c.InsecureSkipVerify {
		t.Errorf("verified TLS: %+v, %v", c, err)
	}
	_, err = tlsFromEnv(func(k string) string { return map[string]string{"DOCKER_CERT_PATH": "/nowhere"}[k] })
	if err == nil || !strings.Contains(err.Error(), "DOCKER_CERT_PATH") {
		t.Errorf("missing certificates: %v", err)
	}
}

func TestOnceAsksAgainAfterDeadline(t *testing.T) {
	var o once[int]
	ctx, cancel := context.WithCancel(context.Background())
	_, err := o.get(ctx, func(context.Context) (int, error) { cancel(); return 0, context.Canceled })
	if err == nil {
		t.Error("no error")
	}
	v, err := o.get(context.Background(), func(context.Context) (int, error) { return 7, nil })
	if v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if v, _ := o.get(context.Background(), func(context.Context) (int, error) { return 8, fmt.Errorf("asked twice") }); v != 7 {
		t.Error("the answer was not kept")
	}
}
