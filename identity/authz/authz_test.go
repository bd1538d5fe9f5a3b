package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestShippedPolicies(t *testing.T) {
	e := newEngine(t, Options{})
	files, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.Schema().Validate(context.Background(), "", files) {
		t.Errorf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
	tested := map[string]bool{}
	for _, r := range e.Test(context.Background(), model.SystemTenant, files) {
		tested[strings.TrimSuffix(r.File, testSuffix)] = true
		if !r.Passed {
			t.Errorf("%s: %s: %s", r.File, r.Name, r.Why)
		}
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name, ".cedar"); ok && !tested[name] {
			t.Errorf("%s has no example requests in %s%s", f.Name, name, testSuffix)
		}
	}
}

// The schema covers every method of the API, says the same of it, and lets its action be done to its object.
func TestSchemaCoversTheAPI(t *testing.T) {
	s, err := NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	dangerous, changes := map[string][]bool{}, map[string]bool{}
	protoregistry.GlobalFiles.RangeFilesByPackage("bulkhead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				a, ok := proto.GetExtension(m.Options(), bulkheadv1.E_Access).(*bulkheadv1.Access)
				if !ok || a == nil {
					t.Errorf("%s does not say what it needs", m.FullName())
					continue
				}
				if a.Door == bulkheadv1.Door_DOOR_PUBLIC {
					continue
				}
				checkMethod(t, s, string(m.FullName()), a)
				dangerous[a.Action] = append(dangerous[a.Action], a.Dangerous)
				changes[a.Action] = changes[a.Action] || a.Effect != bulkheadv1.Effect_EFFECT_READ
			}
		}
		return true
	})
	if len(dangerous) < 40 {
		t.Fatalf("only %d actions in the API: are its descriptors there?", len(dangerous))
	}
	for name, marks := range dangerous {
		want := ""
		switch yes, no := slices.Contains(marks, true), slices.Contains(marks, false); {
		case yes && no:
			want = "some"
		case yes:
			want = "yes"
		}
		if got := s.Dangerous(name); got != want {
			t.Errorf("@dangerous of %s is %q in the schema, and %q by the API", name, got, want)
		}
	}
	for _, name := range s.Actions() {
		if s.actions[name].door == "" && changes[name] == s.InGroup(name, "Read") {
			t.Errorf("%s changes: %v by the API, the opposite in the schema", name, changes[name])
		}
		if s.actions[name].door == "" && dangerous[name] == nil {
			t.Errorf("no method of the API decides %s, and it names no other @door", name)
		}
		if s.InGroup(name, "Read") == s.InGroup(name, "Change") {
			t.Errorf("%s must be in exactly one of Read and Change", name)
		}
	}
}

// Every type can ask, be asked for, or hold what can: policies about others would never decide anything.
func TestTypesAreUsed(t *testing.T) {
	s, err := NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	used := map[types.EntityType]bool{}
	for _, name := range s.Actions() {
		for _, typ := range slices.Concat(s.actions[name].principals, s.actions[name].resources) {
			used[typ] = true
			for _, parent := range s.resolved.Entities[typ].ParentTypes {
				used[parent] = true
			}
		}
	}
	for _, name := range s.Types() {
		if !used[s.types[name]] {
			t.Errorf("no action is about %s, and nothing that one is about is in it", name)
		}
	}
}

func checkMethod(t *testing.T, s *Schema, method string, a *bulkheadv1.Access) {
	t.Helper()
	if !s.HasAction(a.Action) {
		t.Errorf("%s decides %q, which is not in the schema", method, a.Action)
		return
	}
	resources := []string{"Tenant"} // the scope
	switch {
	case a.Door == bulkheadv1.Door_DOOR_SELF:
		resources = []string{"User"}
	case a.Door == bulkheadv1.Door_DOOR_NODE:
		resources = []string{"Node"}
	case a.Resource != "":
		resources = []string{a.Resource}
	}
	for _, r := range resources {
		if !slices.Contains(s.ActionsOn(r), a.Action) {
			t.Errorf("%s: %s can't be done to %s in the schema", method, a.Action, r)
		}
	}
	if a.Effect != bulkheadv1.Effect_EFFECT_READ && !s.InGroup(a.Action, "Change") {
		t.Errorf("%s: %s is not in Change, by its effect", method, a.Action)
	}
	if self := a.Door == bulkheadv1.Door_DOOR_SELF; self != s.InGroup(a.Action, "SelfService") {
		t.Errorf("%s: %s is in SelfService: %v, by its door: %v", method, a.Action, !self, self)
	}
}

func user(id, tenant string, roles ...string) model.Principal {
	return model.Principal{
		Ref: model.Ref{Type: "User", ID: id}, Name: id, Tenant: tenant, Roles: roles,
		Credential: model.Ref{Type: "Session", ID: "s"}, Auth: model.Strength{MFA: true, AMR: []string{"pwd", "otp", "mfa"}},
	}
}

func on(typ, id, tenant string) model.Object {
	o := model.Object{Ref: model.Ref{Type: typ, ID: id}}
	if tenant != "" {
		o.Parents = []model.Ref{{Type: "Tenant", ID: tenant}}
	}
	return o
}

func request(p model.Principal, action string, o model.Object) model.Request {
	return model.Request{
		Principal: p, Action: action, Resource: o, Time: time.Unix(1767600000, 0), FreshFactor: true,
		Facts: map[string]any{"address": "192.0.2.1", "door": "api"},
	}
}

func set(tenant string, files ...string) model.Policies {
	p := model.Policies{Tenant: tenant, Version: 1}
	for i, f := range files {
		p.Files = append(p.Files, model.PolicyFile{Name: string(rune('a'+i)) + ".cedar", Text: f})
	}
	return p
}

// What a tenant's policy says reaches neither outside of the tenant nor beyond what may be delegated, whatever it says.
func TestTenantPoliciesAreConfined(t *testing.T) {
	e := newEngine(t, Options{})
	if err := e.Load([]model.Policies{set("acme", `
		@id("all") @reason("everything") permit (principal, action, resource);
		@id("none") @reason("nothing") forbid (principal, action, resource) when { context.address == "198.51.100.1" };
		@id("err") @reason("errs") forbid (principal, action, resource) when { context.door == "err" && context.nonsense };
	`)}); err != nil {
		t.Fatal(err)
	}
	admin := user("ada", "system", model.RoleAdministrator)
	from := func(r model.Request, address, door string) model.Request {
		r.Facts = map[string]any{"address": address, "door": door}
		return r
	}
	tests := []struct {
		name string
		r    model.Request
		want bool
	}{
		{"inside", request(user("bob", "acme"), "UserList", on("Tenant", "acme", "")), true},
		{"its owner's container", request(user("bob", "acme"), "ContainerExec", on("Container", "c", "acme")), true},
		{"another tenant", request(user("bob", "acme"), "UserList", on("Tenant", "globex", "")), false},
		{"another tenant's user here", request(user("eve", "globex"), "UserList", on("Tenant", "acme", "")), false},
		{"the provider's user without a role", request(user("pat", "system"), "UserList", on("Tenant", "acme", "")), false},
		{"not delegable", request(user("bob", "acme"), "TenantDelete", on("Tenant", "acme", "")), false},
		{"the installation", request(user("bob", "acme"), "JobRun", on("System", "bulkhead", "")), false},
		{"forbidden inside", from(request(user("bob", "acme"), "UserList", on("Tenant", "acme", "")), "198.51.100.1", ""), false},
		{"forbidding others", from(request(admin, "UserList", on("Tenant", "acme", "")), "198.51.100.1", ""), true},
		{"forbidding elsewhere", from(request(user("aud", "globex", "auditor"), "UserList", on("Tenant", "globex", "")), "198.51.100.1", ""), true},
		{"an error inside", from(request(user("bob", "acme"), "UserList", on("Tenant", "acme", "")), "", "err"), false},
		{"an error is none outside", from(request(user("aud", "globex", "auditor"), "UserList", on("Tenant", "globex", "")), "", "err"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := e.Decide(context.Background(), tt.r); d.Allowed != tt.want {
				t.Errorf("allowed %v: %+v", d.Allowed, d)
			}
		})
	}
}

func TestRefusedForWantOfSense(t *testing.T) {
	e := newEngine(t, Options{})
	admin := user("ada", "system", model.RoleAdministrator)
	tests := []struct {
		name   string
		change func(*model.Request)
		want   string
	}{
		{"unknown action", func(r *model.Request) { r.Action = "Everything" }, "no action"},
		{"group as action", func(r *model.Request) { r.Action = "Read" }, "no action"},
		{"nobody", func(r *model.Request) { r.Principal.ID = "" }, "nobody"},
		{"no tenant", func(r *model.Request) { r.Principal.Tenant = "" }, "nobody"},
		{"forged type", func(r *model.Request) { r.Principal.Type = "Role" }, "nobody"},
		{"unknown type", func(r *model.Request) { r.Resource.Type = "Action" }, "no object"},
		{"wrong type", func(r *model.Request) { r.Resource = on("Container", "c", "acme") }, "can't be done"},
		{"two tenants", func(r *model.Request) {
			r.Resource = on("User", "u", "acme")
			r.Resource.Parents = append(r.Resource.Parents, model.Ref{Type: "Tenant", ID: "globex"})
		}, "two tenants"},
		{"tenant and parent differ", func(r *model.Request) {
			r.Resource = on("User", "u", "acme")
			r.Resource.Attrs = map[string]any{"tenant": model.Ref{Type: "Tenant", ID: "globex"}}
		}, "not the one"},
		{"strange fact", func(r *model.Request) { r.Facts = map[string]any{"x": make(chan int)} }, "no value"},
		{"token without scopes", func(r *model.Request) { r.Principal.Credential.Type = "Token" }, "scopes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request(admin, "UserRead", on("User", "u", "acme"))
			tt.change(&r)
			if d := e.Decide(context.Background(), r); d.Allowed || !strings.Contains(d.Reason, tt.want) {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for _, action := range []string{"Nonsense", "Read", "SessionStepUp", "FactorRegister", "PasswordChange", "AccessRequest", "AccessDecide", "PolicyDecide"} {
		if _, err := New(Options{FourEyes: []string{"TenantDelete", action}}); model.CodeOf(err) != model.CodeInvalid || !strings.Contains(err.Error(), action) {
			t.Errorf("%s in four_eyes: %v", action, err)
		}
	}
	e := newEngine(t, Options{FourEyes: []string{"TenantDelete"}, PhishingResistant: true})
	r := request(user("ada", "system", model.RoleAdministrator), "TenantDelete", on("Tenant", "acme", ""))
	d := e.Decide(context.Background(), r)
	if d.Allowed || !slices.Equal(d.Needs, []model.Need{model.NeedPhishingResistant, model.NeedApproval}) {
		t.Errorf("needs %v: %+v", d.Needs, d)
	}
	// A door can't say by a fact what is decided here.
	r.Facts = map[string]any{"approved": true, "phishing_resistant": true, "mfa": true, "fresh_factor": true}
	if d := e.Decide(context.Background(), r); d.Allowed {
		t.Errorf("facts stood for what was shown: %+v", d)
	}
	r.Approved, r.Principal.Auth.PhishingResistant = true, true
	if d := e.Decide(context.Background(), r); !d.Allowed {
		t.Errorf("refused: %+v", d)
	}
	if d := e.MayApprove(context.Background(), request(user("bob", "acme"), "TenantDelete", on("Tenant", "acme", ""))); d.Allowed {
		t.Errorf("one without the right may approve: %+v", d)
	}
}

func TestScopes(t *testing.T) {
	e := newEngine(t, Options{})
	tests := []struct {
		scopes []string
		want   bool
	}{
		{[]string{"UserList"}, true},
		{[]string{"Read"}, true},
		{[]string{"DirectoryRead"}, true},
		{[]string{"*"}, true},
		{[]string{"UserCreate", "Change"}, false},
		{[]string{}, false},
		{nil, false},
		{[]string{"userlist"}, false},
	}
	for _, tt := range tests {
		r := request(user("ada", "system", model.RoleAdministrator), "UserList", on("Tenant", "acme", ""))
		r.Principal.Credential.Type, r.Principal.Scopes = "Token", tt.scopes
		if d := e.Decide(context.Background(), r); d.Allowed != tt.want {
			t.Errorf("scopes %v: allowed %v, %s", tt.scopes, d.Allowed, d.Reason)
		}
	}
}

func TestLoadKeepsWhatIsInForceOnAnError(t *testing.T) {
	e := newEngine(t, Options{})
	before := e.Version()
	for _, text := range []string{"permit (", `permit (principal, action, resource);`, strings.Repeat("(", 300)} {
		if err := e.Load([]model.Policies{set("acme", text)}); err == nil {
			t.Errorf("loaded %q", text)
		}
	}
	if e.Version() != before {
		t.Error("something else is in force after a failed load")
	}
}

// What is kept of an object never stands for another, however much they have in common.
func TestObjectsAreKept(t *testing.T) {
	s, err := NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	of := func(change func(*model.Object)) *model.Object {
		o := on("Container", "c1", "acme")
		o.Attrs = map[string]any{"name": "web", "privileged": false, "labels": []string{"a=1"}, "owner": model.Ref{Type: "User", ID: "u1"}}
		change(&o)
		return &o
	}
	for name, change := range map[string]func(*model.Object){
		"the same":          func(*model.Object) {},
		"a text":            func(o *model.Object) { o.Attrs["name"] = "db" },
		"yes for no":        func(o *model.Object) { o.Attrs["privileged"] = true },
		"another type":      func(o *model.Object) { o.Attrs["name"] = int64(1) },
		"one more":          func(o *model.Object) { o.Attrs["image"] = "alpine" },
		"one for another":   func(o *model.Object) { delete(o.Attrs, "name"); o.Attrs["image"] = "web" },
		"a label":           func(o *model.Object) { o.Attrs["labels"] = []string{"a=2"} },
		"a text for a list": func(o *model.Object) { o.Attrs["labels"] = "a=1" },
		"a list for a text": func(o *model.Object) { o.Attrs["name"] = []string{"web"} },
		"no list":           func(o *model.Object) { o.Attrs["labels"] = []any{"a=1"} },
		"an owner":          func(o *model.Object) { o.Attrs["owner"] = model.Ref{Type: "User", ID: "u2"} },
		"a tenant":          func(o *model.Object) { o.Parents = on("Container", "c1", "umbrella").Parents },
		"a large one":       func(o *model.Object) { o.Attrs["name"] = strings.Repeat("x", mostOfObject) },
		"nothing":           func(o *model.Object) { o.Attrs = nil },
	} {
		for _, first := range []*model.Object{of(func(*model.Object) {}), of(change)} {
			if _, err := s.cache.object(s, first); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got, err := s.cache.object(s, of(change))
				want, werr := s.object(of(change))
				if err != nil || werr != nil || !got.Equal(want) {
					t.Errorf("%s: %v %v: %v, want %v", name, err, werr, got, want)
				}
			}
		}
	}
	large := of(func(o *model.Object) { o.ID, o.Attrs["name"] = "large", strings.Repeat("x", mostOfObject) })
	if _, err := s.cache.object(s, large); err != nil || s.cache.objects.Contains(large.Ref) {
		t.Errorf("a large one: kept %v, %v", s.cache.objects.Contains(large.Ref), err)
	}
	if c1 := of(func(*model.Object) {}).Ref; !s.cache.objects.Contains(c1) {
		t.Error("a small one is not kept")
	}
	mine := of(func(*model.Object) {})
	if _, err := s.cache.object(s, mine); err != nil {
		t.Fatal(err)
	}
	mine.Attrs["labels"].([]string)[0] = "a=3" // the caller's own
	if got, err := s.cache.object(s, of(func(*model.Object) {})); err != nil || !strings.Contains(fmt.Sprint(got.Attributes), "a=1") {
		t.Errorf("%v %v", err, got)
	}
}
