package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestJobService runs work on a real store: it is seen with its result, found by kind and state, and cancelled.
func TestJobService(t *testing.T) {
	w := newWorld(t, real)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	begun := make(chan struct{}, 1)
	err := w.store.StartJobs(t.Context(), []model.Worker{
		{Kind: "report", Title: "Say where every tenant stands", Run: func(context.Context) (model.Text, error) {
			return model.Text{EN: "three tenants", ZH: "三个租户"}, nil
		}},
		{Kind: "slow", Title: "Wait", Run: func(ctx context.Context) (model.Text, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return model.Text{}, ctx.Err()
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.StopJobs(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c, ctx := w.clients(), as(t, "bhs_admin")

	ran, err := c.jobs.RunJob(ctx, &bulkheadv1.RunJobRequest{Kind: "report"})
	if err != nil || ran.GetId() == "" || ran.GetKind() != "report" {
		t.Fatal(ran, err)
	}
	done := jobInState(t, c, ran.GetId(), "completed")
	if done.GetResult() != "three tenants" || done.GetResultZh() != "三个租户" || done.GetError() != "" || done.GetFinished().AsTime().Before(ran.GetCreated().AsTime()) {
		t.Errorf("%v", done)
	}
	slow, err := c.jobs.RunJob(ctx, &bulkheadv1.RunJobRequest{Kind: "slow"})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	jobInState(t, c, slow.GetId(), "running")
	if _, err := c.jobs.CancelJob(ctx, &bulkheadv1.Id{Id: slow.GetId()}); err != nil {
		t.Fatal(err)
	}
	jobInState(t, c, slow.GetId(), "cancelled")

	for filter, want := range map[string]string{`kind = "slow"`: slow.GetId(), `state = "completed"`: ran.GetId()} {
		list, err := c.jobs.ListJobs(ctx, &bulkheadv1.ListJobsRequest{Page: &bulkheadv1.Page{Filter: filter}})
		if err != nil || len(list.GetJobs()) != 1 || list.GetJobs()[0].GetId() != want {
			t.Errorf("%s: %v, %v", filter, list, err)
		}
	}
	if _, err := c.jobs.RunJob(ctx, &bulkheadv1.RunJobRequest{Kind: "none"}); detailOf(t, err).GetCode() != "invalid" {
		t.Error(err)
	}
	if _, err := c.jobs.CancelJob(ctx, &bulkheadv1.Id{Id: "999999"}); detailOf(t, err).GetCode() != "not_found" {
		t.Error(err)
	}
	w.wasRecorded("JobRun", model.OutcomeAllowed)
	w.wasRecorded("JobCancel", model.OutcomeAllowed)
}

// wasRecorded wants a record of an action.
func (w *world) wasRecorded(action string, outcome model.Outcome) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.records {
		if r.Action == action && r.Outcome == outcome {
			return
		}
	}
	w.t.Errorf("there is no record that %s was %s", action, outcome)
}

// jobInState asks for the jobs until one is in a state.
func jobInState(t *testing.T, c *clients, id, state string) *bulkheadv1.Job {
	t.Helper()
	var last *bulkheadv1.Job
	for range 1000 {
		list, err := c.jobs.ListJobs(as(t, "bhs_admin"), &bulkheadv1.ListJobsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range list.GetJobs() {
			if j.GetId() != id {
				continue
			}
			if last = j; j.GetState() == state {
				return j
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the job %s is not %s: %v", id, state, last)
	return nil
}
