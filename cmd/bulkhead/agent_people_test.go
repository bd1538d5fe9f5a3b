package main

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/approvals"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestPeopleOfTheFleet(t *testing.T) {
	var got []accounts.Definition
	f := &fleetPeople{
		local: []accounts.Definition{
			{Name: "alice", Tenant: "acme", Users: []string{"1001"}},
			{Name: "local", Tenant: "acme", Roles: []string{model.RoleOperator}, Users: []string{"1002"}},
			{Name: "gone", Tenant: "acme", Users: []string{"1003"}},
			{Name: "chief", Tenant: "acme", Users: []string{"1004"}},
		},
		set: func(d []accounts.Definition) error { got = d; return nil }, approvals: &approvals.Approvals{},
	}
	document, _, err := bundle.Encode(bundle.Accounts{
		Schema: bundle.Schema, Tenant: "acme",
		Accounts: []bundle.Account{
			{ID: "u1", Name: "alice", Tenant: "acme", Roles: []string{model.RoleDeveloper}, Groups: []string{"g1"}},
			{ID: "u2", Name: "local", Tenant: "acme", Roles: []string{model.RoleOwner}},
			{ID: "u3", Name: "alice", Tenant: "globex", Roles: []string{model.RoleOwner}},
			{ID: "u4", Name: "chief", Tenant: "acme", Roles: []string{model.RoleAdministrator}},
		},
		Grants: []bundle.Grant{{User: "u1", Action: model.ActionStepUp, Resource: model.Ref{Type: "User", ID: "u1"}, Until: time.Now().Add(time.Hour)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Apply(t.Context(), document); err != nil {
		t.Fatal(err)
	}
	if got[0].ID != "u1" || got[0].Roles[0] != model.RoleDeveloper || got[0].Groups[0] != "g1" {
		t.Errorf("%+v", got[0])
	}
	if got[1].ID != "" || got[1].Roles[0] != model.RoleOperator || len(got[2].Roles) != 0 || got[0].Refused+got[1].Refused != "" {
		t.Errorf("%+v", got[1:])
	}
	// Whom the control plane disabled, or does not know, is nobody, and is told so; what it says and can't be true is no account either.
	if !strings.Contains(got[2].Refused, "disabled at the control plane") || !strings.Contains(got[3].Refused, "can't be taken") {
		t.Errorf("%+v", got[2:])
	}
	if !f.approvals.SteppedUp("u1", time.Now()) {
		t.Error("the second factor is not known")
	}
	// When the control plane takes somebody away, what that one had goes.
	if err := f.Apply(t.Context(), nil); err != nil || len(got[0].Roles) != 0 || got[0].Refused == "" || got[1].Refused != "" || f.approvals.SteppedUp("u1", time.Now()) {
		t.Errorf("%v %+v", err, got[0])
	}
	if err := f.Apply(t.Context(), []byte(`{"schema":1}`)); err == nil {
		t.Error("what is no document is taken")
	}
}
