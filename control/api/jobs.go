package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// JobStore runs work in the background.
type JobStore interface {
	EnqueueJob(ctx context.Context, kind string) (*model.Job, error)
	CancelJob(ctx context.Context, id string) (*model.Job, error)
	Jobs(ctx context.Context, q model.Query) ([]model.Job, string, error)
}

// Jobs implements JobService.
type Jobs struct{ Store JobStore }

// ListJobs implements JobService.
func (s *Jobs) ListJobs(ctx context.Context, r *bulkheadv1.ListJobsRequest) (*bulkheadv1.ListJobsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"kind", "state"})
	if err != nil {
		return nil, err
	}
	jobs, next, err := s.Store.Jobs(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListJobsResponse{NextPage: next}
	for i := range jobs {
		out.Jobs = append(out.Jobs, jobOut(&jobs[i]))
	}
	return out, gate.MaskAll(out.GetJobs(), r.GetPage().GetReadMask())
}

// RunJob implements JobService.
func (s *Jobs) RunJob(ctx context.Context, r *bulkheadv1.RunJobRequest) (*bulkheadv1.Job, error) {
	j, err := s.Store.EnqueueJob(ctx, r.GetKind())
	if err != nil {
		return nil, err
	}
	return jobOut(j), nil
}

// CancelJob implements JobService.
func (s *Jobs) CancelJob(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Job, error) {
	j, err := s.Store.CancelJob(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return jobOut(j), nil
}
