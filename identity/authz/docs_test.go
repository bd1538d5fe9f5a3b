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
