package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) jobsCommand() *cobra.Command {
	var f listFlags
	return a.group("jobs", "Work of the control plane in the background: retention, expiry, reports, verification",
		`Lists jobs, starts one of a kind now, or cancels one. Kinds: retention, expiry, report, audit_verify.`,
		`  bulkhead jobs list --filter 'state = "retryable"'
  bulkhead jobs run retention
  bulkhead jobs cancel 42`,
		lister(verb("list", "List jobs, newest first", 0, func(ctx context.Context, _ []string) error { return a.listJobs(ctx, f) }), &f, "kind, state"),
		verb("run KIND", "Start a job of a kind now", 1, func(ctx context.Context, args []string) error {
			c, err := a.jobClient(ctx)
			if err != nil {
				return err
			}
			j, err := c.RunJob(ctx, &bulkheadv1.RunJobRequest{Kind: args[0]})
			return a.showJob(j, err)
		}),
		verb("cancel ID", "Cancel a job", 1, func(ctx context.Context, args []string) error {
			c, err := a.jobClient(ctx)
			if err != nil {
				return err
			}
			j, err := c.CancelJob(ctx, &bulkheadv1.Id{Id: args[0]})
			return a.showJob(j, err)
		}),
	)
}

func (a *App) jobClient(ctx context.Context) (bulkheadv1connect.JobServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewJobServiceClient)
}

func (a *App) listJobs(ctx context.Context, f listFlags) error {
	c, err := a.jobClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Job, string, error) {
		res, err := c.ListJobs(ctx, &bulkheadv1.ListJobsRequest{Page: p})
		return res.GetJobs(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListJobsResponse{Jobs: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, j := range items {
			what := a.jobResult(j)
			if j.GetError() != "" {
				what = j.GetError()
			}
			rows = append(rows, []string{j.GetId(), j.GetKind(), j.GetState(), when(j.GetCreated()), when(j.GetFinished()), what})
		}
		a.table("no jobs", []string{"ID", "KIND", "STATE", "CREATED", "FINISHED", "RESULT"}, rows)
		a.more(next)
	})
}

// jobResult is what a job did, in the language of the configuration where it is there.
func (a *App) jobResult(j *bulkheadv1.Job) string {
	return model.Text{EN: j.GetResult(), ZH: j.GetResultZh()}.In(a.cfg.Lang)
}

func (a *App) showJob(j *bulkheadv1.Job, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(j, func() {
		a.fields("id", j.GetId(), "kind", j.GetKind(), "state", j.GetState(), "attempt", fmt.Sprint(j.GetAttempt()), "created", when(j.GetCreated()),
			"finished", when(j.GetFinished()), "result", a.jobResult(j), "error", j.GetError())
	})
}
