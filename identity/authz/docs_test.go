package authz

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// cedarOf is the first policy text of a page.
func cedarOf(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```cedar\n")
	text, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatalf("%s has no policy", page)
	}
	return text
}

// inForce holds that files are right and pass their tests, and puts them in force for a tenant.
func inForce(t *testing.T, tenant string, files []model.PolicyFile, tests int) *Engine {
	t.Helper()
	e := newEngine(t, Options{})
	for _, p := range e.Schema().Validate(context.Background(), tenant, files) {
		t.Errorf("%s: %s:%d: %s", tenant, p.File, p.Line, p.Message)
	}
	draft, err := e.With(model.Policies{Tenant: tenant, Version: 1, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	results := draft.Test(context.Background(), tenant, files)
	if len(results) < tests {
		t.Errorf("%d tests", len(results))
	}
	for _, r := range results {
		if !r.Passed {
			t.Errorf("%s: %s: %s", tenant, r.Name, r.Why)
		}
	}
	return draft
}

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
		inForce(t, tenant, files, 4)
	}
}

// The custom profile of docs/profiles.md is right, and refuses what it says with what would pass.
func TestCustomProfile(t *testing.T) {
	files := []model.PolicyFile{{Name: "ours.cedar", Text: cedarOf(t, "profiles.md")}, {Name: "ours.test.yaml", Text: `tests:
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
	draft := inForce(t, "acme", files, 2)
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

// The rules of docs/guard.md are right, and refuse what they say.
func TestOwnRules(t *testing.T) {
	files := []model.PolicyFile{{Name: "ours.cedar", Text: cedarOf(t, "guard.md")}, {Name: "ours.test.yaml", Text: `tests:
  - name: another entry point of something confidential
    principal: {id: olga, roles: [owner]}
    actions: [ContainerCreate, ContainerStart]
    resource: {type: Container, id: web}
    context: {workload: {sensitivity: confidential, entrypoint_overridden: true}}
    expect: refuse
    policies: [acme/ours/sensitive-purpose]
  - name: another entry point of something else
    principal: {id: olga, roles: [owner]}
    actions: [ContainerCreate]
    resource: {type: Container, id: web}
    context: {workload: {sensitivity: internal, entrypoint_overridden: true}}
    expect: allow
  - name: an exec into the vault, alone
    principal: {id: olga, roles: [owner]}
    actions: [ContainerExec]
    resource: {type: Container, id: vault, attrs: {labels: ["four-eyes=yes"]}}
    expect: refuse
    policies: [acme/ours/two-for-the-vault]
  - name: an exec into the vault, approved
    principal: {id: olga, roles: [owner]}
    actions: [ContainerExec]
    resource: {type: Container, id: vault, attrs: {labels: ["four-eyes=yes"]}}
    approved: true
    expect: allow
  - name: an exec elsewhere
    principal: {id: olga, roles: [owner]}
    actions: [ContainerExec]
    resource: {type: Container, id: web}
    expect: allow
`}}
	inForce(t, "acme", files, 5)
}
