package store

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if server.p != nil {
		if err := server.p.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// server is the PostgreSQL of all tests of this package, started by the first that needs it.
var server struct {
	once sync.Once
	p    *postgres.Server
	err  error
	n    atomic.Int64
}

func postgresURL(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server.once.Do(func() { server.p, server.err = postgres.Start(ctx, postgres.Options{}) })
	if server.err != nil {
		t.Fatal(server.err)
	}
	url, err := server.p.Create(ctx, fmt.Sprintf("test%d", server.n.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// options are those of an empty database of each kind.
func options(t testing.TB, kind string) Options {
	if kind == KindPostgres {
		return Options{URL: postgresURL(t), Dir: t.TempDir()}
	}
	return Options{Dir: t.TempDir()}
}

// both runs a test on each database.
func both(t *testing.T, f func(t *testing.T, s *Store)) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) { f(t, open(t, options(t, kind))) })
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func code(t testing.TB, err error, want model.Code) {
	t.Helper()
	if got := model.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

var now = time.Date(2026, 5, 4, 3, 2, 1, 123456000, time.UTC)

func id() string { return uuid.Must(uuid.NewV7()).String() }

func tenant(t testing.TB, s *Store, id string) {
	t.Helper()
	ok(t, s.CreateTenant(t.Context(), &model.Tenant{ID: id, Name: "Tenant " + id, Created: now}))
}

func account(t testing.TB, s *Store, tenant, name string) *model.Account {
	t.Helper()
	a := &model.Account{ID: id(), Tenant: tenant, Name: name, Created: now}
	ok(t, s.CreateAccount(t.Context(), a))
	return a
}
