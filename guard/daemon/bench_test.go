package daemon

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
)

// BenchmarkDoor is what a call costs in the door itself: it is understood, read, allowed by a judge that thinks of nothing, written again and
// sent to an engine that answers at once. Direct is the same call without the door.
func BenchmarkDoor(b *testing.B) {
	const create = `{"Image":"a","Cmd":["sleep","600"],"Env":["A=1","B=2"],"Labels":{"l":"1"},"HostConfig":{"Memory":67108864,"CapDrop":["ALL"],"ReadonlyRootfs":true,"NetworkMode":"none"}}`
	engine := filepath.Join(b.TempDir(), "e.sock")
	serve(b, engine, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `[]`)
	}))
	e := forward.New(engine)
	b.Cleanup(e.Close)
	front := filepath.Join(b.TempDir(), "g.sock")
	serve(b, front, New(Parts{Engine: e, Judge: judge(everything), Who: root{}, Log: slog.New(slog.DiscardHandler)}))
	for _, way := range []struct{ name, socket string }{{"direct", engine}, {"door", front}} {
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", way.socket)
		}}}
		for _, call := range []struct{ name, method, path, body string }{
			{"list", http.MethodGet, "/v1.44/containers/json?all=1&filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D", ""},
			{"create", http.MethodPost, "/v1.44/containers/create?name=web", create},
		} {
			b.Run(call.name+"/"+way.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := expect(b.Context(), client, call.method, "http://docker"+call.path, call.body, http.StatusOK, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		client.CloseIdleConnections()
	}
}

// serve answers on a Unix socket until the benchmark ends.
func serve(b *testing.B, socket string, h http.Handler) {
	b.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		b.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	s.Start()
	b.Cleanup(s.Close)
}
