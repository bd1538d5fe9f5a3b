package api

import (
	"context"
	"errors"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// RolloutStore keeps roll-outs.
type RolloutStore interface {
	Rollouts(ctx context.Context, q model.Query) ([]model.Rollout, string, error)
}

// Rollouts steers roll-outs.
type Rollouts interface {
	Decide(ctx context.Context, id, decision, reason, by string) (*model.Rollout, error)
}

// ListRollouts implements PoolService.
func (s *Pools) ListRollouts(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListRolloutsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"pool", "state"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Rollouts.Rollouts(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListRolloutsResponse{NextPage: next}
	for i := range list {
		out.Rollouts = append(out.Rollouts, rolloutOut(&list[i]))
	}
	return out, gate.MaskAll(out.GetRollouts(), r.GetPage().GetReadMask())
}

// DecideRollout implements PoolService.
func (s *Pools) DecideRollout(ctx context.Context, r *bulkheadv1.DecideRolloutRequest) (*bulkheadv1.Rollout, error) {
	if s.Decider == nil {
		return nil, &model.Error{Code: model.CodeUnavailable, Message: "roll-outs can't be steered", Err: errors.New("no decider")}
	}
	o, err := s.Decider.Decide(ctx, r.GetId(), r.GetDecision(), r.GetReason(), gate.Caller(ctx).ID)
	if err != nil {
		return nil, err
	}
	return rolloutOut(o), nil
}

func rolloutOut(o *model.Rollout) *bulkheadv1.Rollout {
	return &bulkheadv1.Rollout{
		Id: o.ID, Tenant: o.Tenant, Pool: o.Pool, From: o.From, To: o.To, State: string(o.State), Share: small(o.Share), Step: small(o.Step),
		StepSince: stamp(o.StepSince), Reason: o.Reason, Nodes: small(o.Nodes), Applied: small(o.Applied), Failed: small(o.Failed),
		Findings: small(o.Findings), Author: o.Author, Created: stamp(o.Created), Ended: stamp(o.Ended),
	}
}
