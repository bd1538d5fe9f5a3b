package authz

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestNames(t *testing.T) {
	for name, k := range map[string]struct {
		policy string
		want   bool
	}{
		"nothing":       {"", false},
		"somebody else": {`permit (principal == Bulkhead::User::"bob", action == Bulkhead::Action::"AuditRead", resource);`, false},
		"the user":      {`permit (principal == Bulkhead::User::"u-1", action == Bulkhead::Action::"AuditRead", resource);`, true},
		"escaped":       {`permit (principal == Bulkhead::User::"u\u{2d}1", action == Bulkhead::Action::"AuditRead", resource);`, true},
		"in a condition": {
			`permit (principal, action == Bulkhead::Action::"AuditRead", resource) when { [Bulkhead::User::"u-1"].contains(principal) };`, true,
		},
		"by name": {`permit (principal, action == Bulkhead::Action::"AuditRead", resource) when { principal["name"] like "a*" };`, true},
		"a part":  {`permit (principal == Bulkhead::User::"u-11", action == Bulkhead::Action::"AuditRead", resource);`, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			if k.policy != "" {
				text := `@id("a") @reason("r") ` + k.policy
				if err := e.Load([]model.Policies{{Tenant: "acme", Version: 1, Files: []model.PolicyFile{{Name: "a.cedar", Text: text}}}}); err != nil {
					t.Fatal(err)
				}
			}
			if got := e.Names("u-1"); got != k.want {
				t.Errorf("%v", got)
			}
		})
	}
}
