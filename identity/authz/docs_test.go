package authz

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// The recipe of docs/policies.md is right and does what it says, in a tenant and for all.
func TestRecipes(t *testing.T) {
	b, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(b), "## A passkey, by policy\n")
	if !ok {
		t.Fatal("the recipe is gone")
	}
	block := func(kind string) string {
		_, rest, _ := strings.Cut(part, "```"+kind+"\n")
		text, _, ok := strings.Cut(rest, "```\n")
		if !ok {
			t.Fatalf("there is no block of %s", kind)
		}
		return text
	}
	files := []model.PolicyFile{{Name: "owners.cedar", Text: block("cedar")}, {Name: "owners.test.yaml", Text: block("yaml")}}
	for _, tenant := range []string{"acme", model.SystemTenant} {
		e := newEngine(t, Options{})
		for _, p := range e.Schema().Validate(context.Background(), tenant, files) {
			t.Errorf("%s: %s:%d: %s", tenant, p.File, p.Line, p.Message)
		}
		draft, err := e.With(model.Policies{Tenant: tenant, Version: 1, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		results := draft.Test(context.Background(), tenant, files)
		if len(results) < 4 {
			t.Errorf("%d tests", len(results))
		}
		for _, r := range results {
			if !r.Passed {
				t.Errorf("%s: %s: %s", tenant, r.Name, r.Why)
			}
		}
	}
}

// The custom profile of docs/profiles.md is right, and refuses what it says with what would pass.
func TestCustomProfile(t *testing.T) {
	b, err := os.ReadFile("../../docs/profiles.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```cedar\n")
	text, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("the recipe is gone")
	}
	files := []model.PolicyFile{{Name: "ours.cedar", Text: text}, {Name: "ours.test.yaml", Text: `tests:
  - name: an image from elsewhere
    principal: {id: olga, roles: [owner]}
    actions: [ContainerCreate, ContainerStart, ContainerRestart]
    resource: {type: Container, id: web}
    context: {workload: {registry: docker.io}}
    expect: refuse
    policies: [acme/ours/only-our-registry]
  - name: one of ours
    principal: {id: olga, roles: [owner]}
    actions: [ContainerCreate, ContainerStop]
    resource: {type: Container, id: web}
    context: {workload: {registry: registry.example}}
    expect: allow
`}}
	e := newEngine(t, Options{})
	for _, p := range e.Schema().Validate(context.Background(), "acme", files) {
		t.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	draft, err := e.With(model.Policies{Tenant: "acme", Version: 1, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range draft.Test(context.Background(), "acme", files) {
		if !r.Passed {
			t.Errorf("%s: %s", r.Name, r.Why)
		}
	}
	r := request(user("olga", "acme", model.RoleOwner), "ContainerCreate", on("Container", "web", "acme"))
	r.Facts = map[string]any{"workload": map[string]any{"registry": "docker.io"}}
	if d := draft.Decide(context.Background(), r); d.Allowed || d.Remedy != "push the image to registry.example and name it there" {
		t.Errorf("%+v", d)
	}
	r.Facts = nil
	if d := draft.Decide(context.Background(), r); !d.Allowed || d.Remedy != "" {
		t.Errorf("%+v", d)
	}
}
