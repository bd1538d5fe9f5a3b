package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	previewSpan     = 7 * 24 * time.Hour
	previewMost     = 31 * 24 * time.Hour
	previewRecords  = 100000 // newest first
	previewPage     = 1000
	previewExamples = 50
	previewTime     = 20 * time.Second // for the recorded decisions
)

// PreviewPolicies implements PolicyService.
func (s *Policies) PreviewPolicies(ctx context.Context, r *bulkheadv1.PreviewPoliciesRequest) (*bulkheadv1.PolicyPreview, error) {
	since := previewSpan
	if r.GetSince() != nil {
		if since = r.GetSince().AsDuration(); since < 0 || since > previewMost {
			return nil, invalid("since", "at most 31 days back")
		}
	}
	return s.preview(ctx, model.Policies{Tenant: gate.TenantOf(ctx, r.GetTenant()), Files: filesIn(r.GetFiles())}, since)
}

func (s *Policies) preview(ctx context.Context, draft model.Policies, since time.Duration) (*bulkheadv1.PolicyPreview, error) {
	done, err := s.turns.take(ctx, gate.Caller(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	defer done()
	old, err := s.version(ctx, draft.Tenant, 0)
	if err != nil {
		return nil, err
	}
	draft.Version = old.Version + 1
	out := &bulkheadv1.PolicyPreview{}
	if out.Difference, err = authz.Diff(old.Files, draft.Files); err != nil {
		return nil, err
	}
	check, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	for _, p := range s.Engine.Schema().Validate(check, draft.Tenant, draft.Files) {
		out.Problems = append(out.Problems, &bulkheadv1.PolicyProblem{File: p.File, Line: int32(p.Line), Column: int32(p.Column), Message: p.Message})
	}
	engine, err := s.Engine.With(draft)
	if err != nil {
		if len(out.GetProblems()) > 0 { // they say why
			return out, nil
		}
		return nil, err
	}
	for _, t := range engine.Test(check, draft.Tenant, draft.Files) {
		out.Tests = append(out.Tests, &bulkheadv1.PolicyTestResult{File: t.File, Name: t.Name, Passed: t.Passed, Why: t.Why})
	}
	if draft.Tenant == model.SystemTenant { // another tenant's policies can't touch them, and its owner needn't know them
		left, err := s.administrators(ctx, engine)
		if err != nil {
			return nil, err
		}
		for _, p := range left {
			out.Administrators = append(out.Administrators, p.Name)
		}
		out.LocksOut = len(left) == 0
	}
	effect, err := s.replay(ctx, engine, draft.Tenant, since)
	if err != nil {
		return nil, err
	}
	effectOut(effect, out)
	return out, nil
}

// replay decides the recorded requests of a tenant, or of all for "system", again. It stops after previewTime: what it
// counted by then is said to be counted.
func (s *Policies) replay(ctx context.Context, draft *authz.Engine, tenant string, since time.Duration) (*authz.Effect, error) {
	bounded, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	q := model.Query{Tenant: tenant, Size: previewPage, Since: s.Now().Add(-since)}
	if tenant == model.SystemTenant {
		q.Tenant = ""
	}
	effect := &authz.Effect{}
	for effect.Replayed < previewRecords {
		records, next, err := s.Records.Records(bounded, q)
		if err != nil {
			if bounded.Err() != nil && ctx.Err() == nil {
				break
			}
			return nil, err
		}
		for i := range records {
			if rec := &records[i].Record; rec.Request != nil && rec.Of == "" {
				effect.Replay(bounded, s.Engine, draft, *rec.Request, previewExamples)
			}
		}
		if next == "" || bounded.Err() != nil {
			break
		}
		q.Token = next
	}
	return effect, ctx.Err()
}

func effectOut(e *authz.Effect, out *bulkheadv1.PolicyPreview) {
	out.Replayed, out.NewlyRefused, out.NewlyPermitted = e.Replayed, e.NewlyRefused, e.NewlyPermitted
	for _, c := range e.Changes {
		who := c.Request.Principal.Name
		if who == "" {
			who = c.Request.Principal.ID
		}
		out.Changes = append(out.Changes, &bulkheadv1.DecisionChange{
			Time: stamp(c.Request.Time), Principal: who, Action: c.Request.Action, Resource: objectRefOut(c.Request.Resource.Ref),
			WasAllowed: c.Was, WouldBeAllowed: c.Now.Allowed, Policies: c.Now.Policies,
		})
	}
}

func objectRefOut(r model.Ref) *bulkheadv1.ObjectRef {
	return &bulkheadv1.ObjectRef{Type: r.Type, Id: r.ID}
}
