package judge_test

import (
	"fmt"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// BenchmarkSees is what a list of a dozen containers costs the judge, for an administrator.
func BenchmarkSees(b *testing.B) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		b.Fatal(err)
	}
	j := judge.New(judge.Parts{Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1"})
	root := dev("root")
	root.Principal.Auth.MFA, root.Principal.Tenant, root.Principal.Roles = true, model.SystemTenant, []string{model.RoleAdministrator}
	a := &call.Ask{Subject: root}
	list := make([]call.Object, 12)
	for i := range list {
		list[i] = call.Object{Kind: route.Container, ID: fmt.Sprint("c", i), Name: fmt.Sprint("name-", i), Image: "alpine", Labels: map[string]string{"a": "1", "b": "2"}}
	}
	b.ReportAllocs()
	for b.Loop() {
		if seen, err := j.Sees(b.Context(), a, list); err != nil || !seen[0] {
			b.Fatal(err)
		}
	}
}
