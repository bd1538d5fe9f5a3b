//go:build e2e

package guard

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/daemon/answers"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/images"
	"github.com/bulkhead-security/bulkhead/model"
)

// everything lets everybody do everything.
type everything struct{}

// Judge implements call.Judge.
func (everything) Judge(context.Context, *call.Ask) error { return nil }

// Sees implements call.Judge.
func (everything) Sees(_ context.Context, _ *call.Ask, objects []call.Object) ([]bool, error) {
	seen := make([]bool, len(objects))
	for i := range seen {
		seen[i] = true
	}
	return seen, nil
}

// Whole implements call.Judge.
func (everything) Whole(context.Context, *call.Ask) bool { return true }

// NotUnderstood implements call.Judge.
func (everything) NotUnderstood(context.Context, *call.Subject, string, string, error) (string, error) {
	return "", nil
}

// Failed implements call.Judge.
func (everything) Failed(context.Context, *call.Ask, string) error { return nil }

// Holds implements call.Judge.
func (everything) Holds(context.Context, *call.Ask) error { return nil }

// root is whoever calls.
type root struct{}

// Identify implements daemon.Identifier.
func (root) Identify(*http.Request) (*call.Subject, error) {
	return &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: "root"}, Tenant: model.SystemTenant}}, nil
}

// guarded puts a door before an engine, on a socket of its own. What clients send is shown to seen, which may be nil.
func guarded(t testing.TB, at, engine string, seen func(*http.Request)) {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	to := forward.New(engine)
	find := objects.New(to)
	filter, err := answers.New(find, to)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := images.Open(filepath.Join(filepath.Dir(at), "images.db"), to, model.SystemTenant)
	if err != nil {
		t.Fatal(err)
	}
	door := http.Handler(daemon.New(daemon.Parts{
		Engine: to, Judge: everything{}, Who: root{}, Objects: find, Answers: filter, Images: kept, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}))
	if seen != nil {
		inner := door
		door = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen(r)
			inner.ServeHTTP(w, r)
		})
	}
	s := &http.Server{Handler: door, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); to.Close(); _ = kept.Close() })
}
