package store

import (
	"fmt"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func proposal(tenant, id string) *model.Proposal {
	return &model.Proposal{
		ID: id, Tenant: tenant, Files: []model.PolicyFile{{Name: "a.cedar", Text: "x"}}, Note: "why", Author: "u", State: model.ProposalPending,
		Check: []byte("{}"), Created: now,
	}
}

func TestProposalsEndOnceAndMakeRoom(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		ok(t, s.CreateProposal(ctx, proposal("a", "p1")))
		ok(t, s.CreateProposal(ctx, proposal("a", "p2")))
		ok(t, s.CreateProposal(ctx, proposal("b", "p3")))
		p, err := s.Proposal(ctx, "p1")
		ok(t, err)
		p.State, p.Approver, p.Version, p.Ended = model.ProposalApproved, "v", 1, now
		ok(t, s.EndProposal(ctx, p))
		code(t, s.EndProposal(ctx, p), model.CodeConflict)
		code(t, s.EndProposal(ctx, proposal("a", "none")), model.CodeNotFound)
		// A version ends what was made from the one before, in its own tenant.
		ok(t, s.CreatePolicies(ctx, &model.Policies{Tenant: "a", Version: 1, Author: "u", Approver: "v", Proposal: "p1", Created: now}))
		for id, want := range map[string]model.ProposalState{
			"p1": model.ProposalApproved, "p2": model.ProposalSuperseded, "p3": model.ProposalPending,
		} {
			p, err := s.Proposal(ctx, id)
			ok(t, err)
			if p.State != want || len(p.Files) != 1 || string(p.Check) != "{}" {
				t.Errorf("%s: %+v", id, p)
			}
		}
		set, err := s.Policies(ctx, "a", 0)
		ok(t, err)
		if set.Approver != "v" || set.Proposal != "p1" {
			t.Errorf("%+v", set)
		}
		list, _, err := s.Proposals(ctx, model.Query{Tenant: "a"})
		ok(t, err)
		if len(list) != 2 || list[0].ID != "p2" || list[0].Files != nil || list[0].Check != nil {
			t.Errorf("%+v", list)
		}
		// Those that are over make room for new ones, in their own tenant.
		for i := range proposalsKept + 3 {
			x := proposal("a", fmt.Sprintf("q%04d", i))
			x.State, x.Ended = model.ProposalRejected, now
			ok(t, s.CreateProposal(ctx, x))
		}
		ok(t, s.CreateProposal(ctx, proposal("a", "z")))
		list, _, err = s.Proposals(ctx, model.Query{Tenant: "a", Size: 1000})
		ok(t, err)
		if len(list) != proposalsKept+1 || list[0].ID != "z" || list[len(list)-1].ID != "q0003" {
			t.Error(len(list), list[0].ID, list[len(list)-1].ID)
		}
		ok(t, s.DeleteTenant(ctx, "a"))
		_, err = s.Proposal(ctx, "z")
		code(t, err, model.CodeNotFound)
	})
}
