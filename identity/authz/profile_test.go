package authz

import (
	"context"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/policies"
)

// A custom profile decides like the shipped one that it is a copy of, and the engine tells whether there is one.
func TestProfileToBeginWith(t *testing.T) {
	for _, from := range []string{"baseline", "restricted"} {
		t.Run(from, func(t *testing.T) {
			text, err := policies.Custom(from, "v1")
			if err != nil {
				t.Fatal(err)
			}
			example, err := policies.Files.ReadFile("profile_" + from + ".test.yaml")
			if err != nil {
				t.Fatal(err)
			}
			cases := strings.NewReplacer("profile: "+from, "profile: custom", "profile_baseline/profile-known", "profile_baseline/profile-known",
				"profile_baseline/", "system/profile/", "profile_restricted/", "system/profile/").Replace(string(example))
			e, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			if e.Forbids("custom") {
				t.Error("there is a custom profile before one was loaded")
			}
			own := model.PolicyFile{Name: "profile.cedar", Text: text}
			passed := 0
			if err := e.Load([]model.Policies{{Tenant: model.SystemTenant, Version: 1, Files: []model.PolicyFile{own}}}); err != nil {
				t.Fatal(err)
			}
			if !e.Forbids("custom") || e.Forbids("strict") {
				t.Error("the engine does not say which profile it has rules of")
			}
			for _, r := range e.Test(context.Background(), model.SystemTenant, []model.PolicyFile{{Name: "profile.test.yaml", Text: cases}}) {
				if !r.Passed && r.Name != "a custom profile is what the tenant says" { // here the tenant says what the shipped one does
					t.Errorf("%s: %s", r.Name, r.Why)
				}
				passed++
			}
			if passed < 20 {
				t.Errorf("%d cases were run", passed)
			}
			if err := e.Load([]model.Policies{{Tenant: "acme", Version: 1, Files: []model.PolicyFile{own}}}); err != nil {
				t.Fatal(err)
			}
			if e.Forbids("custom") {
				t.Error("the profile of one tenant counts for everybody")
			}
		})
	}
	if _, err := policies.Custom("strict", "v1"); err == nil {
		t.Error("a copy of a profile that is not there")
	}
}
