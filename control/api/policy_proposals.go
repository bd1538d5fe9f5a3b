package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	proposalsAtOnce = 20   // pending ones of a tenant
	proposalTests   = 2000 // results that are kept with a proposal
)

type proposalKey struct{}

// prepareProposal checks a draft before the transaction. It is not signed: who approves it signs what is right then.
func (s *Policies) prepareProposal(ctx context.Context, r *bulkheadv1.ProposePoliciesRequest) (context.Context, error) {
	p, err := s.proposal(ctx, r)
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, proposalKey{}, p), nil
}

func (s *Policies) proposal(ctx context.Context, r *bulkheadv1.ProposePoliciesRequest) (*model.Proposal, error) {
	p := &model.Proposal{
		Tenant: gate.TenantOf(ctx, r.GetTenant()), Base: r.GetBaseVersion(), Files: filesIn(r.GetFiles()), Note: r.GetNote(),
		Author: gate.Caller(ctx).ID, State: model.ProposalPending, Created: s.Now().UTC(),
	}
	newest, err := s.follows(ctx, p.Tenant, p.Base)
	if err != nil {
		return nil, err
	}
	if slices.Equal(newest.Files, p.Files) {
		return nil, &model.Error{Code: model.CodeInvalid, Field: "files", Message: "the files are those that are in force", Remedy: "Change something first."}
	}
	d := &draft{Policies: model.Policies{Tenant: p.Tenant, Version: newest.Version + 1, Files: p.Files}}
	if err := s.fit(ctx, d); err != nil {
		return nil, err
	}
	found, err := s.preview(ctx, d.Policies, previewSpan)
	if err != nil {
		return nil, err
	}
	if found.GetLocksOut() {
		return nil, lastAdministrator()
	}
	found.Difference = "" // it follows from the files, which are kept
	found.Tests = found.GetTests()[:min(len(found.GetTests()), proposalTests)]
	if p.Check, err = protojson.Marshal(found); err != nil {
		return nil, &model.Error{Code: model.CodeInternal, Message: "what was found can't be kept", Err: err}
	}
	p.ID, err = newID()
	return p, err
}

// ProposePolicies implements PolicyService.
func (s *Policies) ProposePolicies(ctx context.Context, r *bulkheadv1.ProposePoliciesRequest) (*bulkheadv1.PolicyProposal, error) {
	p, ok := ctx.Value(proposalKey{}).(*model.Proposal)
	if !ok { // called without the gate
		var err error
		if p, err = s.proposal(ctx, r); err != nil {
			return nil, err
		}
	}
	if _, err := s.follows(ctx, p.Tenant, p.Base); err != nil {
		return nil, err
	}
	pending, _, err := s.Store.Proposals(ctx, model.Query{Tenant: p.Tenant, Size: proposalsAtOnce, Where: []model.Condition{
		{Field: "state", Op: "=", Value: string(model.ProposalPending)},
	}})
	if err != nil {
		return nil, err
	}
	if len(pending) >= proposalsAtOnce {
		return nil, &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("%d proposals of this tenant are pending", len(pending)),
			Remedy: "Have some of them decided or withdrawn first: `bulkhead policy proposals`.",
		}
	}
	if err := s.Store.CreateProposal(ctx, p); err != nil {
		return nil, err
	}
	return s.proposalOut(ctx, p)
}

// ListPolicyProposals implements PolicyService.
func (s *Policies) ListPolicyProposals(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPolicyProposalsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"state", "author"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Store.Proposals(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListPolicyProposalsResponse{NextPage: next}
	for i := range list {
		out.Proposals = append(out.Proposals, proposalHead(&list[i]))
	}
	return out, gate.MaskAll(out.GetProposals(), r.GetPage().GetReadMask())
}

// GetPolicyProposal implements PolicyService.
func (s *Policies) GetPolicyProposal(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.PolicyProposal, error) {
	p, err := s.Store.Proposal(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return s.proposalOut(ctx, p)
}

// WithdrawPolicyProposal implements PolicyService. Another's proposal is not there.
func (s *Policies) WithdrawPolicyProposal(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.PolicyProposal, error) {
	p, err := s.Store.Proposal(ctx, r.GetId())
	if model.CodeOf(err) == model.CodeNotFound || err == nil && p.Author != gate.Caller(ctx).ID {
		return nil, noObject("PolicyProposal")
	}
	if err != nil {
		return nil, err
	}
	if err := pending(p); err != nil {
		return nil, err
	}
	p.State, p.Ended = model.ProposalWithdrawn, s.Now().UTC()
	if err := s.Store.EndProposal(ctx, p); err != nil {
		return nil, err
	}
	return s.proposalOut(ctx, p)
}

func pending(p *model.Proposal) error {
	if p.State == model.ProposalPending {
		return nil
	}
	return &model.Error{
		Code: model.CodeConflict, Message: "the proposal is " + string(p.State) + ", not pending",
		Remedy: "Propose it anew, from what is in force now.",
	}
}

// proposalOut is a proposal with its files, and with its difference against what it was made from.
func (s *Policies) proposalOut(ctx context.Context, p *model.Proposal) (*bulkheadv1.PolicyProposal, error) {
	out := proposalHead(p)
	out.Files = filesOut(p.Files)
	out.Check = &bulkheadv1.PolicyPreview{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(p.Check, out.GetCheck()); err != nil {
		return nil, &model.Error{Code: model.CodeInternal, Message: "what was found can't be read", Err: err}
	}
	base := &model.Policies{}
	if p.Base > 0 {
		var err error
		if base, err = s.Store.Policies(ctx, p.Tenant, p.Base); err != nil {
			return nil, err
		}
	}
	var err error
	out.Check.Difference, err = authz.Diff(base.Files, p.Files)
	return out, err
}

func proposalHead(p *model.Proposal) *bulkheadv1.PolicyProposal {
	return &bulkheadv1.PolicyProposal{
		Id: p.ID, Tenant: p.Tenant, BaseVersion: p.Base, Note: p.Note, Author: p.Author, State: string(p.State), Approver: p.Approver,
		Reason: p.Reason, Version: p.Version, Created: stamp(p.Created), Ended: stamp(p.Ended),
	}
}
