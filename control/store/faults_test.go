package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// What goes wrong has a code for the caller, and the caller never sees statements or values.
func TestErrorsTellNoSecrets(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		a := account(t, s, "a", "hunter2")
		x := *a
		x.ID = id()
		for name, err := range map[string]error{
			"taken":    s.CreateAccount(ctx, &x),
			"dangling": s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: "hunter2"}),
			"syntax": s.change(ctx, "thing", func(db bun.IDB) error {
				_, err := db.NewRaw("SELECT 'hunter2' FROM nothing").Exec(ctx)
				return err
			}),
		} {
			var e *model.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s: %T", name, err)
			}
			told := e.Message + e.Remedy + e.Field
			for _, s := range []string{"hunter2", "SELECT", "INSERT", "constraint", "accounts"} {
				if strings.Contains(told, s) {
					t.Errorf("%s tells %q: %s", name, s, told)
				}
			}
			if e.Err == nil {
				t.Errorf("%s leaves nothing for the log", name)
			}
		}
	})
}

func TestFullDisk(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	ctx := t.Context()
	var pages int
	ok(t, s.write.NewRaw("PRAGMA page_count").Scan(ctx, &pages))
	_, err := s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages+8))
	ok(t, err)
	kept := 0
	for ; err == nil; kept++ {
		err = s.CreateSecret(ctx, fmt.Sprint(kept), make([]byte, 4096))
	}
	code(t, err, model.CodeUnavailable)
	var full *model.Error
	if !errors.As(err, &full) || !strings.Contains(full.Remedy, "full") {
		t.Fatal(err)
	}
	_, err = s.write.ExecContext(ctx, "PRAGMA max_page_count = 1000000")
	ok(t, err)
	ok(t, s.CreateSecret(ctx, "after", nil))
	var n int
	ok(t, s.read.NewRaw("SELECT count(*) FROM secrets").Scan(ctx, &n))
	if n != kept { // kept-1 were acknowledged, and one came after
		t.Fatal(n, kept)
	}
}

// PostgreSQL goes away and comes back under load: what was acknowledged is there, and the store works again by itself.
func TestPostgresRestartsUnderLoad(t *testing.T) {
	s := open(t, options(t, KindPostgres))
	tenant(t, s, "a")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var acknowledged sync.Map
	var done atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for ctx.Err() == nil {
				a := &model.Account{ID: id(), Tenant: "a"}
				a.Name = a.ID
				err := s.CreateAccount(t.Context(), a)
				switch model.CodeOf(err) {
				case "":
					acknowledged.Store(a.ID, true)
					done.Add(1)
				case model.CodeUnavailable:
				default:
					t.Errorf("%v", err)
					return
				}
			}
		})
	}
	reach := func(n int64) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for done.Load() < n {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatal("no progress")
			}
		}
	}
	for _, end := range []func() error{server.p.Halt, server.p.Kill} {
		reach(done.Load() + 20)
		ok(t, end())
		ok(t, server.p.Start(t.Context()))
	}
	reach(done.Load() + 20)
	stop()
	wait.Wait()
	acknowledged.Range(func(id, _ any) bool {
		_, err := s.Account(t.Context(), id.(string))
		ok(t, err)
		return true
	})
}

// writeForever is run in a process of its own, which is killed.
const writeForever = "BULKHEAD_TEST_WRITE_INTO"

func TestWriteForever(t *testing.T) {
	dir := os.Getenv(writeForever)
	if dir == "" {
		return // it is the other half of TestKilledWhileWriting
	}
	s := open(t, Options{Dir: dir})
	for {
		x := &model.Tenant{ID: id()}
		if err := s.CreateTenant(t.Context(), x); err != nil {
			return
		}
		fmt.Println("kept", x.ID)
	}
}

func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestWriteForever$")
		cmd.Env = append(os.Environ(), writeForever+"="+dir)
		out, err := cmd.StdoutPipe()
		ok(t, err)
		ok(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			name, found := strings.CutPrefix(lines.Text(), "kept ")
			if !found {
				continue
			}
			acknowledged = append(acknowledged, name)
			if n++; n == 25 {
				ok(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // it was killed
	}
	s := open(t, Options{Dir: dir})
	if len(acknowledged) < 125 {
		t.Fatal(len(acknowledged))
	}
	for _, name := range acknowledged {
		_, err := s.Tenant(t.Context(), name)
		ok(t, err)
	}
	var tenants int64
	ok(t, s.read.NewRaw("SELECT count(*) FROM tenants WHERE id <> 'system'").Scan(t.Context(), &tenants))
	last, err := s.LastChange(t.Context())
	ok(t, err)
	if last != tenants {
		t.Fatal("a change without its tenant, or the other way round", last, tenants)
	}
	for _, f := range s.Doctor(t.Context()) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
}

// Two replicas on one PostgreSQL see each other's changes.
func TestTwoReplicas(t *testing.T) {
	o := options(t, KindPostgres)
	one, two := open(t, o), open(t, o)
	tenant(t, one, "a")
	if _, err := two.Tenant(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	won := race(6, func() error {
		return two.CreateSecret(t.Context(), "ca", []byte("x"))
	}) + race(6, func() error { return one.CreateSecret(t.Context(), "ca", []byte("y")) })
	if won != 1 {
		t.Fatal(won)
	}
	changes, err := two.ChangesAfter(t.Context(), "a", 0, 0)
	ok(t, err)
	if len(changes) != 1 {
		t.Fatal(changes)
	}
}
