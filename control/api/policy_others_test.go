package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const secretRule = `@id("night") @reason("the vault moves at night") @remedy("ask the vault") @requirement("8.1.c")
permit (principal == Bulkhead::User::"vic", action == Bulkhead::Action::"AuditRead", resource);`

// A node writes into its records whatever rule it likes. Who reads them learns nothing of the policies of another tenant by that.
func TestRulesOfOthersStayTheirs(t *testing.T) {
	h := newPolicyHouse(t)
	if _, err := h.policies.ApplyPolicies(h.as("gus", "globex", "owner"), &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("vault.cedar", secretRule), BaseVersion: -1}); err != nil {
		t.Fatal(err)
	}
	if err := h.refresh.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	const theirs = "globex/vault/night"
	if len(h.engine.Sources([]string{theirs})) != 1 {
		t.Fatal("the rule is not in force")
	}
	now := time.Now()
	q := model.Request{Principal: gate.Caller(h.as("vic", "globex")), Action: "AuditRead", Resource: model.Object{Ref: model.Ref{Type: "Tenant", ID: "globex"}}, Time: now}
	var logged []model.LogRecord
	for i, rule := range []string{theirs, "profile_baseline/privileged"} {
		logged = append(logged, model.LogRecord{Origin: model.NodeLogs + "n", Index: uint64(i), Record: model.Record{
			ID: rule, Time: now, Tenant: "acme", Action: "ContainerCreate", Outcome: model.OutcomeRefused, Policies: []string{rule}, Request: &q,
			PolicyVersion: "forged", PolicySets: map[string]int64{"globex": 1}, Changes: map[string]string{"call": "POST /containers/create", "rule": rule},
		}, Event: []byte("{}")})
	}
	if err := h.store.IndexRecords(t.Context(), logged); err != nil {
		t.Fatal(err)
	}
	guards := &api.Guards{Store: h.store, Rules: h.engine, Actions: []string{"ContainerCreate"}, Now: time.Now}
	for who, c := range map[string]struct {
		tenant, role string
		sees         bool
	}{"olga": {"acme", "owner", false}, "admin": {"system", "administrator", true}} {
		ctx := h.as(who, c.tenant, c.role)
		p, err := guards.PreviewGuard(ctx, &bulkheadv1.PreviewGuardRequest{})
		if err != nil || len(p.GetRules()) != 2 {
			t.Fatal(p, err)
		}
		for _, r := range p.GetRules() {
			if shipped := r.GetRule() != theirs; (r.GetReason() != "") != (c.sees || shipped) || (r.GetRequirement() != "") != (c.sees || shipped) {
				t.Errorf("%s: %v", who, r)
			}
		}
		list, err := guards.ListGuardCalls(ctx, &bulkheadv1.ListGuardCallsRequest{})
		if err != nil || len(list.GetCalls()) != 2 {
			t.Fatal(list, err)
		}
		for _, x := range list.GetCalls() {
			if shipped := x.GetRule() != theirs; (x.GetRequirement() != "") != (c.sees || shipped) {
				t.Errorf("%s: %v", who, x)
			}
		}
		x, err := h.policies.Explain(ctx, &bulkheadv1.ExplainRequest{Record: model.NodeLogs + "n/0"})
		if err != nil {
			t.Fatal(err)
		}
		if said := x.String(); strings.Contains(said, "vault moves") != c.sees || strings.Contains(said, "otherwise") != c.sees {
			t.Errorf("%s: %s", who, said)
		}
	}
}
