package store

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// until asks for a job until it is in a state. The test's own deadline ends it.
func until(t *testing.T, s *Store, id, state string) *model.Job {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		j, err := s.Job(t.Context(), id)
		ok(t, err)
		if j.State == state {
			return j
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("job %+v", j)
		}
	}
}

func TestResultOf(t *testing.T) {
	for output, want := range map[string]model.Text{
		`{"en":"done","zh":"完成"}`: {EN: "done", ZH: "完成"},
		`"done"`:                  {EN: "done"}, // of an earlier version
		"":                        {},
		`7`:                       {},
		`{"en":7}`:                {},
	} {
		if got := resultOf([]byte(output)); got != want {
			t.Errorf("%s: %+v", output, got)
		}
	}
}

func TestJobs(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		gate := make(chan struct{})
		ok(t, s.StartJobs(ctx, []model.Worker{
			{Kind: "report", Run: func(context.Context) (model.Text, error) { return model.Text{EN: "3 reports", ZH: "3 份报告"}, nil }},
			{Kind: "broken", Run: func(context.Context) (model.Text, error) { return model.Text{}, errors.New("no paper") }},
			{Kind: "wait", Run: func(ctx context.Context) (model.Text, error) {
				select {
				case <-gate:
				case <-ctx.Done():
				}
				return model.Text{}, ctx.Err()
			}},
			{Kind: "store", Run: func(ctx context.Context) (model.Text, error) {
				return model.Text{}, s.CreateTenant(ctx, &model.Tenant{ID: "by-job"})
			}},
		}))
		j, err := s.EnqueueJob(ctx, "report")
		ok(t, err)
		j = until(t, s, j.ID, "completed")
		if j.Result != (model.Text{EN: "3 reports", ZH: "3 份报告"}) || j.Finished.IsZero() || j.Attempt != 1 || j.Kind != "report" {
			t.Fatalf("%+v", j)
		}
		b, err := s.EnqueueJob(ctx, "broken")
		ok(t, err)
		if b = until(t, s, b.ID, "retryable"); b.Error != "no paper" {
			t.Fatalf("%+v", b)
		}
		_, err = s.EnqueueJob(ctx, "none")
		code(t, err, model.CodeInvalid)
		// One that runs is given again instead of a second one; cancelling ends it.
		w, err := s.EnqueueJob(ctx, "wait")
		ok(t, err)
		until(t, s, w.ID, "running")
		again, err := s.EnqueueJob(ctx, "wait")
		ok(t, err)
		if again.ID != w.ID {
			t.Fatal(again.ID, w.ID)
		}
		// In a transaction: taken back with it, there with it.
		_ = s.InTx(ctx, func(ctx context.Context) error {
			_, err := s.EnqueueJob(ctx, "store")
			ok(t, err)
			return errors.New("back")
		})
		var in *model.Job
		ok(t, s.InTx(ctx, func(ctx context.Context) error {
			if in, err = s.EnqueueJob(ctx, "store"); err != nil {
				return err
			}
			_, err := s.Job(ctx, in.ID)
			return err
		}))
		until(t, s, in.ID, "completed")
		ok(t, s.InTx(ctx, func(ctx context.Context) error { _, err := s.CancelJob(ctx, w.ID); return err }))
		until(t, s, w.ID, "cancelled")
		_, err = s.CancelJob(ctx, "none")
		code(t, err, model.CodeNotFound)
		_, err = s.Job(ctx, "999")
		code(t, err, model.CodeNotFound)
		list, next, err := s.Jobs(ctx, model.Query{Size: 2})
		ok(t, err)
		if len(list) != 2 || list[0].ID != in.ID || next == "" {
			t.Fatal(list, next)
		}
		list, next, err = s.Jobs(ctx, model.Query{Size: 2, Token: next})
		ok(t, err)
		if len(list) != 2 || list[1].ID != j.ID || next != "" {
			t.Fatal(list, next)
		}
		for _, c := range []struct {
			c    model.Condition
			want int
		}{
			{model.Condition{Field: "kind", Op: "=", Value: "wait"}, 1},
			{model.Condition{Field: "kind", Op: "!=", Value: "wait"}, 3},
			{model.Condition{Field: "state", Op: "=", Value: "completed"}, 2},
			{model.Condition{Field: "kind", Op: "=", Value: "' OR 1=1 --"}, 0},
		} {
			list, _, err := s.Jobs(ctx, model.Query{Where: []model.Condition{c.c}})
			ok(t, err)
			if len(list) != c.want {
				t.Errorf("%+v: %d", c, len(list))
			}
		}
		list, _, err = s.Jobs(ctx, model.Query{Tenant: "acme"})
		ok(t, err)
		if len(list) != 0 {
			t.Fatal("another tenant sees jobs")
		}
		_, _, err = s.Jobs(ctx, model.Query{Where: []model.Condition{{Field: "args", Op: "=", Value: "x"}}})
		code(t, err, model.CodeInvalid)
		close(gate)
		ok(t, s.StopJobs(ctx))
		ok(t, s.StopJobs(ctx))
		done, err := s.Prune(ctx, model.Retention{Jobs: time.Hour}, time.Now().Add(2*time.Hour))
		ok(t, err)
		if done["jobs"] != 3 {
			t.Fatal(done)
		}
	})
}

// A job that is due by its interval runs once, however many replicas there are, and not again after a restart.
func TestPeriodicJobsRunOnceInTheCluster(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			o := options(t, kind)
			var runs atomic.Int64
			ran := make(chan struct{}, 10)
			workers := []model.Worker{{Kind: "due", Every: 300 * 24 * time.Hour, Run: func(context.Context) (model.Text, error) {
				runs.Add(1)
				ran <- struct{}{}
				return model.Text{EN: "did it"}, nil
			}}, {Kind: "other", Run: func(context.Context) (model.Text, error) { return model.Text{}, nil }}}
			stores := []*Store{open(t, o)}
			if kind == KindPostgres {
				stores = append(stores, open(t, o))
			}
			for _, s := range stores {
				ok(t, s.StartJobs(ctx, workers))
			}
			select {
			case <-ran:
			case <-ctx.Done():
				t.Fatal("it never ran")
			}
			for _, s := range stores {
				ok(t, s.StopJobs(ctx))
			}
			s := open(t, o)
			ok(t, s.StartJobs(ctx, workers))
			j, err := s.EnqueueJob(ctx, "other")
			ok(t, err)
			until(t, s, j.ID, "completed")
			ok(t, s.StopJobs(ctx))
			list, _, err := s.Jobs(ctx, model.Query{Where: []model.Condition{{Field: "kind", Op: "=", Value: "due"}}})
			ok(t, err)
			if runs.Load() != 1 || len(list) != 1 {
				t.Fatal(runs.Load(), list)
			}
		})
	}
}

// What a server was working on when it was killed is done by the next one.
func TestJobsOfAServerThatIsGone(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		worker := []model.Worker{{Kind: "lost", Run: func(context.Context) (model.Text, error) { return model.Text{EN: "done"}, nil }}}
		s.jobs.workers = map[string]model.Worker{"lost": worker[0]}
		j, err := s.EnqueueJob(ctx, "lost")
		ok(t, err)
		_, err = s.write.NewRaw("UPDATE river_job SET state = 'running', attempt = 1").Exec(ctx)
		ok(t, err)
		ok(t, s.StartJobs(ctx, worker))
		until(t, s, j.ID, "completed")
		ok(t, s.StopJobs(ctx))
	})
}

// Jobs with arguments: each once while it is not lost, tried again when it fails, in the transaction that adds it.
func TestJobsWithArguments(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		var mu sync.Mutex
		got := map[string]int{}
		together, gate := make(chan struct{}, 2), make(chan struct{})
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"early"}`), "early")) // before the start, when no kind is known
		ok(t, s.StartJobs(ctx, []model.Worker{
			{Kind: "plain", Run: func(context.Context) (model.Text, error) { return model.Text{}, nil }},
			{Kind: "tell", RunWith: func(ctx context.Context, args []byte) (model.Text, error) {
				var a struct{ N string }
				if err := json.Unmarshal(args, &a); err != nil {
					return model.Text{}, err
				}
				mu.Lock()
				got[a.N]++
				n := got[a.N]
				mu.Unlock()
				switch {
				case a.N == "fails":
					return model.Text{EN: "tried"}, errors.New("nobody listens")
				case a.N == "twice" && n == 1:
					return model.Text{}, errors.New("later")
				case a.N == "one" || a.N == "other": // both run at the same time, or none goes on
					together <- struct{}{}
					select {
					case <-gate:
					case <-ctx.Done():
						return model.Text{}, ctx.Err()
					}
				}
				return model.Text{EN: "told " + a.N}, nil
			}},
		}))
		named := func(unique, state string) *model.Job {
			t.Helper()
			var id string
			ok(t, s.write.NewRaw("SELECT CAST(id AS TEXT) FROM river_job WHERE kind = 'tell' AND CAST(args AS TEXT) LIKE ? ORDER BY river_job.id LIMIT 1",
				"%"+unique+"%").Scan(ctx, &id))
			return until(t, s, id, state)
		}
		if j := named("early", "completed"); j.Result.EN != "told early" || j.Kind != "tell" {
			t.Fatalf("%+v", j)
		}
		// What was done, waits or runs is not added again; what has no name of its own always is.
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"early"}`), "early"))
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"fails"}`), "fails"))
		j := named("fails", "retryable")
		if j.Error != "nobody listens" {
			t.Fatalf("%+v", j)
		}
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"fails"}`), "fails"))
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"nameless"}`), ""))
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"nameless"}`), ""))
		ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"twice"}`), "twice"))
		if j := named("twice", "completed"); j.Attempt != 2 || j.Error != "" {
			t.Fatalf("%+v", j)
		}
		for _, n := range []string{"one", "other"} {
			ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"`+n+`"}`), n))
		}
		for range 2 {
			select {
			case <-together:
			case <-ctx.Done():
				t.Fatal("they do not run at the same time")
			}
		}
		close(gate)
		// With the transaction, or not at all.
		_ = s.InTx(ctx, func(ctx context.Context) error {
			ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"back"}`), "back"))
			return errors.New("back")
		})
		ok(t, s.InTx(ctx, func(ctx context.Context) error { return s.Enqueue(ctx, "tell", []byte(`{"n":"kept"}`), "kept") }))
		named("kept", "completed")
		named("other", "completed")
		for what, err := range map[string]error{
			"unknown kind":      s.Enqueue(ctx, "none", []byte(`{}`), ""),
			"takes none":        s.Enqueue(ctx, "plain", []byte(`{}`), ""),
			"no JSON":           s.Enqueue(ctx, "tell", []byte(`{`), ""),
			"too large":         s.Enqueue(ctx, "tell", []byte(`"`+strings.Repeat("x", mostArgs)+`"`), ""),
			"too long a name":   s.Enqueue(ctx, "tell", []byte(`{}`), strings.Repeat("x", mostUnique+1)),
			"without arguments": func() error { _, err := s.EnqueueJob(ctx, "tell"); return err }(),
		} {
			if model.CodeOf(err) != model.CodeInvalid {
				t.Errorf("%s: %v", what, err)
			}
		}
		ok(t, s.StopJobs(ctx))
		mu.Lock()
		defer mu.Unlock()
		if got["early"] != 1 || got["back"] != 0 || got["nameless"] != 2 || got["kept"] != 1 {
			t.Error(got)
		}
		list, _, err := s.Jobs(ctx, model.Query{Where: []model.Condition{{Field: "kind", Op: "=", Value: "tell"}}})
		ok(t, err)
		if len(list) != 8 { // early, fails, nameless twice, twice, one, other, kept
			t.Errorf("%d jobs: %+v", len(list), list)
		}
	})
}

// A job with arguments fails as often as it may, and is then discarded with its last error.
func TestJobsWithArgumentsAreGivenUp(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		ok(t, s.Enqueue(ctx, "tell", []byte(`{}`), "x"))
		_, err := s.write.NewRaw("UPDATE river_job SET attempt = ?", argsAttempts-1).Exec(ctx)
		ok(t, err)
		ok(t, s.StartJobs(ctx, []model.Worker{{Kind: "tell", RunWith: func(context.Context, []byte) (model.Text, error) {
			return model.Text{}, errors.New("nobody listens")
		}}}))
		list, _, err := s.Jobs(ctx, model.Query{})
		ok(t, err)
		if j := until(t, s, list[0].ID, "discarded"); j.Error != "nobody listens" || j.Attempt != argsAttempts {
			t.Errorf("%+v", j)
		}
		// It may be tried anew: nobody has it.
		ok(t, s.Enqueue(ctx, "tell", []byte(`{}`), "x"))
		ok(t, s.StopJobs(ctx))
		if list, _, err = s.Jobs(ctx, model.Query{}); err != nil || len(list) != 2 {
			t.Error(list, err)
		}
	})
}

// Of a server that is gone: on SQLite there is no other; on PostgreSQL only what can't run any more is given back.
func TestJobsWithArgumentsOfAServerThatIsGone(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, n := range []string{"old", "new"} {
			ok(t, s.Enqueue(ctx, "tell", []byte(`{"n":"`+n+`"}`), n))
		}
		at := map[string]string{KindPostgres: "now() - make_interval(secs => ?)", KindSQLite: "datetime('now', '-' || ? || ' seconds')"}[s.kind]
		for n, secs := range map[string]float64{"old": argsGone.Seconds() + 1, "new": 1} {
			_, err := s.write.NewRaw("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = "+at+" WHERE CAST(args AS TEXT) LIKE ?", secs, "%"+n+"%").Exec(ctx)
			ok(t, err)
		}
		ok(t, s.StartJobs(ctx, []model.Worker{{Kind: "tell", RunWith: func(context.Context, []byte) (model.Text, error) { return model.Text{EN: "done"}, nil }}}))
		list, _, err := s.Jobs(ctx, model.Query{Oldest: true})
		ok(t, err)
		until(t, s, list[0].ID, "completed")
		want := "completed"
		if s.kind == KindPostgres {
			want = "running"
		}
		until(t, s, list[1].ID, want)
		ok(t, s.StopJobs(ctx))
	})
}

func TestWorkersThatAreNone(t *testing.T) {
	s := open(t, options(t, KindSQLite))
	run := func(context.Context) (model.Text, error) { return model.Text{}, nil }
	with := func(context.Context, []byte) (model.Text, error) { return model.Text{}, nil }
	for what, w := range map[string]model.Worker{
		"nothing to run": {Kind: "x"}, "both": {Kind: "x", Run: run, RunWith: with}, "no kind": {Run: run},
		"arguments by the clock": {Kind: "x", Every: time.Hour, RunWith: with},
	} {
		if s.StartJobs(t.Context(), []model.Worker{w}) == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
