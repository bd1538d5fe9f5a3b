package api_test

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Whether an administrator is left depends on what the administrators have registered, not on what they could have.
func TestPoliciesAndWhoIsLeft(t *testing.T) {
	const (
		all     = `@id("a") @reason("r") forbid (principal, action, resource) `
		admins  = `@id("a") @reason("r") forbid (principal in Bulkhead::Role::"administrator", action, resource) `
		before  = ` || action in Bulkhead::Action::"BeforeFactor" };`
		address = `context.address == "192.0.2.1"`
	)
	on := func(action string) string {
		return `@id("a") @reason("r") forbid (principal, action == Bulkhead::Action::"` + action + `", resource);`
	}
	nobody, fine := model.CodeLastAdministrator, model.Code("")
	tests := []struct {
		name, text string
		ways       []model.Strength
		want       model.Code
	}{
		{"nobody shows a factor any more", on("SessionStepUp"), withKey(), nobody},
		{"nobody registers a factor any more", on("FactorRegister"), withKey(), nobody},
		{"what is not in the way", on("TenantDelete"), withApp(), fine},
		{"a key, demanded of registering one too", admins + `unless { context.phishing_resistant };`, withKey(), nobody},
		{"a key, and nobody has one", admins + `unless { context.phishing_resistant` + before, withApp(), nobody},
		{"a key, and somebody has one", admins + `unless { context.phishing_resistant` + before, withKey(), fine},
		{"a hardware key by its method", admins + `unless { context.amr.contains("hwk")` + before, withKey(), fine},
		{"a hardware key that nobody has", admins + `unless { context.amr.contains("hwk")` + before, withApp(), nobody},
		{"a code, by its method", admins + `unless { context.amr.contains("otp")` + before, withApp(), fine},
		{"two factors, before the first is registered", all + `unless { context.mfa };`, withApp(), nobody},
		{"two factors", all + `unless { context.mfa` + before, withApp(), fine},
		{"two factors, and nobody has two", all + `unless { context.mfa` + before, onlyPassword(), nobody},
		{"the network that the caller is in", all + `unless { ` + address + ` };`, withApp(), fine},
		{"another network", all + `when { ` + address + ` };`, withApp(), nobody},
		{"whoever has not shown a factor yet", all + `when { context has has_factor && context.has_factor && !context.mfa };`, withApp(), nobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newPolicyHouse(t)
			h.signIns["ada"] = tt.ways
			files := cedarFile("a.cedar", tt.text)
			admin := h.as("ada", "system", "administrator")
			preview, err := h.policies.PreviewPolicies(admin, &bulkheadv1.PreviewPoliciesRequest{Tenant: "system", Files: files})
			if err != nil || len(preview.GetProblems()) > 0 || (len(preview.GetAdministrators()) == 0) != (tt.want == nobody) ||
				preview.GetLocksOut() != (tt.want == nobody) {
				t.Errorf("preview: %v %v", preview, err)
			}
			_, err = h.policies.ApplyPolicies(admin, &bulkheadv1.ApplyPoliciesRequest{Tenant: "system", Files: files})
			if model.CodeOf(err) != tt.want {
				t.Errorf("apply: %v", err)
			}
		})
	}
}

// One of several is enough, and a tenant's policies leave all of them alone.
func TestOneAdministratorIsEnough(t *testing.T) {
	h := newPolicyHouse(t)
	eve := &model.Account{ID: "eve", Tenant: "system", Name: "eve", Roles: []string{"administrator"}, Created: h.now}
	if err := h.store.CreateAccount(t.Context(), eve); err != nil {
		t.Fatal(err)
	}
	able(t, h.store, "eve")
	h.signIns["ada"], h.signIns["eve"] = onlyPassword(), withKey()
	files := cedarFile("a.cedar", `@id("a") @reason("r") forbid (principal == Bulkhead::User::"ada", action, resource);`)
	preview, err := h.policies.PreviewPolicies(h.as("eve", "system", "administrator"), &bulkheadv1.PreviewPoliciesRequest{Tenant: "system", Files: files})
	if err != nil || len(preview.GetAdministrators()) != 1 || preview.GetAdministrators()[0] != "eve" {
		t.Errorf("%v %v", preview.GetAdministrators(), err)
	}
	h.signIns["eve"] = onlyPassword()
	files = cedarFile("a.cedar", `@id("a") @reason("r") forbid (principal, action, resource);`)
	if _, err := h.policies.ApplyPolicies(h.as("olga", "acme", "owner"), &bulkheadv1.ApplyPoliciesRequest{Files: files}); err != nil {
		t.Errorf("a tenant's policies: %v", err)
	}
}
