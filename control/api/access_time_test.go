package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestAccessForATime(t *testing.T) {
	h := newPolicyHouse(t)
	bob, owner := h.as("bob", "acme"), h.as("olga", "acme", "owner")
	ask := func(ctx context.Context, action, typ, id string) (*bulkheadv1.AccessRequest, error) {
		return h.access.RequestAccess(ctx, &bulkheadv1.RequestAccessRequest{
			Action: action, Resource: &bulkheadv1.ObjectRef{Type: typ, Id: id},
			Reason: "test", Duration: durationpb.New(time.Hour),
		})
	}
	for _, tt := range []struct {
		name, action, typ, id string
		want                  model.Code
	}{
		{"not to be asked for", "AuditBreakGlass", "System", "bulkhead", model.CodeDenied},
		{"another tenant", "UserUpdate", "User", "gus", model.CodeNotFound},
		{"another tenant itself", "UserCreate", "Tenant", "globex", model.CodeNotFound},
		{"no action", "Everything", "Tenant", "acme", model.CodeInvalid},
	} {
		if _, err := ask(bob, tt.action, tt.typ, tt.id); model.CodeOf(err) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	a, err := ask(bob, "AuditRead", "Tenant", "acme")
	if err != nil || a.GetState() != "pending" || a.GetTenant() != "acme" {
		t.Fatalf("%v %v", a, err)
	}
	decide := func(ctx context.Context, id string) error {
		_, err := h.access.DecideAccess(ctx, &bulkheadv1.DecideAccessRequest{Id: id, Approve: true})
		return err
	}
	for name, ctx := range map[string]context.Context{"oneself": bob, "one who may not": h.as("eve", "acme"), "another tenant's owner": h.as("gus", "globex", "owner")} {
		if err := decide(ctx, a.GetId()); model.CodeOf(err) != model.CodeDenied {
			t.Errorf("%s approved: %v", name, err)
		}
	}
	if err := decide(owner, a.GetId()); err != nil {
		t.Fatal(err)
	}
	if err := decide(owner, a.GetId()); model.CodeOf(err) != model.CodeConflict {
		t.Errorf("twice: %v", err)
	}
	found := func() bool {
		_, err := h.store.ApprovedAccess(bob, "bob", "AuditRead", model.Ref{Type: "Tenant", ID: "acme"}, h.now)
		return err == nil
	}
	if !found() {
		t.Error("it is not approved")
	}
	h.now = h.now.Add(time.Hour)
	if found() {
		t.Error("it did not end")
	}
	list, err := h.access.ListAccessRequests(owner, &bulkheadv1.ListInTenantRequest{})
	if err != nil || len(list.GetRequests()) != 1 || list.GetRequests()[0].GetState() != "expired" {
		t.Errorf("%v %v", list, err)
	}
	b, err := ask(bob, "AuditRead", "Tenant", "acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := decide(owner, b.GetId()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.access.RevokeAccess(owner, &bulkheadv1.Id{Id: b.GetId()}); err != nil || found() {
		t.Errorf("revoked: %v, still there: %v", err, found())
	}
}

// Approved access that is in force counts in an explanation, unless the asker supposes otherwise.
func TestExplainTakesApprovals(t *testing.T) {
	h := newPolicyHouse(t)
	bob, owner := h.as("bob", "acme"), h.as("olga", "acme", "owner")
	tenant := &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}
	a, err := h.access.RequestAccess(bob, &bulkheadv1.RequestAccessRequest{Action: "AuditRead", Resource: tenant, Reason: "test"})
	if err != nil {
		t.Fatal(err)
	}
	explain := func(facts map[string]any) *bulkheadv1.Explanation {
		t.Helper()
		c, err := structpb.NewStruct(facts)
		if err != nil {
			t.Fatal(err)
		}
		x, err := h.policies.Explain(owner, &bulkheadv1.ExplainRequest{User: "bob", Action: "AuditRead", Resource: tenant, Context: c})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if x := explain(nil); x.GetAllowed() {
		t.Errorf("before it is approved: %v", x)
	}
	if _, err := h.access.DecideAccess(owner, &bulkheadv1.DecideAccessRequest{Id: a.GetId(), Approve: true}); err != nil {
		t.Fatal(err)
	}
	if x := explain(nil); !x.GetAllowed() || x.GetPolicies()[0].GetId() != "approved/approved" {
		t.Errorf("approved: %v", x)
	}
	if x := explain(map[string]any{"approved": false}); x.GetAllowed() {
		t.Errorf("supposed not to be approved: %v", x)
	}
	h.now = h.now.Add(2 * time.Hour)
	if x := explain(nil); x.GetAllowed() {
		t.Errorf("after its end: %v", x)
	}
}

// Whoever asked for access sees what became of it, takes it back, and learns nothing of what others ask for.
func TestOwnAccess(t *testing.T) {
	h := newPolicyHouse(t)
	bob, owner := h.as("bob", "acme"), h.as("olga", "acme", "owner")
	ask := func(ctx context.Context) string {
		t.Helper()
		a, err := h.access.RequestAccess(ctx, &bulkheadv1.RequestAccessRequest{
			Action: "AuditRead", Resource: &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}, Reason: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.GetId()
	}
	mine := func(ctx context.Context, filter string) []string {
		t.Helper()
		list, err := h.access.ListMyAccessRequests(ctx, &bulkheadv1.ListMyAccessRequestsRequest{Page: &bulkheadv1.Page{Filter: filter}})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, r := range list.GetRequests() {
			out = append(out, r.GetId()+" "+r.GetState()+" "+r.GetNote())
		}
		return out
	}
	first, second, third := ask(bob), ask(bob), ask(h.as("olga", "acme"))
	if _, err := h.access.DecideAccess(owner, &bulkheadv1.DecideAccessRequest{Id: first, Approve: true, Note: "for the audit"}); err != nil {
		t.Fatal(err)
	}
	if got, want := mine(bob, ""), []string{first + " approved for the audit", second + " pending "}; !slices.Equal(got, want) {
		t.Errorf("bob sees %q, want %q", got, want)
	}
	if got := mine(bob, `state = "pending"`); len(got) != 1 {
		t.Errorf("bob's pending ones: %q", got)
	}
	if _, err := h.access.ListMyAccessRequests(bob, &bulkheadv1.ListMyAccessRequestsRequest{Page: &bulkheadv1.Page{Filter: `user = "olga"`}}); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("a filter by user: %v", err)
	}
	for _, id := range []string{third, "none"} {
		if _, err := h.access.WithdrawAccess(bob, &bulkheadv1.Id{Id: id}); model.CodeOf(err) != model.CodeNotFound {
			t.Errorf("another's request: %v", err)
		}
	}
	for _, id := range []string{first, second} {
		if a, err := h.access.WithdrawAccess(bob, &bulkheadv1.Id{Id: id}); err != nil || a.GetState() != "revoked" {
			t.Errorf("withdrawing: %v %v", a, err)
		}
		if _, err := h.access.WithdrawAccess(bob, &bulkheadv1.Id{Id: id}); model.CodeOf(err) != model.CodeConflict {
			t.Errorf("withdrawing again: %v", err)
		}
	}
	if _, err := h.store.ApprovedAccess(bob, "bob", "AuditRead", model.Ref{Type: "Tenant", ID: "acme"}, h.now); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("approved access that was given back: %v", err)
	}
}
