package store

import (
	"context"
	"errors"
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

func TestJobs(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		gate := make(chan struct{})
		ok(t, s.StartJobs(ctx, []model.Worker{
			{Kind: "report", Run: func(context.Context) (string, error) { return "3 reports", nil }},
			{Kind: "broken", Run: func(context.Context) (string, error) { return "", errors.New("no paper") }},
			{Kind: "wait", Run: func(ctx context.Context) (string, error) {
				select {
				case <-gate:
				case <-ctx.Done():
				}
				return "", ctx.Err()
			}},
			{Kind: "store", Run: func(ctx context.Context) (string, error) {
				return "", s.CreateTenant(ctx, &model.Tenant{ID: "by-job"})
			}},
		}))
		j, err := s.EnqueueJob(ctx, "report")
		ok(t, err)
		j = until(t, s, j.ID, "completed")
		if j.Result != "3 reports" || j.Finished.IsZero() || j.Attempt != 1 || j.Kind != "report" {
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
			workers := []model.Worker{{Kind: "due", Every: 300 * 24 * time.Hour, Run: func(context.Context) (string, error) {
				runs.Add(1)
				ran <- struct{}{}
				return "did it", nil
			}}, {Kind: "other", Run: func(context.Context) (string, error) { return "", nil }}}
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
		worker := []model.Worker{{Kind: "lost", Run: func(context.Context) (string, error) { return "done", nil }}}
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
