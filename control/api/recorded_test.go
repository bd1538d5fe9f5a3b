package api_test

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestReadsAreRecorded reads as an auditor, who may: each read is in the log with who read what.
func TestReadsAreRecorded(t *testing.T) {
	w := newWorld(t, real)
	auditor := w.account("auditor", "acme", strong(), model.RoleAuditor)
	c, ctx := w.clients(), as(t, "bhs_auditor")
	if _, err := c.users.GetUser(ctx, &bulkheadv1.Id{Id: "acme-user"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.groups.ListGroups(ctx, &bulkheadv1.ListInTenantRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.audit.SearchRecords(ctx, &bulkheadv1.SearchRecordsRequest{}); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	got := map[string]model.Ref{}
	for _, r := range w.records {
		if r.Actor != auditor.ID || r.Outcome != model.OutcomeAllowed || r.Tenant != "acme" || len(r.Policies) == 0 {
			t.Errorf("the record is %+v", r)
		}
		got[r.Action] = r.Resource
	}
	for action, resource := range map[string]model.Ref{
		"UserRead": {Type: "User", ID: "acme-user"}, "GroupList": {Type: "Tenant", ID: "acme"}, "AuditRead": {Type: "Tenant", ID: "acme"},
	} {
		if got[action] != resource {
			t.Errorf("%s is recorded as of %v", action, got[action])
		}
	}
	if len(w.records) != 3 {
		t.Errorf("three reads made %d records", len(w.records))
	}
}
