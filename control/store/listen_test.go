package store

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// listening waits until s listens, and gives what it hears.
func listening(t *testing.T, s *Store) (heard chan struct{}, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	heard = make(chan struct{}, 1000)
	end := make(chan error, 1)
	go func() { end <- s.Listen(ctx, func() { heard <- struct{}{} }) }()
	hears(t, heard) // at the beginning
	return heard, func() error {
		cancel()
		return <-end
	}
}

func hears(t *testing.T, heard chan struct{}) {
	t.Helper()
	select {
	case <-heard:
	case <-time.After(time.Minute):
		t.Fatal("nothing was heard")
	}
}

func TestListen(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		heard, stop := listening(t, s)
		other, stopOther := listening(t, s)
		tenant(t, s, "a")
		hears(t, heard)
		hears(t, other)
		ok(t, stopOther())
		// What is no change, and what is undone, is not told. What follows is.
		ok(t, s.CreateSecret(t.Context(), "x", nil))
		undone := s.InTx(t.Context(), func(ctx context.Context) error {
			ok(t, s.CreateTenant(ctx, &model.Tenant{ID: "undone"}))
			return context.Canceled
		})
		if undone == nil || len(heard) != 0 {
			t.Fatal(undone, len(heard))
		}
		tenant(t, s, "b")
		hears(t, heard)
		// A listener that takes its time holds nobody up, and hears of what came meanwhile.
		for range 50 {
			account(t, s, "a", id())
		}
		hears(t, heard)
		ok(t, stop())
		tenant(t, s, "c") // nobody listens
	})
}

func TestListenEndsWithTheStore(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		s, err := Open(t.Context(), options(t, kind))
		ok(t, err)
		_, stop := listening(t, s)
		end := make(chan error, 1)
		go func() { end <- s.Listen(context.WithoutCancel(t.Context()), func() {}) }()
		ok(t, s.Close())
		code(t, <-end, model.CodeUnavailable)
		code(t, stop(), model.CodeUnavailable)
	}
}

// The changes of one replica are heard by the other, also after the connection was lost or PostgreSQL was away.
func TestListenToAnotherReplica(t *testing.T) {
	o := options(t, KindPostgres)
	s, writer := open(t, o), open(t, o)
	heard, stop := listening(t, s)
	drain := func() {
		for len(heard) > 0 {
			<-heard
		}
	}
	tenant(t, writer, "a")
	hears(t, heard)
	var ended []bool
	ok(t, writer.read.NewRaw("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bulkhead listener' AND datname = current_database()").
		Scan(t.Context(), &ended))
	if len(ended) != 1 || !ended[0] {
		t.Fatal(ended)
	}
	hears(t, heard) // it listens again, and may have missed something
	drain()
	tenant(t, writer, "b")
	hears(t, heard)
	for _, end := range []func() error{server.p.Halt, server.p.Kill} {
		drain()
		ok(t, end())
		ok(t, server.p.Start(t.Context()))
		hears(t, heard)
		drain()
		for writer.CreateTenant(t.Context(), &model.Tenant{ID: id()}) != nil { // its pool has dead connections
		}
		hears(t, heard)
	}
	ok(t, stop())
}
