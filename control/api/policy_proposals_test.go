package api_test

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// withSecondOwner is a house in which olga and olaf own acme.
func withSecondOwner(t *testing.T) *policyHouse {
	t.Helper()
	h := newPolicyHouse(t)
	if err := h.store.CreateAccount(t.Context(), &model.Account{
		ID: "olaf", Tenant: "acme", Name: "olaf", Roles: []string{"owner"}, Created: h.now.Add(-time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *policyHouse) propose(t *testing.T, id, text string) *bulkheadv1.PolicyProposal {
	t.Helper()
	set, err := h.policies.GetPolicies(h.as(id, "acme", "owner"), &bulkheadv1.GetPoliciesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.policies.ProposePolicies(h.as(id, "acme", "owner"), &bulkheadv1.ProposePoliciesRequest{
		Files: cedarFile("bob.cedar", text), Note: "bob asks", BaseVersion: set.GetVersion(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProposalIsApprovedByAnother: what one proposed another puts into force, and the version says who did what.
func TestProposalIsApprovedByAnother(t *testing.T) {
	h := withSecondOwner(t)
	h.policies.ApprovalRequired = true
	olga, olaf := h.as("olga", "acme", "owner"), h.as("olaf", "acme", "owner")
	_, err := h.policies.ApplyPolicies(olga, &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("bob.cedar", bobReads)})
	if model.CodeOf(err) != model.CodeApprovalRequired {
		t.Errorf("applied alone: %v", err)
	}
	if _, err := h.policies.RollbackPolicies(olga, &bulkheadv1.RollbackPoliciesRequest{}); model.CodeOf(err) != model.CodeApprovalRequired {
		t.Errorf("rolled back alone: %v", err)
	}
	first, second := h.propose(t, "olga", bobReads), h.propose(t, "olaf", bobReads+"\n// also")
	if first.GetState() != "pending" || first.GetCheck().GetDifference() == "" || len(first.GetFiles()) != 1 {
		t.Fatal(first)
	}
	if _, err := h.policies.DecidePolicyProposal(olga, &bulkheadv1.DecidePolicyProposalRequest{Id: first.GetId(), Approve: true}); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("own proposal: %v", err)
	}
	done, err := h.policies.DecidePolicyProposal(olaf, &bulkheadv1.DecidePolicyProposalRequest{Id: first.GetId(), Approve: true, Reason: "agreed"})
	if err != nil || done.GetState() != "approved" || done.GetVersion() != 1 || done.GetApprover() != "olaf" || done.GetReason() != "agreed" {
		t.Fatal(done, err)
	}
	set, err := h.policies.GetPolicies(olga, &bulkheadv1.GetPoliciesRequest{})
	if err != nil || set.GetVersion() != 1 || set.GetAuthor() != "olga" || set.GetApprover() != "olaf" || set.GetProposal() != first.GetId() ||
		set.GetSignature() == "" || set.GetNote() != "bob asks" || !set.GetApprovalRequired() {
		t.Fatal(set, err)
	}
	// The other was made from what is no longer in force.
	other, err := h.policies.GetPolicyProposal(olga, &bulkheadv1.Id{Id: second.GetId()})
	if err != nil || other.GetState() != "superseded" || other.GetEnded() == nil {
		t.Error(other, err)
	}
	for _, id := range []string{first.GetId(), second.GetId()} {
		if _, err := h.policies.DecidePolicyProposal(h.as("ada", "system", "administrator"), &bulkheadv1.DecidePolicyProposalRequest{Id: id, Approve: true}); model.CodeOf(err) != model.CodeConflict {
			t.Errorf("decided twice: %v", err)
		}
	}
}

// TestWhoMayNotApprove: approving is no way to get what one may not do, and no way around the second person.
func TestWhoMayNotApprove(t *testing.T) {
	h := withSecondOwner(t)
	p := h.propose(t, "olga", bobReads)
	yes := &bulkheadv1.DecidePolicyProposalRequest{Id: p.GetId(), Approve: true}
	if _, err := h.policies.DecidePolicyProposal(h.as("bob", "acme"), yes); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("without the right to apply: %v", err)
	}
	olaf, err := h.store.Account(t.Context(), "olaf")
	if err != nil {
		t.Fatal(err)
	}
	olaf.Invited, olaf.InvitedBy = h.now, "olga"
	if err := h.store.UpdateAccount(t.Context(), olaf); err != nil {
		t.Fatal(err)
	}
	if _, err := h.policies.DecidePolicyProposal(h.as("olaf", "acme", "owner"), yes); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("invited by who proposes: %v", err)
	}
	if err := h.store.DeleteAccount(t.Context(), "olga"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.policies.DecidePolicyProposal(h.as("ada", "system", "administrator"), yes); model.CodeOf(err) != model.CodeConflict {
		t.Errorf("of an account that is gone: %v", err)
	}
}

func TestProposalsThatEndOtherwise(t *testing.T) {
	h := withSecondOwner(t)
	olga, olaf := h.as("olga", "acme", "owner"), h.as("olaf", "acme", "owner")
	p := h.propose(t, "olga", bobReads)
	if _, err := h.policies.DecidePolicyProposal(olaf, &bulkheadv1.DecidePolicyProposalRequest{Id: p.GetId()}); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("rejected without a reason: %v", err)
	}
	done, err := h.policies.DecidePolicyProposal(olaf, &bulkheadv1.DecidePolicyProposalRequest{Id: p.GetId(), Reason: "too wide"})
	if err != nil || done.GetState() != "rejected" || done.GetVersion() != 0 {
		t.Error(done, err)
	}
	p = h.propose(t, "olga", bobReads)
	if _, err := h.policies.WithdrawPolicyProposal(olaf, &bulkheadv1.Id{Id: p.GetId()}); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("another's withdrawn: %v", err)
	}
	if done, err = h.policies.WithdrawPolicyProposal(olga, &bulkheadv1.Id{Id: p.GetId()}); err != nil || done.GetState() != "withdrawn" {
		t.Error(done, err)
	}
	list, err := h.policies.ListPolicyProposals(olga, &bulkheadv1.ListInTenantRequest{Page: &bulkheadv1.Page{Filter: `state = "withdrawn"`}})
	if err != nil || len(list.GetProposals()) != 1 || len(list.GetProposals()[0].GetFiles()) != 0 || list.GetProposals()[0].GetCheck() != nil {
		t.Error(list, err)
	}
	set, err := h.policies.GetPolicies(olga, &bulkheadv1.GetPoliciesRequest{})
	if err != nil || set.GetVersion() != 0 {
		t.Error(set, err)
	}
}

func TestProposalsThatAreRefused(t *testing.T) {
	h := withSecondOwner(t)
	olga := h.as("olga", "acme", "owner")
	for name, k := range map[string]struct {
		r    *bulkheadv1.ProposePoliciesRequest
		want model.Code
	}{
		"wrong":          {&bulkheadv1.ProposePoliciesRequest{Note: "x", Files: cedarFile("a.cedar", "permit(")}, model.CodeInvalid},
		"other base":     {&bulkheadv1.ProposePoliciesRequest{Note: "x", BaseVersion: 7, Files: cedarFile("a.cedar", bobReads)}, model.CodeConflict},
		"no change":      {&bulkheadv1.ProposePoliciesRequest{Note: "x"}, model.CodeInvalid},
		"unknown tenant": {&bulkheadv1.ProposePoliciesRequest{Tenant: "nobody", Note: "x", Files: cedarFile("a.cedar", bobReads)}, model.CodeNotFound},
	} {
		ctx := olga
		if k.r.GetTenant() != "" {
			ctx = h.as("ada", "system", "administrator")
		}
		if _, err := h.policies.ProposePolicies(ctx, k.r); model.CodeOf(err) != k.want {
			t.Errorf("%s: %v, want %s", name, err, k.want)
		}
	}
	_, err := h.policies.ProposePolicies(h.as("ada", "system", "administrator"), &bulkheadv1.ProposePoliciesRequest{
		Note: "x", Files: cedarFile("a.cedar", `@id("a") @reason("r") forbid (principal, action, resource);`),
	})
	if model.CodeOf(err) != model.CodeLastAdministrator {
		t.Errorf("locks out: %v", err)
	}
	for range 20 {
		h.propose(t, "olga", bobReads)
	}
	_, err = h.policies.ProposePolicies(olga, &bulkheadv1.ProposePoliciesRequest{Note: "x", Files: cedarFile("a.cedar", bobReads)})
	if model.CodeOf(err) != model.CodeTooMany {
		t.Errorf("too many: %v", err)
	}
}
