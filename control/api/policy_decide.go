package api

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// prepareApproval checks what was proposed as any draft: what was right when it was made may not be any more.
func (s *Policies) prepareApproval(ctx context.Context, r *bulkheadv1.DecidePolicyProposalRequest) (*draft, error) {
	p, err := s.Store.Proposal(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.mayDecide(ctx, p); err != nil {
		return nil, err
	}
	d := &draft{Policies: model.Policies{Tenant: p.Tenant, Files: p.Files, Note: p.Note, Approver: gate.Caller(ctx).ID, Proposal: p.ID}}
	if err := s.check(ctx, d, p.Base); err != nil {
		return nil, err
	}
	d.Author = p.Author
	return d, nil
}

// DecidePolicyProposal implements PolicyService.
func (s *Policies) DecidePolicyProposal(ctx context.Context, r *bulkheadv1.DecidePolicyProposalRequest) (*bulkheadv1.PolicyProposal, error) {
	p, err := s.Store.Proposal(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.mayDecide(ctx, p); err != nil {
		return nil, err
	}
	p.Approver, p.Reason, p.Ended = gate.Caller(ctx).ID, r.GetReason(), s.Now().UTC()
	if !r.GetApprove() {
		if p.Reason == "" {
			return nil, invalid("reason", "say why it is rejected, for the one who proposed it")
		}
		p.State = model.ProposalRejected
		if err := s.Store.EndProposal(ctx, p); err != nil {
			return nil, err
		}
		return s.proposalOut(ctx, p)
	}
	return s.approve(ctx, r, p)
}

func (s *Policies) approve(ctx context.Context, r *bulkheadv1.DecidePolicyProposalRequest, p *model.Proposal) (*bulkheadv1.PolicyProposal, error) {
	if err := s.mayApprove(ctx, p); err != nil {
		return nil, err
	}
	d, ok := ctx.Value(draftKey{}).(*draft)
	if !ok { // called without the gate
		var err error
		if d, err = s.prepareApproval(ctx, r); err != nil {
			return nil, err
		}
	}
	p.State, p.Version = model.ProposalApproved, d.Version
	// Before the version, which ends all proposals that are still pending.
	if err := s.Store.EndProposal(ctx, p); err != nil {
		return nil, err
	}
	if err := s.write(ctx, d); err != nil {
		return nil, err
	}
	return s.proposalOut(ctx, p)
}

// mayDecide is what holds for approving and for rejecting.
func (s *Policies) mayDecide(ctx context.Context, p *model.Proposal) error {
	if gate.Caller(ctx).ID == p.Author {
		return &model.Error{Code: model.CodeDenied, Message: "nobody decides on the own proposal", Remedy: "Ask another person, or withdraw it."}
	}
	return pending(p)
}

// mayApprove holds that nobody puts into force what they could not apply themselves, and that it is a second person.
func (s *Policies) mayApprove(ctx context.Context, p *model.Proposal) error {
	author, err := s.People.Account(ctx, p.Author)
	if model.CodeOf(err) == model.CodeNotFound || err == nil && author.Disabled {
		return &model.Error{
			Code: model.CodeConflict, Message: "the account that proposed it is gone or disabled",
			Remedy: "Reject it; whoever still wants it proposes it anew.",
		}
	}
	if err != nil {
		return err
	}
	caller := gate.Caller(ctx)
	q := model.Request{
		Principal: caller, Action: "PolicyApply", Resource: tenantObject(p.Tenant), Time: s.Now(),
		FreshFactor: true, Dangerous: true, // the gate asked for it
		Facts: map[string]any{"address": gate.ClientOf(ctx).Address, "door": "api"},
	}
	if d := s.Engine.MayApprove(ctx, q); !d.Allowed {
		return &model.Error{
			Code: model.CodeDenied, Message: "you can't approve what you may not do yourself: " + d.Reason, Policies: d.Policies,
			Remedy: fmt.Sprintf("`bulkhead policy who-can PolicyApply Tenant::%s` lists who may.", p.Tenant),
		}
	}
	return independent(ctx, s.People, caller.ID, p.Author, p.Created)
}
