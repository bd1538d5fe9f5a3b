package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Bounds of a preview.
const (
	previewOf     = 7 * 24 * time.Hour
	longestOf     = 90 * 24 * time.Hour
	mostPreviewed = 200_000 // refusals
	guardTime     = 8 * time.Second
	previewAtOnce = 1000
)

// PreviewGuard implements GuardService.
func (s *Guards) PreviewGuard(ctx context.Context, r *bulkheadv1.PreviewGuardRequest) (*bulkheadv1.PreviewGuardResponse, error) {
	began := s.Now()
	sc, err := s.preview(ctx, r, began)
	if err != nil {
		return nil, err
	}
	var p calls.Preview
	out := &bulkheadv1.PreviewGuardResponse{Since: stamp(sc.Since)}
	for {
		part, err := s.Store.ScanRecords(ctx, sc)
		if err != nil {
			return nil, err
		}
		for i := range part.Records {
			if c := calls.Of(&part.Records[i]); c != nil {
				p.Add(c)
			}
		}
		out.Read += part.Seen
		if part.Next == "" {
			break
		}
		if out.GetRead() >= mostPreviewed || s.Now().Sub(began) > guardTime {
			out.Truncated, out.Since = true, stamp(part.Until)
			break
		}
		sc.Token = part.Next
	}
	out.Truncated = out.GetTruncated() || p.Dropped
	if out.Calls, err = s.Store.CountRecords(ctx, sc.Log, s.Actions, model.Query{Tenant: sc.Tenant, Since: out.GetSince().AsTime()}); err != nil {
		return nil, err
	}
	out.Rules = p.Rules(s.rule(sc.Tenant))
	return out, nil
}

// preview is what the store looks for.
func (s *Guards) preview(ctx context.Context, r *bulkheadv1.PreviewGuardRequest, now time.Time) (model.RecordScan, error) {
	sc := model.RecordScan{
		Query: model.Query{Tenant: gate.Scope(ctx, r.GetTenant()), Since: now.Add(-previewOf), Size: previewAtOnce},
		Log:   model.NodeLogs, Actions: s.Actions, Refusals: true, Any: refusals(), Most: largestPart,
	}
	if t := r.GetSince(); t != nil {
		sc.Since = t.AsTime()
	}
	if sc.Since.Before(now.Add(-longestOf)) {
		return sc, &model.Error{
			Code: model.CodeInvalid, Message: "since: a preview goes back 90 days at most", Field: "since", Remedy: "Ask for less; a week is the default.",
		}
	}
	if r.GetNode() == "" {
		return sc, nil
	}
	var err error
	sc.Log, err = logOf(r.GetNode())
	return sc, err
}
