//go:build e2e

package lab

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
)

// TestHosts: what is plugged in is reached, what is not is not, and both ends think that their cable is in.
func TestHosts(t *testing.T) {
	h, err := NewHosts(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	a, b := h.All()[0], h.All()[1]
	server := b.Command(t.Context(), "busybox", "nc", "-ll", "-p", "7000", "-e", "/bin/cat")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	dial := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		c, err := a.Dial(ctx, "tcp", net.JoinHostPort(b.Address, "7000"))
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(limit))
		if _, err := io.WriteString(c, "x"); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = dial(2 * time.Second); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if err := b.Unplug(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := dial(time.Second); err == nil {
		t.Error("an unplugged host was reached")
	}
	if err := b.Plug(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := dial(20 * time.Second); err != nil {
		t.Error(err)
	}
	if err := a.Cut(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := dial(time.Second); err == nil {
		t.Error("the way was cut and it was reached")
	}
	if err := a.Mend(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := dial(20 * time.Second); err != nil {
		t.Error(err)
	}
	if err := b.Loss(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if err := dial(time.Second); err == nil {
		t.Error("all packets were lost and it was reached")
	}
	if err := b.Loss(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := dial(20 * time.Second); err != nil {
		t.Error(err)
	}
}

// TestStandby: what was acknowledged before the primary was killed is on the standby that takes its place.
func TestStandby(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	primary, err := postgres.Start(ctx, postgres.Options{Args: postgres.Replicated()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = primary.Stop() })
	standby, err := primary.Standby(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Stop() })
	if err := primary.Following(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Create(ctx, "bulkhead"); err != nil {
		t.Fatal(err)
	}
	exec := func(q string) error {
		c, err := pgx.Connect(ctx, postgres.EitherURL("bulkhead", primary, standby))
		if err != nil {
			return err
		}
		defer func() { _ = c.Close(ctx) }()
		_, err = c.Exec(ctx, q)
		return err
	}
	if err := exec("CREATE TABLE t AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := exec("INSERT INTO t VALUES (8)"); err == nil {
		t.Fatal("a standby took a change before it was promoted")
	}
	if err := standby.Promote(ctx); err != nil {
		t.Fatal(err)
	}
	if err := exec("DO $$ BEGIN ASSERT (SELECT sum(n) FROM t) = 7; END $$"); err != nil {
		t.Fatal(err)
	}
	if err := exec("INSERT INTO t VALUES (8)"); err != nil {
		t.Fatal(err)
	}
}
