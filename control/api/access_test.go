package api_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestFourEyesOfTwoPeople: an approver is nobody's own second account.
func TestFourEyesOfTwoPeople(t *testing.T) {
	for name, k := range map[string]struct {
		change func(h *policyHouse, olga *model.Account, g *model.AccountGroup)
		want   model.Code
	}{
		"independent":          {func(*policyHouse, *model.Account, *model.AccountGroup) {}, ""},
		"invited by another":   {func(h *policyHouse, a *model.Account, _ *model.AccountGroup) { a.Invited, a.InvitedBy = h.now, "ada" }, ""},
		"invited by requester": {func(h *policyHouse, a *model.Account, _ *model.AccountGroup) { a.Invited, a.InvitedBy = h.now, "bob" }, model.CodeDenied},
		"rights by requester":  {func(h *policyHouse, a *model.Account, _ *model.AccountGroup) { a.Granted, a.GrantedBy = h.now, "bob" }, model.CodeDenied},
		"invited meanwhile": {func(h *policyHouse, a *model.Account, _ *model.AccountGroup) {
			a.Invited, a.InvitedBy = h.now.Add(time.Minute), "ada"
		}, model.CodeDenied},
		"rights meanwhile": {func(h *policyHouse, a *model.Account, _ *model.AccountGroup) {
			a.Granted, a.GrantedBy = h.now.Add(time.Minute), "ada"
		}, model.CodeDenied},
		"group's rights before": {func(h *policyHouse, _ *model.Account, g *model.AccountGroup) { g.Granted = h.now }, ""},
		"group's rights since":  {func(h *policyHouse, _ *model.Account, g *model.AccountGroup) { g.Granted = h.now.Add(time.Minute) }, model.CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			h := newPolicyHouse(t)
			g := &model.AccountGroup{ID: "g", Tenant: "acme", Name: "g"}
			if err := h.store.CreateGroup(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			a, err := h.access.RequestAccess(h.as("bob", "acme"), &bulkheadv1.RequestAccessRequest{
				Action: "AuditRead", Resource: &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}, Reason: "test",
			})
			if err != nil {
				t.Fatal(err)
			}
			olga, err := h.store.Account(t.Context(), "olga")
			if err != nil {
				t.Fatal(err)
			}
			olga.Groups = []string{"g"}
			k.change(h, olga, g)
			if err := h.store.UpdateAccount(t.Context(), olga); err != nil {
				t.Fatal(err)
			}
			if err := h.store.UpdateGroup(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			h.now = h.now.Add(2 * time.Minute)
			_, err = h.access.DecideAccess(h.as("olga", "acme", "owner"), &bulkheadv1.DecideAccessRequest{Id: a.GetId(), Approve: true})
			if model.CodeOf(err) != k.want {
				t.Errorf("%v, want %q", err, k.want)
			}
		})
	}
	t.Run("made meanwhile", func(t *testing.T) {
		h := newPolicyHouse(t)
		a, err := h.access.RequestAccess(h.as("bob", "acme"), &bulkheadv1.RequestAccessRequest{
			Action: "AuditRead", Resource: &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}, Reason: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		h.now = h.now.Add(time.Minute)
		if err := h.store.CreateAccount(t.Context(), &model.Account{ID: "new", Tenant: "acme", Name: "new", Roles: []string{"owner"}, Created: h.now}); err != nil {
			t.Fatal(err)
		}
		_, err = h.access.DecideAccess(h.as("new", "acme", "owner"), &bulkheadv1.DecideAccessRequest{Id: a.GetId(), Approve: true})
		if model.CodeOf(err) != model.CodeDenied {
			t.Error(err)
		}
	})
}

// Who showed a factor to the control plane shows it to engines for a time, and to nothing else.
func TestStepUpEngines(t *testing.T) {
	h := newPolicyHouse(t)
	a, err := h.access.StepUpEngines(h.as("bob", "acme"), &bulkheadv1.StepUpEnginesRequest{Reason: "incident"})
	if err != nil || a.GetState() != "approved" || a.GetUser() != "bob" || a.GetAction() != model.ActionStepUp || !a.GetExpires().AsTime().Equal(h.now.Add(15*time.Minute)) {
		t.Fatalf("%v %+v", err, a)
	}
	if _, err := h.access.StepUpEngines(h.as("bob", "acme"), &bulkheadv1.StepUpEnginesRequest{Duration: durationpb.New(2 * time.Hour)}); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("%v", err)
	}
	if w, err := h.access.WithdrawAccess(h.as("bob", "acme"), &bulkheadv1.Id{Id: a.GetId()}); err != nil || w.GetState() != "revoked" {
		t.Errorf("%v %+v", err, w)
	}
}
