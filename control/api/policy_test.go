package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

type plainSigner struct{}

func (plainSigner) Sign(_ context.Context, digest []byte) (string, error) {
	return base64.StdEncoding.EncodeToString(digest), nil
}

// signIns are the strengths that accounts can sign in with, by id.
type signIns map[string][]model.Strength

func (s signIns) Ways(_ context.Context, a *model.Account) ([]model.Strength, error) {
	return s[a.ID], nil
}

// What accounts can have registered beside their password.
func onlyPassword() []model.Strength { return []model.Strength{{AMR: []string{"pwd"}}} }

func withApp() []model.Strength {
	return []model.Strength{{AMR: []string{"pwd"}, Pending: true}, {AMR: []string{"pwd", "otp", "mfa"}, MFA: true}}
}

func withKey() []model.Strength {
	return append(withApp(), model.Strength{AMR: []string{"pwd", "hwk", "user", "mfa"}, MFA: true, PhishingResistant: true})
}

// policyHouse is the services of policies on a real store.
type policyHouse struct {
	store    *store.Store
	engine   *authz.Engine
	policies *api.Policies
	access   *api.Access
	refresh  *api.PolicyRefresher
	signIns  signIns
	now      time.Time
}

func newPolicyHouse(t *testing.T) *policyHouse {
	t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	engine, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &policyHouse{store: st, engine: engine, signIns: signIns{"ada": withApp()}, now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.now }
	objects := &api.Objects{Store: st}
	h.refresh = api.NewPolicyRefresher(st, engine, slog.New(slog.DiscardHandler))
	h.policies = &api.Policies{
		Store: st, Records: st, People: st, Objects: objects, SignIns: h.signIns, Signer: plainSigner{}, Engine: engine, Approvals: st,
		Applied: h.refresh.Soon, StepUp: 5 * time.Minute, Now: now,
	}
	h.access = &api.Access{Store: st, People: st, Objects: objects, Engine: engine, Now: now}
	for _, id := range []string{"acme", "globex"} {
		if err := st.CreateTenant(ctx, &model.Tenant{ID: id, Name: id, Created: h.now}); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []model.Account{
		{ID: "ada", Tenant: "system", Name: "ada", Roles: []string{"administrator"}},
		{ID: "olga", Tenant: "acme", Name: "olga", Roles: []string{"owner"}},
		{ID: "bob", Tenant: "acme", Name: "bob"},
		{ID: "gus", Tenant: "globex", Name: "gus", Roles: []string{"owner"}},
	} {
		a.Created = h.now
		if err := st.CreateAccount(ctx, &a); err != nil {
			t.Fatal(err)
		}
	}
	able(t, st, "ada")
	return h
}

func (h *policyHouse) as(id, tenant string, roles ...string) context.Context {
	p := model.Principal{
		Ref: model.Ref{Type: "User", ID: id}, Name: id, Tenant: tenant, Roles: roles,
		Credential: model.Ref{Type: "Session", ID: "s"}, Auth: model.Strength{MFA: true, FactorTime: h.now},
	}
	return gate.With(context.Background(), p, gate.Client{Address: "192.0.2.1"}, "")
}

func cedarFile(name, text string) []*bulkheadv1.PolicyFile {
	return []*bulkheadv1.PolicyFile{{Name: name, Text: text}}
}

const bobReads = `@id("bob") @reason("bob reads the log") permit (principal == Bulkhead::User::"bob", action == Bulkhead::Action::"AuditRead", resource);`

func TestPoliciesApplyAndRollBack(t *testing.T) {
	h := newPolicyHouse(t)
	owner := h.as("olga", "acme", "owner")
	q := model.Request{Principal: gate.Caller(h.as("bob", "acme")), Action: "AuditRead", Resource: model.Object{Ref: model.Ref{Type: "Tenant", ID: "acme"}}, Time: h.now}
	if err := h.store.IndexRecords(owner, []model.LogRecord{{Origin: "o", Index: 0, Record: model.Record{
		ID: "r", Time: h.now.Add(-time.Hour),
		Tenant: "acme", Action: q.Action, Outcome: model.OutcomeRefused, Request: &q,
	}}}); err != nil {
		t.Fatal(err)
	}
	preview, err := h.policies.PreviewPolicies(owner, &bulkheadv1.PreviewPoliciesRequest{Files: cedarFile("bob.cedar", bobReads)})
	if err != nil || len(preview.GetProblems()) > 0 || preview.GetReplayed() != 1 || preview.GetNewlyPermitted() != 1 ||
		len(preview.GetAdministrators()) != 0 || preview.GetLocksOut() || !strings.Contains(preview.GetDifference(), "+@id(\"bob\")") {
		t.Fatalf("preview: %v %v", preview, err)
	}
	// Who the provider's administrators are is the provider's business.
	system, err := h.policies.PreviewPolicies(h.as("ada", "system", "administrator"), &bulkheadv1.PreviewPoliciesRequest{Tenant: "system"})
	if err != nil || len(system.GetAdministrators()) != 1 {
		t.Fatalf("preview of system: %v %v", system, err)
	}
	set, err := h.policies.ApplyPolicies(owner, &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("bob.cedar", bobReads), BaseVersion: 0})
	if err != nil || set.GetVersion() != 1 || set.GetSignature() == "" || len(set.GetDigest()) != 64 {
		t.Fatalf("apply: %v %v", set, err)
	}
	if err := h.refresh.Refresh(owner); err != nil {
		t.Fatal(err)
	}
	if d := h.engine.Decide(owner, q); !d.Allowed || d.Policies[0] != "acme/bob/bob" {
		t.Errorf("after applying: %+v", d)
	}
	if _, err := h.policies.ApplyPolicies(owner, &bulkheadv1.ApplyPoliciesRequest{BaseVersion: 0}); model.CodeOf(err) != model.CodeConflict {
		t.Errorf("an old base: %v", err)
	}
	if set, err = h.policies.RollbackPolicies(owner, &bulkheadv1.RollbackPoliciesRequest{}); err != nil || set.GetVersion() != 2 || len(set.GetFiles()) != 0 {
		t.Fatalf("rollback: %v %v", set, err)
	}
	if err := h.refresh.Refresh(owner); err != nil {
		t.Fatal(err)
	}
	if d := h.engine.Decide(owner, q); d.Allowed {
		t.Errorf("after rolling back: %+v", d)
	}
	versions, err := h.policies.ListPolicyVersions(owner, &bulkheadv1.ListInTenantRequest{})
	if err != nil || len(versions.GetVersions()) != 2 {
		t.Errorf("versions: %v %v", versions, err)
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	h := newPolicyHouse(t)
	tests := []struct {
		name, text, tests string
		want              model.Code
	}{
		{"syntax", `permit (`, "", model.CodeInvalid},
		{"unknown action", `@id("a") @reason("r") permit (principal, action == Bulkhead::Action::"Nonsense", resource);`, "", model.CodeInvalid},
		{"no id", `permit (principal, action, resource);`, "", model.CodeInvalid},
		{"nobody administers", `@id("a") @reason("r") forbid (principal, action, resource);`, "", model.CodeLastAdministrator},
		{"no administrator applies policies", `@id("a") @reason("r") forbid (principal, action == Bulkhead::Action::"PolicyApply", resource);`, "", model.CodeLastAdministrator},
		{
			"a failing test", `@id("a") @reason("r") forbid (principal == Bulkhead::User::"x", action, resource);`,
			"tests:\n  - {name: t, principal: {id: x}, action: UserList, resource: {type: Tenant, id: acme}, expect: allow}\n", model.CodeInvalid,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := cedarFile("a.cedar", tt.text)
			if tt.tests != "" {
				files = append(files, &bulkheadv1.PolicyFile{Name: "a.test.yaml", Text: tt.tests})
			}
			_, err := h.policies.ApplyPolicies(h.as("ada", "system", "administrator"), &bulkheadv1.ApplyPoliciesRequest{Tenant: "system", Files: files})
			if model.CodeOf(err) != tt.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRefresherFollowsOtherReplicas(t *testing.T) {
	h := newPolicyHouse(t)
	ctx, cancel := context.WithCancel(h.as("olga", "acme", "owner"))
	defer cancel()
	if err := h.refresh.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	before := h.engine.Version()
	done := make(chan struct{})
	go func() { defer close(done); h.refresh.Run(ctx) }()
	// The change comes in a transaction that commits after the handler asked for the refresh.
	if err := h.store.InTx(ctx, func(ctx context.Context) error {
		_, err := h.policies.ApplyPolicies(ctx, &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("bob.cedar", bobReads)})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	deadline, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for h.engine.Version() == before {
		select {
		case <-deadline.Done():
			t.Fatal("the new version is not in force")
		case <-tick.C:
		}
	}
	cancel()
	<-done
}

func TestExplain(t *testing.T) {
	h := newPolicyHouse(t)
	owner := h.as("olga", "acme", "owner")
	container := &bulkheadv1.ObjectRef{Type: "Container", Id: "c1"}
	attrs, err := structpb.NewStruct(map[string]any{"owner": "bob"})
	if err != nil {
		t.Fatal(err)
	}
	x, err := h.policies.Explain(owner, &bulkheadv1.ExplainRequest{User: "bob", Action: "ContainerExec", Resource: container, Attributes: attrs})
	if err != nil || x.GetAllowed() || len(x.GetNeeds()) != 1 || x.GetNeeds()[0] != "a second person's approval" {
		t.Errorf("bob: %v %v", x, err)
	}
	if x, err = h.policies.Explain(owner, &bulkheadv1.ExplainRequest{Action: "ContainerExec", Resource: container}); err != nil || !x.GetAllowed() ||
		x.GetPolicies()[0].GetId() != "owner/own-tenant" || !strings.Contains(x.GetPolicies()[0].GetText(), "permit (") {
		t.Errorf("olga: %v %v", x, err)
	}
	if _, err = h.policies.Explain(owner, &bulkheadv1.ExplainRequest{User: "gus", Action: "UserRead", Resource: container}); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("another tenant's user: %v", err)
	}
	if _, err = h.policies.Explain(owner, &bulkheadv1.ExplainRequest{Action: "UserRead", Resource: &bulkheadv1.ObjectRef{Type: "User", Id: "gus"}}); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("another tenant's object: %v", err)
	}
	who, err := h.policies.WhoCan(owner, &bulkheadv1.WhoCanRequest{Action: "UserUpdate", Resource: &bulkheadv1.ObjectRef{Type: "User", Id: "bob"}})
	if err != nil || len(who.GetUsers()) != 1 || who.GetUsers()[0].GetName() != "olga" {
		t.Errorf("who can: %v %v", who, err)
	}
	what, err := h.policies.WhatCan(owner, &bulkheadv1.WhatCanRequest{User: "bob"})
	if err != nil || len(what.GetPermissions()) != 0 {
		t.Errorf("what bob can: %v %v", what, err)
	}
	if what, err = h.policies.WhatCan(owner, &bulkheadv1.WhatCanRequest{}); err != nil || len(what.GetPermissions()) < 10 {
		t.Errorf("what olga can: %v %v", what, err)
	}
}

// A recorded decision is explained by the policies that decided, whatever has changed since.
func TestExplainRecord(t *testing.T) {
	h := newPolicyHouse(t)
	owner := h.as("olga", "acme", "owner")
	apply := func(text string) {
		t.Helper()
		if _, err := h.policies.ApplyPolicies(owner, &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("bob.cedar", text), BaseVersion: -1}); err != nil {
			t.Fatal(err)
		}
		if err := h.refresh.Refresh(owner); err != nil {
			t.Fatal(err)
		}
	}
	apply(bobReads)
	q := model.Request{Principal: gate.Caller(h.as("bob", "acme")), Action: "AuditRead", Resource: model.Object{Ref: model.Ref{Type: "Tenant", ID: "acme"}}, Time: h.now}
	d := h.engine.Decide(owner, q)
	if !d.Allowed || d.PolicySets["acme"] != 1 || d.PolicyVersion != h.engine.VersionFor("acme") || d.PolicyVersion == h.engine.VersionFor("globex") {
		t.Fatalf("%+v", d)
	}
	rec := model.Record{
		ID: "r", Time: h.now, Tenant: "acme", Action: q.Action, Outcome: model.OutcomeAllowed, Policies: d.Policies, Request: &q,
		PolicyVersion: d.PolicyVersion, PolicySets: d.PolicySets,
	}
	older, foreign, gone := rec, rec, rec
	older.ID, older.PolicyVersion, older.PolicySets = "older", "", nil
	foreign.ID, foreign.PolicyVersion = "foreign", "of another release"
	gone.ID, gone.PolicyVersion, gone.PolicySets = "gone", "gone", map[string]int64{"acme": 99}
	var logged []model.LogRecord
	for i, r := range []model.Record{rec, older, foreign, gone} {
		logged = append(logged, model.LogRecord{Origin: "o", Index: uint64(i), Record: r})
	}
	if err := h.store.IndexRecords(owner, logged); err != nil {
		t.Fatal(err)
	}
	apply(strings.ReplaceAll(bobReads, "AuditRead", "AuditExport"))
	for i, tt := range []struct{ text, problem string }{
		{"AuditRead", ""}, {"AuditExport", "does not say which version"}, {"AuditRead", "another release"}, {"AuditExport", "version 99"},
	} {
		x, err := h.policies.Explain(owner, &bulkheadv1.ExplainRequest{Record: fmt.Sprintf("o/%d", i)})
		if err != nil || !x.GetAllowed() || len(x.GetPolicies()) != 1 || !strings.Contains(x.GetPolicies()[0].GetText(), `"`+tt.text+`"`) {
			t.Fatalf("record %d: %v %v", i, x, err)
		}
		problems := strings.Join(x.GetErrors(), "; ")
		if !strings.Contains(problems, "would decide otherwise") || tt.problem == "" && len(x.GetErrors()) != 1 || !strings.Contains(problems, tt.problem) {
			t.Errorf("record %d: %q", i, problems)
		}
	}
}

// counted are people whose groups are not asked for one by one.
type counted struct {
	api.PolicyPeople
	single int
}

func (c *counted) GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error) {
	c.single++
	return c.PolicyPeople.GroupsOf(ctx, a)
}

func TestWhoCanByGroups(t *testing.T) {
	h := newPolicyHouse(t)
	people := &counted{PolicyPeople: h.policies.People}
	h.policies.People = people
	g := &model.AccountGroup{ID: "g", Tenant: "acme", Name: "owners", Roles: []string{"owner"}, Created: h.now}
	if err := h.store.CreateGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if err := h.store.CreateAccount(t.Context(), &model.Account{ID: "gil", Tenant: "acme", Name: "gil", Groups: []string{"g"}, Created: h.now}); err != nil {
		t.Fatal(err)
	}
	who, err := h.policies.WhoCan(h.as("olga", "acme", "owner"), &bulkheadv1.WhoCanRequest{Action: "UserUpdate", Resource: &bulkheadv1.ObjectRef{Type: "User", Id: "bob"}})
	if err != nil || len(who.GetUsers()) != 2 || who.GetUsers()[0].GetName() != "gil" || people.single != 0 {
		t.Errorf("%v %v, %d questions for one account's groups", who, err, people.single)
	}
}
