package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// DrillStore keeps results of drills.
type DrillStore interface {
	AddDrills(ctx context.Context, all []model.DrillOutcome) error
	Drills(ctx context.Context, q model.Query, newest bool) ([]model.DrillOutcome, string, error)
}

// ControlFacts are what nodes say of the controls that run on them.
type ControlFacts interface {
	NodesWithFacts(ctx context.Context, tenant string, any, keys []string) ([]model.Member, map[string]map[string][]byte, error)
	CountNodes(ctx context.Context, tenant string) (map[string]int, error)
}

// Drills implements DrillService.
type Drills struct {
	Store     DrillStore
	Tenants   TenantReader
	Facts     ControlFacts
	Catalogue *catalogue.Catalogue
	// Kinds are the drills of this version, Controls the names of the controls that it has.
	Kinds    []model.Drill
	Controls []string
	Now      func() time.Time
}

// oldestDrill is how long ago a drill may have run that is published.
const oldestDrill = 30 * 24 * time.Hour

// PublishDrills implements DrillService.
func (s *Drills) PublishDrills(ctx context.Context, r *bulkheadv1.PublishDrillsRequest) (*bulkheadv1.PublishDrillsResponse, error) {
	tenant := gate.TenantOf(ctx, r.GetTenant())
	if _, err := s.Tenants.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	if r.GetNode() != strings.TrimSpace(printable(r.GetNode())) {
		return nil, invalid("node", "the name of the machine has spaces around it, or characters that can't be seen")
	}
	var all []model.DrillOutcome
	seen := map[string]bool{}
	for i, in := range r.GetResults() {
		o, err := s.outcome(in, fmt.Sprintf("results[%d]", i))
		if err != nil {
			return nil, err
		}
		if seen[o.Result.ID] {
			return nil, invalid(fmt.Sprintf("results[%d].drill", i), "it is there twice")
		}
		seen[o.Result.ID] = true
		if o.ID, err = newID(); err != nil {
			return nil, err
		}
		o.Tenant, o.Node, o.Version, o.Published, o.Publisher = tenant, r.GetNode(), r.GetVersion(), s.Now(), gate.Caller(ctx).ID
		all = append(all, *o)
	}
	if err := s.Store.AddDrills(ctx, all); err != nil {
		return nil, err
	}
	out := &bulkheadv1.PublishDrillsResponse{}
	for i := range all {
		out.Results = append(out.Results, drillOut(&all[i]))
	}
	return out, nil
}

// outcome is a result that may be kept: of a drill that there is, with a verdict that follows from what was seen.
func (s *Drills) outcome(in *bulkheadv1.DrillResult, field string) (*model.DrillOutcome, error) {
	at := slices.IndexFunc(s.Kinds, func(d model.Drill) bool { return d.ID == in.GetDrill() })
	if at < 0 {
		return nil, &model.Error{
			Code: model.CodeInvalid, Field: field + ".drill", Message: fmt.Sprintf("%s.drill: this server has no drill %q", field, short(fmt.Errorf("%s", in.GetDrill()))),
			Remedy: "`bulkhead drill list` of the server's version shows the drills; publish with the same version.",
		}
	}
	proved := in.GetWithoutControl() == string(model.AttackSucceeded) && in.GetWithControl() == string(model.AttackFailed)
	ran := in.GetRan().AsTime()
	switch {
	case in.GetVerdict() == string(model.VerdictProved) && !proved:
		return nil, invalid(field+".verdict", "it is proved only where the attack succeeded without the control and failed with it")
	case in.GetRan() == nil || ran.After(s.Now().Add(maxClock)) || ran.Before(s.Now().Add(-oldestDrill)):
		return nil, invalid(field+".ran", "when it ran must be there, within the last 30 days and not in the future")
	}
	return &model.DrillOutcome{Requirement: s.Kinds[at].Requirement, Ran: ran.UTC(), Result: model.DrillResult{
		ID: in.GetDrill(), WithoutControl: model.AttackResult(in.GetWithoutControl()), WithControl: model.AttackResult(in.GetWithControl()),
		Verdict: model.Verdict(in.GetVerdict()), Why: in.GetWhy(), DurationMS: in.GetDurationMs(),
	}}, nil
}

// ListDrills implements DrillService.
func (s *Drills) ListDrills(ctx context.Context, r *bulkheadv1.ListDrillsRequest) (*bulkheadv1.ListDrillsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"drill", "requirement", "node", "verdict"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Store.Drills(ctx, q, !r.GetHistory())
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListDrillsResponse{NextPage: next}
	for i := range list {
		out.Results = append(out.Results, drillOut(&list[i]))
	}
	return out, gate.MaskAll(out.GetResults(), r.GetPage().GetReadMask())
}

func drillOut(d *model.DrillOutcome) *bulkheadv1.DrillResult {
	return &bulkheadv1.DrillResult{
		Id: d.ID, Tenant: d.Tenant, Drill: d.Result.ID, Requirement: d.Requirement, Node: d.Node, Verdict: string(d.Result.Verdict),
		WithoutControl: string(d.Result.WithoutControl), WithControl: string(d.Result.WithControl), Why: d.Result.Why,
		DurationMs: d.Result.DurationMS, Ran: stamp(d.Ran), Published: stamp(d.Published), Publisher: d.Publisher, Version: d.Version,
	}
}

// GetDrillKinds implements DrillService.
func (s *Drills) GetDrillKinds(context.Context, *bulkheadv1.Empty) (*bulkheadv1.DrillKinds, error) {
	out := &bulkheadv1.DrillKinds{}
	for _, d := range s.Kinds {
		out.Drills = append(out.Drills, &bulkheadv1.DrillKind{
			Id: d.ID, Requirement: d.Requirement, Technique: d.Technique, Title: d.Title, TitleZh: d.TitleZH, Needs: d.Needs,
		})
	}
	slices.SortFunc(out.GetDrills(), func(a, b *bulkheadv1.DrillKind) int { return strings.Compare(a.GetId(), b.GetId()) })
	return out, nil
}

// printable is a text without what can't be seen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
