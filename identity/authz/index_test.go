package authz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"

	"github.com/bulkhead-security/bulkhead/model"
)

// plainWalk decides by Cedar alone, over all policies.
func plainWalk(s *snapshot, r *model.Request) model.Decision {
	act := s.schema.actions[r.Action]
	w, err := s.schema.newWorld(r, act)
	if err != nil {
		return s.refuse(r, err.Error())
	}
	facts, err := s.context(r, act, Assume{}, readsAll)
	if err != nil {
		return s.refuse(r, err.Error())
	}
	all := walk(s.entries)
	outcome, why := cedar.Authorize(all, w, cedar.Request{Principal: w.principal.UID, Action: act.uid, Resource: w.resource.UID, Context: facts})
	return s.answer(r, all, outcome, why)
}

func same(a, b model.Decision) bool {
	return a.Allowed == b.Allowed && a.Reason == b.Reason && a.Remedy == b.Remedy && slices.Equal(a.Policies, b.Policies) && slices.Equal(a.Errors, b.Errors)
}

// source makes random policies and requests out of a few names, so that they meet often.
type source struct{ *rand.Rand }

func (r source) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r source) principal() string {
	return r.pick("principal", "principal", `principal == Bulkhead::User::"u1"`, `principal == Bulkhead::User::"u2"`,
		`principal in Bulkhead::Group::"g1"`, `principal in Bulkhead::Role::"owner"`, `principal in Bulkhead::Tenant::"acme"`,
		`principal in Bulkhead::System::"bulkhead"`, `principal is Bulkhead::User`, `principal is Bulkhead::Node`,
		`principal is Bulkhead::User in Bulkhead::Group::"g2"`, `principal in Bulkhead::User::"u1"`)
}

func (r source) action() string {
	return r.pick("action", `action == Bulkhead::Action::"ContainerExec"`, `action == Bulkhead::Action::"UserList"`,
		`action in Bulkhead::Action::"Read"`, `action in Bulkhead::Action::"EngineChange"`,
		`action in [Bulkhead::Action::"Change", Bulkhead::Action::"EngineChange", Bulkhead::Action::"ContainerExec"]`,
		`action in [Bulkhead::Action::"ContainerUse", Bulkhead::Action::"TenantDelegable", Bulkhead::Action::"ContainerUse"]`, `action in []`)
}

func (r source) resource() string {
	return r.pick("resource", "resource", `resource == Bulkhead::Container::"c1"`, `resource in Bulkhead::Container::"c2"`,
		`resource in Bulkhead::Tenant::"acme"`, `resource in Bulkhead::System::"bulkhead"`, `resource is Bulkhead::Container`,
		`resource is Bulkhead::Tenant`, `resource in Bulkhead::Host::"h1"`, `resource is Bulkhead::Container in Bulkhead::Host::"h1"`)
}

func (r source) condition() string {
	return r.pick("", "", `when { context.mfa }`, `unless { context.fresh_factor }`, `when { resource.owner == principal }`,
		`when { context.nonsense }`, `when { resource has host && resource.host == Bulkhead::Host::"h1" }`, `when { 1 + 9223372036854775807 > 0 }`,
		`when { context has profile && context.profile == "baseline" }`, `when { context has profile && context.nonsense }`,
		`when { context has ip && context.nonsense }`, r.premise(), r.premise(), r.premise(), r.premise(), `unless { context has profile && context.mfa }`)
}

// premise is a condition on what a door says of a workload.
func (r source) premise() string {
	part := func() string {
		return r.pick(`context has workload`, `context has profile`, `context.workload.root`, `!context.workload.root`, `context.workload.list.isEmpty()`, `!context.workload.list.isEmpty()`,
			`context.workload.list.contains("a")`, `["a", "b"].contains(context.profile)`, `["baseline"].contains(context.profile)`, `["a"].containsAll(context.workload.list)`,
			`context.workload.list.containsAny(["b", "c"])`, `context.workload.n < 3`, `context.workload.n >= 3`, `context.workload.n == 3`, `context.workload.n == "3"`, `context.workload.kind != "b"`,
			`context.workload has none`, `context.workload.none`, `context.workload.list`, `context.workload.n`, `context.profile == "baseline"`, `(context.workload.root || context.workload.n > 2)`,
			`context.workload == context.workload`, `context.workload.list == ["a"]`, `context.workload.ref == principal`, `context has amr`, `context.amr.isEmpty()`, `context.door == "b"`,
			`context.workload.list.contains(1)`, `[1, "a"].contains(context.workload.kind)`, `context.workload.root.isEmpty()`, `context.workload.ref has type`, `context.workload.ref.type == "User"`)
	}
	text := part()
	for range r.IntN(4) {
		text += r.pick(" && ", " && ", " || ") + part()
	}
	return r.pick("when", "when", "unless") + " { " + text + " } " + r.pick("", "", "unless { context.mfa }", "when { context.nonsense }")
}

// workload is what a door says of one.
func (r source) workload() any {
	w := map[string]any{"root": r.IntN(2) == 0, "kind": r.pick("a", "b"), "n": int64(r.IntN(5)), "list": []string{}, "ref": map[string]any{"type": "User", "id": "u1"}}
	switch r.IntN(8) {
	case 0:
		w["list"] = []string{r.pick("a", "b"), r.pick("b", "c")}
	case 1:
		w["list"], w["n"] = []any{"a", int64(1)}, 3
	case 2:
		w["list"], w["root"] = []string{"a", "a"}, "yes"
	case 3:
		delete(w, r.pick("root", "kind", "n", "list"))
	case 4:
		return map[string]any{"type": "User", "id": "u1"}
	case 5:
		return map[string]any{"type": "Nothing", "id": "u1", "root": true}
	case 6:
		w["none"] = struct{}{}
	}
	return w
}

func (r source) policies(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "@id(\"p%d\") %s (%s, %s, %s) %s;\n", i, r.pick("permit", "permit", "forbid"), r.principal(), r.action(), r.resource(), r.condition())
	}
	return b.String()
}

func (r source) request() model.Request {
	p := user(r.pick("u1", "u2", "u3"), r.pick("acme", "globex", "system"))
	p.Type = r.pick("User", "User", "User", "Node")
	p.Auth.MFA = r.IntN(2) == 0
	for _, g := range []string{"g1", "g2"} {
		if r.IntN(2) == 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	for _, role := range []string{"administrator", "owner", "auditor"} {
		if r.IntN(3) == 0 {
			p.Roles = append(p.Roles, role)
		}
	}
	o := on("Container", r.pick("c1", "c2", "c3"), r.pick("acme", "globex", "system"))
	action := r.pick("ContainerExec", "ContainerLogs", "ContainerCommit")
	if r.IntN(3) == 0 {
		o, action = on("Tenant", r.pick("acme", "globex", "system"), ""), r.pick("UserList", "UserCreate", "PolicyApply")
	} else {
		if r.IntN(2) == 0 {
			o.Parents = append(o.Parents, model.Ref{Type: "Host", ID: r.pick("h1", "h2")})
		}
		if r.IntN(2) == 0 {
			o.Attrs = map[string]any{"owner": model.Ref{Type: "User", ID: r.pick("u1", "u2")}, "host": model.Ref{Type: "Host", ID: "h1"}}
		}
	}
	q := request(p, action, o)
	q.FreshFactor = r.IntN(2) == 0
	if r.IntN(2) == 0 {
		q.Facts = map[string]any{"profile": r.pick("baseline", "restricted"), "address": r.pick("192.0.2.1", "unix:pid=1")}
	}
	if r.IntN(2) == 0 {
		if q.Facts == nil {
			q.Facts = map[string]any{}
		}
		q.Facts["workload"] = r.workload()
	}
	if r.IntN(4) == 0 {
		q.Objects = []model.Object{
			{Ref: model.Ref{Type: "Host", ID: "h1"}, Parents: []model.Ref{{Type: "System", ID: "bulkhead"}}},
			{Ref: model.Ref{Type: "Group", ID: "g1"}, Parents: []model.Ref{{Type: "Tenant", ID: "acme"}}},
		}
	}
	return q
}

func checkIndex(t *testing.T, seed uint64, requests int) {
	t.Helper()
	r := source{rand.New(rand.NewPCG(seed, 1))}
	e := newEngine(t, Options{})
	if err := e.Load([]model.Policies{set("system", r.policies(r.IntN(60))), set("acme", r.policies(r.IntN(60))), set("globex", r.policies(r.IntN(20)))}); err != nil {
		t.Fatal(err)
	}
	s := e.now.Load()
	for range requests {
		q := r.request()
		if got, want := s.decide(&q, Assume{}), plainWalk(s, &q); !same(got, want) {
			t.Fatalf("seed %d: the index says %+v, Cedar %+v, of %+v", seed, got, want, q)
		}
	}
}

func TestIndexDecidesAsCedar(t *testing.T) {
	for seed := range uint64(100) {
		checkIndex(t, seed, 40)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkIndex(t, seed, 10) })
}

// FuzzPolicies holds that no text of a policy or of a test makes the reader fall over, and that what is checked and
// loaded can't be read twice as something else.
func FuzzPolicies(f *testing.F) {
	f.Add(`@id("a") @reason("b") permit (principal, action, resource) when { context.mfa };`, "tests:\n  - name: a\n")
	f.Add(`@id("a") forbid (principal, action, resource) when { if true then (false) else "\u{1F}" like "*" };`, "tests: [{name: b}]")
	e, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, tests string) {
		files := []model.PolicyFile{{Name: "a.cedar", Text: text}, {Name: "a.test.yaml", Text: tests}}
		problems := e.Schema().Validate(context.Background(), "acme", files)
		d, err := e.With(model.Policies{Tenant: "acme", Files: files})
		if err != nil {
			if len(problems) == 0 {
				t.Fatalf("valid, but can't be loaded: %v", err)
			}
			return
		}
		d.Test(context.Background(), "acme", files)
		r := request(user("bob", "globex", "auditor"), "UserList", on("Tenant", "globex", ""))
		if !d.Decide(context.Background(), r).Allowed {
			t.Fatal("a tenant's policy changed what another tenant may do")
		}
	})
}
