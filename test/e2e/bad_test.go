//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestBadEngines: whatever the engine does, the report comes in time, says what is missing, and the host is assessed.
func TestBadEngines(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Listener)
		want  []model.GapReason
	}{
		"no socket":              {nil, []model.GapReason{model.GapAbsent}},
		"accepts, never answers": {silent, []model.GapReason{model.GapTimeout}},
		"closes at once":         {closing, []model.GapReason{model.GapFailed, model.GapMalformed}},
		"garbage":                {raw("\x00\x01\x02 no http at all\r\n\r\n"), []model.GapReason{model.GapMalformed, model.GapFailed}},
		"html":                   {raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>hello</html>"), []model.GapReason{model.GapMalformed, model.GapFailed}},
		"100 MB":                 {huge, []model.GapReason{model.GapLimit, model.GapMalformed}},
		"answers ping only":      {pingOnly, []model.GapReason{model.GapTimeout, model.GapFailed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(shortDir(t), "engine.sock")
			if c.serve != nil {
				l, err := net.Listen("unix", path)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				go c.serve(l)
			}
			a := assess(t, nil, "--engine", "unix://"+path)
			for _, part := range []string{"/engine", "/containers"} {
				wantGap(t, a, part, c.want)
			}
			for _, r := range a.Requirements {
				if r.ID == "8.4.c" && r.Status == model.Unknown && strings.Contains(r.Reason, "/host") {
					t.Errorf("the host was not assessed: %s", r.Reason)
				}
			}
			for _, id := range []string{"8.1.c", "8.6.1.a"} {
				for _, r := range a.Requirements {
					if r.ID == id && r.Status != model.Unknown {
						t.Errorf("%s is %s without an engine: %s", id, r.Status, r.Reason)
					}
				}
			}
		})
	}
}

func wantGap(t *testing.T, a model.Assessment, path string, reasons []model.GapReason) {
	t.Helper()
	for _, g := range a.Gaps {
		if g.Path != path {
			continue
		}
		for _, r := range reasons {
			if g.Reason == r {
				if g.Detail == "" {
					t.Errorf("the gap %s says nothing", path)
				}
				return
			}
		}
		t.Errorf("gap %s has reason %s (%s), want one of %v", path, g.Reason, g.Detail, reasons)
		return
	}
	t.Errorf("no gap for %s", path)
}

func silent(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close() // held open until the listener ends
	}
}

func closing(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

func raw(s string) func(net.Listener) {
	return func(l net.Listener) {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				if _, err := c.Read(buf); err == nil {
					fmt.Fprint(c, s)
				}
			}()
		}
	}
}

// huge answers every request but the ping with 100 MB of one JSON string.
func huge(l net.Listener) {
	block := strings.Repeat("a", 1<<20)
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ping(w, r) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ID":"`)
		for range 100 {
			if _, err := fmt.Fprint(w, block); err != nil {
				return
			}
		}
		fmt.Fprint(w, `"}`)
	}))
}

func pingOnly(l net.Listener) {
	_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ping(w, r) {
			<-r.Context().Done()
		}
	}))
}

func ping(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	if !strings.HasSuffix(r.URL.Path, "/_ping") {
		return false
	}
	fmt.Fprint(w, "OK")
	return true
}

// shortDir is a directory whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestNoPermission: a user who may not use the socket is told so, and gets what can be had.
func TestNoPermission(t *testing.T) {
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "engine.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go pingOnly(l)
	bin := copyBinary(t, dir)
	nobody := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", bin}
	res := run(t, append(nobody, "assess", "--engine", "unix://"+path)...)
	if res.code != 0 {
		t.Fatalf("ended with %d: %s", res.code, res.stderr)
	}
	for _, want := range []string{"permission", "root"} {
		if !strings.Contains(res.stdout, want) {
			t.Errorf("the report does not say %q:\n%s", want, res.stdout)
		}
	}
}

// copyBinary puts the product where any user can run it.
func copyBinary(t *testing.T, dir string) string {
	t.Helper()
	body, err := os.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bulkhead")
	if err := os.WriteFile(path, body, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
