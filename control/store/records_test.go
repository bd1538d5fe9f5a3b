package store

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func record(origin string, index uint64, tenant string) model.LogRecord {
	return model.LogRecord{
		Origin: origin, Index: index, Event: []byte(fmt.Sprintf(`{"index":%d,"origin":%q}`, index, origin)),
		Record: model.Record{
			ID: id(), Time: now.Add(time.Duration(index) * time.Second), Actor: "u", ActorName: "alice", Tenant: tenant,
			Action: "UserRead", Resource: model.Ref{Type: "User", ID: "x"}, Outcome: model.OutcomeAllowed,
			Request: &model.Request{Action: "UserRead", Time: now}, Changes: map[string]string{"a": "b"},
		},
	}
}

func TestRecords(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		var all []model.LogRecord
		for i := range uint64(150) {
			all = append(all, record("one", i, []string{"a", "b"}[i%2]))
		}
		// The same records by many at once are there once.
		if won := race(4, func() error { return s.IndexRecords(ctx, all[:100]) }); won != 4 {
			t.Fatal(won)
		}
		up := func(want uint64) {
			t.Helper()
			got, err := s.IndexedUpTo(ctx, "one")
			ok(t, err)
			if got != want {
				t.Fatalf("indexed up to %d, not %d", got, want)
			}
		}
		up(100)
		ok(t, s.IndexRecords(ctx, all[110:120])) // a gap does not count
		up(100)
		ok(t, s.IndexRecords(ctx, append(all[90:110:110], record("two", 0, "a"))))
		up(110)
		ok(t, s.IndexRecords(ctx, all[110:]))
		up(150)
		got, err := s.Record(ctx, "one", 7)
		ok(t, err)
		if d := cmp.Diff(&all[7], got); d != "" {
			t.Fatal(d)
		}
		_, err = s.Record(ctx, "one", 150)
		code(t, err, model.CodeNotFound)
		_, err = s.Record(ctx, "one", math.MaxUint64)
		code(t, err, model.CodeInvalid)
		q := model.Query{Tenant: "a", Size: 30, Where: []model.Condition{{Field: "origin", Op: "=", Value: "one"}}}
		n, last := 0, uint64(math.MaxUint64)
		for {
			list, next, err := s.Records(ctx, q)
			ok(t, err)
			for _, r := range list {
				if r.Record.Tenant != "a" || r.Index >= last {
					t.Fatal(r.Record.Tenant, r.Index, last)
				}
				last = r.Index
			}
			if n += len(list); next == "" {
				break
			}
			q.Token = next
		}
		if n != 75 {
			t.Fatal(n)
		}
		list, _, err := s.Records(ctx, model.Query{Since: now.Add(10 * time.Second), Until: now.Add(12 * time.Second), Oldest: true})
		ok(t, err)
		if len(list) != 2 || list[0].Index != 10 || list[1].Index != 11 {
			t.Fatal(list)
		}
	})
}

func TestLogs(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		ok(t, s.RegisterLog(ctx, "one", "key"))
		ok(t, s.RegisterLog(ctx, "one", "key"))
		code(t, s.RegisterLog(ctx, "one", "other"), model.CodeConflict)
		c := model.Checkpoint{Origin: "one", Size: 5, Root: []byte{1}, Note: "n", Keeper: "k", Time: now}
		state := &model.LogState{
			Origin: "one", PublicKey: "key", Checkpoint: c, Problems: []string{"forked at 3", "p0", "p1"}, Verified: now,
			Proofs: []model.Consistency{{From: 2, Path: [][]byte{{1}, {2}}}, {From: 4}},
		}
		ok(t, s.PublishLog(ctx, &c, state.Proofs))
		ok(t, s.SetLogVerified(ctx, "one", now))
		ok(t, s.AddLogProblems(ctx, "one", []string{"forked at 3"}, 3))
		// Several keepers find something at once: all of it is there, each once, up to the limit.
		if won := race(4, func() error { return s.AddLogProblems(ctx, "one", []string{"p0", "p1", "forked at 3", "p2"}, 3) }); won != 4 {
			t.Fatal(won)
		}
		none := c
		none.Origin = "none"
		code(t, s.PublishLog(ctx, &none, nil), model.CodeNotFound)
		code(t, s.SetLogVerified(ctx, "none", now), model.CodeNotFound)
		code(t, s.AddLogProblems(ctx, "none", []string{"p"}, 3), model.CodeNotFound)
		logs, err := s.Logs(ctx)
		ok(t, err)
		if d := cmp.Diff([]model.LogState{*state}, logs); d != "" {
			t.Fatal(d)
		}
		fork := c
		fork.Root = []byte{2}
		newer := c
		newer.Size, newer.Time = 9, now.Add(time.Second)
		for _, c := range []model.Checkpoint{c, c, fork, newer} {
			ok(t, s.KeepCheckpoint(ctx, &c))
		}
		got, err := s.Checkpoints(ctx, "one", 10)
		ok(t, err)
		if d := cmp.Diff([]model.Checkpoint{newer, c, fork}, got); d != "" {
			t.Fatal(d)
		}
		other := newer
		other.Keeper, other.Size, other.Time = "j", 7, now.Add(-time.Hour) // long ago, and still what that keeper has
		ok(t, s.KeepCheckpoint(ctx, &other))
		ok(t, s.RegisterLog(ctx, "j", "key"))
		ok(t, s.RegisterLog(ctx, "k", "key"))
		got, err = s.LargestCheckpoints(ctx, "one")
		ok(t, err)
		if d := cmp.Diff([]model.Checkpoint{other, newer}, got); d != "" {
			t.Fatal(d)
		}
	})
}

// There are few logs of replicas and many of nodes.
func TestLogsOfNodes(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, origin := range []string{"bulkhead/a", "bulkhead/node/1", "bulkhead/node/2", "bulkhead/node/3", "bulkhead/node", "bulkhead/nodes", "bulkhead/z"} {
			ok(t, s.RegisterLog(ctx, origin, "key"))
		}
		ok(t, s.AddLogProblems(ctx, "bulkhead/node/2", []string{"p", "q"}, 9))
		ok(t, s.AddLogProblems(ctx, "bulkhead/z", []string{"r"}, 9))
		origins := func(logs []model.LogState, err error) []string {
			t.Helper()
			ok(t, err)
			return ids(logs, func(l model.LogState) string { return l.Origin })
		}
		replicas := []string{"bulkhead/a", "bulkhead/node", "bulkhead/nodes", "bulkhead/z"}
		same(t, replicas, origins(s.ReplicaLogs(ctx)))
		same(t, []string{"bulkhead/node/1", "bulkhead/node/2"}, origins(s.NodeLogs(ctx, "", 2)))
		same(t, []string{"bulkhead/node/3"}, origins(s.NodeLogs(ctx, "bulkhead/node/2", 2)))
		all := append([]string{"bulkhead/z"}, replicas[:3]...)
		same(t, append(all, "bulkhead/node/2", "bulkhead/node/1", "bulkhead/node/3"), origins(s.Logs(ctx)))
		if n, err := s.NodeLogProblems(ctx); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		l, err := s.LogState(ctx, "bulkhead/z")
		ok(t, err)
		same(t, []string{"r"}, l.Problems)
		_, err = s.LogState(ctx, "bulkhead/b")
		code(t, err, model.CodeNotFound)

		var list []model.Checkpoint
		for i := range 5 {
			for _, of := range []string{"bulkhead/node/1", "bulkhead/node/2"} {
				list = append(list, model.Checkpoint{Origin: of, Keeper: "bulkhead/a", Size: uint64(i + 1), Root: []byte{1}, Note: "n", Time: now})
			}
		}
		mine := model.Checkpoint{Origin: "bulkhead/node/1", Keeper: "bulkhead/z", Size: 1, Root: []byte{1}, Note: "n", Time: now}
		ok(t, s.KeepCheckpoint(ctx, &mine))
		ok(t, s.KeepCheckpoints(ctx, list, 2))
		for origin, want := range map[string]int{"bulkhead/node/1": 3, "bulkhead/node/2": 2} {
			got, err := s.Checkpoints(ctx, origin, 9)
			ok(t, err)
			if len(got) != want || got[0].Size != 5 || got[1].Size != 4 {
				t.Fatal(origin, got)
			}
		}
		got, err := s.LargestCheckpoints(ctx, "bulkhead/node/1")
		ok(t, err)
		if len(got) != 2 || got[0].Size != 5 || got[1].Keeper != "bulkhead/z" {
			t.Fatal(got)
		}
	})
}

func TestAssessments(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		var want []model.Published
		for i := range 6 {
			p := model.Published{
				ID: fmt.Sprint(i), Tenant: []string{"a", "b"}[i%2], Node: "n", NodeName: "node", Time: now, Publisher: "u",
				Published: now.Add(time.Duration(i) * time.Second), Statuses: map[string]model.Status{"8.1.a": model.Met}, Document: []byte("{}"),
			}
			ok(t, s.CreateAssessment(ctx, &p))
			got, err := s.Assessment(ctx, p.ID)
			ok(t, err)
			if d := cmp.Diff(&p, got); d != "" {
				t.Fatal(d)
			}
			p.Document = nil
			want = append([]model.Published{p}, want...)
		}
		list, _, err := s.Assessments(ctx, model.Query{})
		ok(t, err)
		if d := cmp.Diff(want, list); d != "" {
			t.Fatal(d)
		}
		latest, err := s.LatestAssessments(ctx, "a")
		ok(t, err)
		if len(latest) != 1 || latest[0].ID != "4" {
			t.Fatal(latest)
		}
		latest, err = s.LatestAssessments(ctx, "")
		ok(t, err)
		if len(latest) != 2 {
			t.Fatal(latest)
		}
		code(t, s.CreateAssessment(ctx, &model.Published{ID: "x", Tenant: "none"}), model.CodeNotFound)
	})
}

// Who has seen change n has seen all below it, however many write at once and however long their transactions last.
func TestChangesHaveNoGaps(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			defer close(done)
			var seen int64
			for {
				ended := ctx.Err() != nil
				changes, err := s.ChangesAfter(t.Context(), "", seen, 0)
				if err != nil {
					done <- err
					return
				}
				for _, c := range changes {
					if c.Seq != seen+1 {
						done <- fmt.Errorf("change %d came after %d", c.Seq, seen)
						return
					}
					seen = c.Seq
				}
				if ended && len(changes) == 0 {
					return
				}
			}
		}()
		const writers, each = 8, 10
		won := race(writers, func() error {
			for range each {
				err := s.InTx(t.Context(), func(ctx context.Context) error {
					name := id()
					if err := s.CreateTenant(ctx, &model.Tenant{ID: name}); err != nil {
						return err
					}
					return s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: name, Name: "x"})
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if won != writers {
			t.Fatal(won)
		}
		last, err := s.LastChange(t.Context())
		ok(t, err)
		oldest, err := s.OldestChange(t.Context())
		ok(t, err)
		if last != writers*each*2 || oldest != 1 {
			t.Fatal(oldest, last)
		}
	})
}

func TestTransactions(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		failed := &model.Error{Code: model.CodeInternal}
		code(t, s.InTx(ctx, func(ctx context.Context) error {
			ok(t, s.CreateTenant(ctx, &model.Tenant{ID: "gone"}))
			return failed
		}), model.CodeInternal)
		// What failed inside is undone alone, and the rest goes on.
		ok(t, s.InTx(ctx, func(ctx context.Context) error {
			ok(t, s.CreateTenant(ctx, &model.Tenant{ID: "kept"}))
			code(t, s.CreateTenant(ctx, &model.Tenant{ID: "kept"}), model.CodeExists)
			code(t, s.InTx(ctx, func(ctx context.Context) error {
				ok(t, s.CreateTenant(ctx, &model.Tenant{ID: "inner"}))
				return failed
			}), model.CodeInternal)
			_, err := s.Tenant(ctx, "kept") // it sees its own writes
			return err
		}))
		func() {
			defer func() { _ = recover() }()
			_ = s.InTx(ctx, func(ctx context.Context) error {
				ok(t, s.CreateTenant(ctx, &model.Tenant{ID: "panic"}))
				panic("x")
			})
		}()
		all, _, err := s.Tenants(ctx, model.Query{})
		ok(t, err)
		changes, err := s.ChangesAfter(ctx, "", 0, 0)
		ok(t, err)
		if len(all) != 2 || all[0].ID != "kept" || len(changes) != 1 || changes[0].Object != (model.Ref{Type: "Tenant", ID: "kept"}) {
			t.Fatal(all, changes)
		}
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		code(t, s.CreateTenant(stopped, &model.Tenant{ID: "x"}), model.CodeUnavailable)
		code(t, s.Ping(stopped), model.CodeUnavailable)
		ok(t, s.Ping(ctx))
	})
}
