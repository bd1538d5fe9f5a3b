package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestBundles(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		put := func(b *model.Bundle, version int64) *model.Bundle {
			t.Helper()
			ok(t, s.PutBundle(ctx, b, signed))
			if b.Version != version || b.Signature != fmt.Sprintf("signed %s %s %d", b.Kind, b.Scope, version) {
				t.Fatalf("%+v", b)
			}
			return b
		}
		one := put(bundle(model.BundlePolicies, "a", "1"), 1)
		two := put(bundle(model.BundleSettings, "a/edge", "1"), 2)
		three := put(bundle(model.BundlePolicies, "a", "2"), 3)
		again := bundle(model.BundlePolicies, "a", "2") // nothing new
		again.Author = "somebody else"
		put(again, 3)
		same(t, three, again)
		four := put(bundle(model.BundlePolicies, "a", "1"), 4) // back to what was: that is new
		node(t, s, "a", "n1")
		put(bundle(model.BundleAssignment, "n1", "1"), 5)
		for _, want := range []*model.Bundle{one, two, three, four} {
			got, err := s.Bundle(ctx, want.Kind, want.Scope, want.Version)
			ok(t, err)
			same(t, want, got)
		}
		got, err := s.LatestBundle(ctx, model.BundlePolicies, "a")
		ok(t, err)
		same(t, four, got)
		_, err = s.LatestBundle(ctx, model.BundleSettings, "a")
		code(t, err, model.CodeNotFound)
		_, err = s.Bundle(ctx, model.BundlePolicies, "a", 2) // another scope's
		code(t, err, model.CodeNotFound)

		refused := bundle(model.BundlePolicies, "a", "3")
		if err := s.PutBundle(ctx, refused, func(*model.Bundle) error { return errors.New("no key") }); err == nil {
			t.Fatal("not signed, and kept")
		}
		same(t, bundle(model.BundlePolicies, "a", "3"), refused)
		code(t, s.PutBundle(ctx, bundle(model.BundlePolicies, "a", ""), signed), model.CodeInvalid)
		code(t, s.PutBundle(ctx, bundle(model.BundleAssignment, "none", "1"), signed), model.CodeNotFound)
		put(refused, 6) // what was refused took no number
		same(t, []string{
			"created policies/a@a", "created settings/a/edge@a", "created policies/a@a", "created policies/a@a", "created assignment/n1@a",
			"created policies/a@a",
		}, operations(t, s, "Bundle"))
	})
}

func TestPutBundleRace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		// The same at once is one.
		race(8, func() error {
			err := s.PutBundle(ctx, bundle(model.BundlePolicies, "a", "same"), signed)
			if err != nil {
				t.Error(err)
			}
			return err
		})
		var n int
		ok(t, s.read.NewRaw("SELECT count(*) FROM bundles").Scan(ctx, &n))
		if n != 1 {
			t.Fatal(n)
		}
		// Whoever has seen a version has seen all below: also across scopes.
		stop, cancel := context.WithCancel(ctx)
		var wait sync.WaitGroup
		wait.Go(func() {
			var count, newest int64
			for stop.Err() == nil {
				err := s.read.NewRaw("SELECT count(*), max(version) FROM bundles").Scan(ctx, &count, &newest)
				if err != nil || count != newest {
					t.Error(count, newest, err)
					return
				}
			}
		})
		var k counter
		won := race(8, func() error {
			i := k.next()
			for j := range 5 {
				if err := s.PutBundle(ctx, bundle(model.BundleSettings, fmt.Sprint("a/", i%3), fmt.Sprint(i, j)), signed); err != nil {
					t.Error(err)
					return err
				}
			}
			return nil
		})
		cancel()
		wait.Wait()
		ok(t, s.read.NewRaw("SELECT count(*) FROM bundles").Scan(ctx, &n))
		if won != 8 || n != 41 {
			t.Fatal(won, n)
		}
	})
}

func TestPools(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		p := pool("a", "edge")
		ok(t, s.CreatePool(ctx, p))
		code(t, s.CreatePool(ctx, pool("a", "edge")), model.CodeExists)
		got, err := s.Pool(ctx, "a/edge")
		ok(t, err)
		same(t, p, got)
		empty := &model.Pool{ID: "a/empty", Tenant: "a", Name: "empty"}
		ok(t, s.CreatePool(ctx, empty))
		got, err = s.Pool(ctx, "a/empty")
		ok(t, err)
		same(t, empty, got)
		_, err = s.Pool(ctx, "none")
		code(t, err, model.CodeNotFound)

		stale := *p
		p.Description, p.Settings, p.Plan, p.Windows, p.Tenant = "d", model.PoolSettings{}, model.RolloutPlan{}, nil, "b"
		ok(t, s.UpdatePool(ctx, p))
		got, err = s.Pool(ctx, "a/edge")
		ok(t, err)
		p.Tenant = "a"
		same(t, p, got)
		if p.Version != 2 {
			t.Fatal(p.Version)
		}
		code(t, s.UpdatePool(ctx, &stale), model.CodeConflict)
		code(t, s.UpdatePool(ctx, pool("a", "none")), model.CodeNotFound)

		for i, in := range []string{"edge", "edge", "default"} {
			m := member("a", fmt.Sprint("n", i))
			m.Pool = in
			ok(t, s.CreateNode(ctx, m))
		}
		m := member("b", "n3")
		m.Pool = "edge"
		ok(t, s.CreateNode(ctx, m))
		count, err := s.CountNodes(ctx, "a")
		ok(t, err)
		same(t, map[string]int{"a/edge": 2, "a/default": 1}, count)
		count, err = s.CountNodes(ctx, "")
		ok(t, err)
		same(t, map[string]int{"a/edge": 2, "a/default": 1, "b/edge": 1}, count)
		code(t, s.DeletePool(ctx, "a/edge"), model.CodeConflict)
		ok(t, s.RevokeNode(ctx, "n0", "", now))
		ok(t, s.RevokeNode(ctx, "n1", "", now))
		ok(t, s.DeletePool(ctx, "a/edge")) // who is revoked is in none
		code(t, s.DeletePool(ctx, "a/edge"), model.CodeNotFound)
		same(t, []string{"created a/edge@a", "created a/empty@a", "updated a/edge@a", "deleted a/edge@a"}, operations(t, s, "Pool"))

		for _, name := range []string{"x", "y", "z"} {
			ok(t, s.CreatePool(ctx, pool("b", name)))
		}
		of := func(p model.Pool) string { return p.ID }
		walk(t, s.Pools, model.Query{Tenant: "b"}, of, "b/x", "b/y", "b/z")
		list, _, err := s.Pools(ctx, model.Query{Where: []model.Condition{{Field: "name", Op: "=", Value: "y"}}})
		ok(t, err)
		same(t, []string{"b/y"}, ids(list, of))
	})
}

func TestRollouts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		r := rollout("a", "r0")
		r.Ended = now
		ok(t, s.CreateRollout(ctx, r))
		code(t, s.CreateRollout(ctx, r), model.CodeExists)
		got, err := s.Rollout(ctx, "r0")
		ok(t, err)
		same(t, r, got)
		_, err = s.Rollout(ctx, "none")
		code(t, err, model.CodeNotFound)
		stale := *r
		r.From, r.To, r.State, r.Share, r.Step, r.StepSince, r.Reason = 3, 4, model.RolloutDone, 100, 2, now.Add(time.Hour), "all have it"
		r.Nodes, r.Applied, r.Failed, r.Findings, r.Ended = 10, 9, 8, 7, now.Add(time.Hour)
		ok(t, s.UpdateRollout(ctx, r))
		got, err = s.Rollout(ctx, "r0")
		ok(t, err)
		same(t, r, got)
		code(t, s.UpdateRollout(ctx, &stale), model.CodeConflict)
		code(t, s.UpdateRollout(ctx, rollout("a", "none")), model.CodeNotFound)
		for i, state := range []model.RolloutState{
			model.RolloutHalted, model.RolloutWaiting, model.RolloutRunning, model.RolloutRolledBack, model.RolloutSuperseded,
		} {
			x := rollout("a", fmt.Sprint("r", i+1))
			x.State, x.Created = state, now.Add(-time.Duration(i)*time.Minute)
			if i == 1 {
				x.Tenant, x.Pool = "b", "b/edge"
			}
			ok(t, s.CreateRollout(ctx, x))
		}
		of := func(r model.Rollout) string { return r.ID }
		open, err := s.OpenRollouts(ctx)
		ok(t, err)
		same(t, []string{"r3", "r2", "r1"}, ids(open, of))
		walk(t, s.Rollouts, model.Query{Tenant: "a"}, of, "r1", "r0", "r3", "r4", "r5")
		for field, value := range map[string]string{"pool": "b/edge", "state": "waiting"} {
			list, _, err := s.Rollouts(ctx, model.Query{Where: []model.Condition{{Field: field, Op: "=", Value: value}}})
			ok(t, err)
			same(t, []string{"r2"}, ids(list, of))
		}
		won := race(8, func() error {
			x := open[0]
			return s.UpdateRollout(ctx, &x)
		})
		if won != 1 {
			t.Fatal(won)
		}
	})
}

// A tenant with nodes stays; what is left otherwise goes with it.
func TestDeleteTenantWithFleet(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "a-b")
		node(t, s, "a", "n1")
		for _, of := range []string{"a", "a-b"} {
			ok(t, s.CreatePool(ctx, pool(of, "edge")))
			ok(t, s.CreateJoinToken(ctx, joinToken(of, "j of "+of)))
			ok(t, s.AddEvents(ctx, []model.Event{event(of, "n1", "e of "+of)}))
			ok(t, s.CreateException(ctx, exception(of, "q of "+of)))
			ok(t, s.CreateRollout(ctx, rollout(of, "r of "+of)))
			ok(t, s.PutBundle(ctx, bundle(model.BundlePolicies, of, "d"), signed))
			ok(t, s.PutBundle(ctx, bundle(model.BundleSettings, of+"/edge", "d"), signed))
		}
		err := s.DeleteTenant(ctx, "a")
		code(t, err, model.CodeConflict)
		var e *model.Error
		if !errors.As(err, &e) || e.Message != "the tenant still has nodes" || e.Remedy == "" {
			t.Fatal(err)
		}
		ok(t, s.RevokeNode(ctx, "n1", "", now))
		code(t, s.DeleteTenant(ctx, "a"), model.CodeConflict)
		ok(t, s.DeleteNode(ctx, "n1"))
		ok(t, s.DeleteTenant(ctx, "a"))
		for table, want := range map[string]int{
			"pools": 1, "join_tokens": 1, "events": 1, "exceptions": 1, "rollouts": 1, "bundles": 2,
		} {
			var n int
			ok(t, s.read.NewRaw("SELECT count(*) FROM "+table).Scan(ctx, &n))
			if n != want {
				t.Errorf("%s: %d", table, n)
			}
		}
		account(t, s, "a-b", "alice")
		err = s.DeleteTenant(ctx, "a-b")
		if !errors.As(err, &e) || e.Message != "the tenant still has users" {
			t.Fatal(err)
		}
	})
}
