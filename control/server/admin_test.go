package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func adminClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

func text(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	res := get(t, c, url, nil)
	return res.status, res.body
}

func TestAdminSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "bh") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "new", "admin.sock")
	s := start(t, hello, func(o *Options) {
		o.Admin = Admin{Socket: path, MetricsListen: "127.0.0.1:0", State: func() any { return map[string]int{"size": 7} }}
		o.Ready = []Check{{"store", func(context.Context) error { return errors.New("gone away") }}}
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if d, _ := os.Stat(filepath.Dir(path)); d.Mode().Perm() != 0o700 {
		t.Error(d.Mode())
	}
	c := adminClient(path)
	for url, want := range map[string]string{
		"/debug/state":              `"size": 7`,
		"/metrics":                  "bulkhead_connections",
		"/readyz":                   "gone away",
		"/debug/pprof/":             "goroutine",
		"/debug/pprof/heap?debug=1": "heap profile",
	} {
		if _, got := text(t, c, "http://admin"+url); !strings.Contains(got, want) {
			t.Errorf("%s: %.80q", url, got)
		}
		if status, got := text(t, s.client(t, true), "https://"+s.addr+url); strings.Contains(got, want) && status == 200 {
			t.Errorf("%s is open to strangers", url)
		}
	}
	if _, got := text(t, http.DefaultClient, "http://"+s.server.admin.open.Addr().String()+"/metrics"); !strings.Contains(got, "bulkhead_") {
		t.Errorf("%.80q", got)
	}
	// A second server does not take the socket of one that runs; after an end it is free.
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Error(err)
	}
	s.stop()
	<-s.done
	// As after a crash: the file is there, and nobody listens.
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	again, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(path); err == nil {
		t.Error("took the place of a file")
	}
	if _, err := listenUnix("/tmp/" + strings.Repeat("x", 120)); err == nil {
		t.Error("path too long")
	}
	if _, err := listenLoopback("0.0.0.0:0"); err == nil {
		t.Error("metrics in the clear to everybody")
	}
}

type failing struct {
	bulkheadv1connect.UnimplementedAuthServiceHandler
}

func (failing) SignIn(context.Context, *bulkheadv1.SignInRequest) (*bulkheadv1.SignInResponse, error) {
	return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("no"))
}

// writeSpan writes all that a receiver gets to see of a span.
func writeSpan(w *bytes.Buffer, sp *tracetest.SpanStub) {
	attributes := sp.Attributes
	for _, e := range sp.Events {
		fmt.Fprintln(w, e.Name)
		attributes = append(attributes, e.Attributes...)
	}
	fmt.Fprintln(w, sp.Name, sp.Status.Description)
	for _, a := range attributes {
		fmt.Fprintf(w, "%s=%s\n", a.Key, a.Value.String())
	}
}

// TestWhatIsWrittenDown calls the API with secrets in every place, and looks for them in log, metrics and traces.
func TestWhatIsWrittenDown(t *testing.T) {
	m := NewMetrics()
	spans := tracetest.NewInMemoryExporter()
	tracing := newTracing(TracingOptions{Sample: 1, Name: "a"}, trace.WithSyncer(spans))
	ti, err := tracing.Interceptor()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAuthServiceHandler(failing{}, connect.WithInterceptors(m.Interceptor(), ti)))
	var log bytes.Buffer
	s := start(t, mux, func(o *Options) {
		o.Metrics, o.Tracing, o.Log = m, tracing, slog.New(slog.NewJSONHandler(&log, nil))
	})
	call := bulkheadv1connect.NewAuthServiceClient(s.client(t, true), "https://"+s.addr)
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer SECRET-1")
	info.RequestHeader().Set("Cookie", "__Host-bulkhead=SECRET-2")
	_, err = call.SignIn(ctx, &bulkheadv1.SignInRequest{Name: "ann", Password: "SECRET-3"})
	if connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Fatal(err)
	}
	get(t, s.client(t, true), "https://"+s.addr+"/oidc/callback?code=SECRET-4", func(r *http.Request) {
		r.Header.Set("User-Agent", "x\" level=ERROR")
		r.Header.Set("Referer", "https://"+s.addr+"/SECRET-5")
	})
	s.stop()
	<-s.done
	w := &bytes.Buffer{}
	seen := spans.GetSpans() // closing forgets them
	if len(seen) < 3 {
		t.Errorf("%d spans: one of each request and one of the call are expected", len(seen))
	}
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		w.WriteString(f.String() + "\n")
	}
	if !strings.Contains(w.String(), bulkheadv1connect.AuthServiceSignInProcedure) || !strings.Contains(w.String(), "unauthenticated") {
		t.Error("the call was not counted")
	}
	for i := range seen {
		writeSpan(w, &seen[i])
	}
	all := w.String() + log.String()
	if strings.Contains(all, "SECRET") {
		at := strings.Index(all, "SECRET")
		t.Errorf("a secret was written down: %q", all[max(0, at-200):at+10])
	}
	if !strings.Contains(log.String(), `"path":"/oidc/callback"`) {
		t.Errorf("log: %.300s", log.String())
	}
}
