package api

import (
	"context"
	"strings"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TriageFindings implements FindingService.
func (s *Findings) TriageFindings(ctx context.Context, r *bulkheadv1.TriageFindingsRequest) (*bulkheadv1.TriageFindingsResponse, error) {
	caller := gate.Caller(ctx)
	tri := &model.Triage{
		Tenant: gate.TenantOf(ctx, r.GetTenant()), Time: s.Now(), Author: caller.ID, AuthorName: caller.Name,
		State: model.FindingState(r.GetState()), Comment: strings.TrimSpace(r.GetComment()),
	}
	if tri.State == "" && r.GetOwner() == nil && tri.Comment == "" {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: "nothing is to be done: there is no state, no owner and no comment", Field: "state",
			Remedy: "Give a state, an owner or a comment.",
		}
	}
	var err error
	if r.GetOwner() != nil {
		if tri.Owner, err = s.ownerIn(ctx, tri.Tenant, r.GetOwner()); err != nil {
			return nil, err
		}
	}
	refs, err := refsIn(r.GetFindings())
	if err != nil {
		return nil, err
	}
	found, err := s.Store.TriageFindings(ctx, refs, tri)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.TriageFindingsResponse{}
	for i := range found {
		out.Findings = append(out.Findings, findingOut(&found[i]))
	}
	return out, nil
}

// refsIn are findings, each once: what is named twice would be noted twice.
func refsIn(in []*bulkheadv1.FindingRef) ([]model.FindingRef, error) {
	seen := map[[2]string]bool{}
	out := make([]model.FindingRef, 0, len(in))
	for _, r := range in {
		key := [2]string{r.GetNode(), r.GetId()}
		if seen[key] {
			return nil, invalid("findings", "the finding "+r.GetId()+" of a node is there twice")
		}
		seen[key] = true
		ref := model.FindingRef{Node: r.GetNode(), ID: r.GetId(), Version: model.AnyVersion}
		if r.Version != nil {
			ref.Version = max(r.GetVersion(), 0)
		}
		out = append(out, ref)
	}
	return out, nil
}

// ownerIn is who shall see to findings. An account is one of their tenant or of the caller's: of others it is not told whether there is
// one.
func (s *Findings) ownerIn(ctx context.Context, tenant string, o *bulkheadv1.FindingOwner) (*model.FindingOwner, error) {
	if o.GetUser() == "" {
		return &model.FindingOwner{Name: strings.TrimSpace(o.GetName())}, nil
	}
	a, err := s.People.Account(ctx, o.GetUser())
	if err != nil && model.CodeOf(err) != model.CodeNotFound {
		return nil, err
	}
	if err != nil || a.Tenant != tenant && a.Tenant != gate.Caller(ctx).Tenant {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: "owner.user: there is no such account", Field: "owner.user",
			Remedy: "`bulkhead users list` shows the accounts. Whoever has none is named by owner.name alone.",
		}
	}
	return &model.FindingOwner{User: a.ID, Name: a.Name}, nil
}

// ListFindingNotes implements FindingService.
func (s *Findings) ListFindingNotes(ctx context.Context, r *bulkheadv1.ListFindingNotesRequest) (*bulkheadv1.ListFindingNotesResponse, error) {
	q, err := gate.PageOf(r.GetPage(), nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.Store.Finding(ctx, r.GetNode(), r.GetId()); err != nil {
		return nil, err
	}
	notes, next, err := s.Store.FindingNotes(ctx, r.GetNode(), r.GetId(), q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListFindingNotesResponse{NextPage: next}
	for i := range notes {
		n := &notes[i]
		out.Notes = append(out.Notes, &bulkheadv1.FindingNote{
			Id: n.ID, Time: stamp(n.Time), Author: n.Author, AuthorName: n.AuthorName, WasState: string(n.WasState), State: string(n.State),
			WasOwner: n.WasOwner, Owner: n.Owner, Comment: n.Comment,
		})
	}
	return out, gate.MaskAll(out.GetNotes(), r.GetPage().GetReadMask())
}
