package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestResult is how an example request came out.
type TestResult struct {
	File, Name string
	Passed     bool
	Why        string // when it did not pass
}

// Test decides the example requests of files by the policies of the engine. Principals and objects that name no tenant
// belong to the given one. Files that can't be read are failed tests.
func (e *Engine) Test(ctx context.Context, tenant string, files []model.PolicyFile) []TestResult {
	var results []TestResult
	for _, f := range files {
		if !strings.HasSuffix(f.Name, testSuffix) {
			continue
		}
		cases, problem := e.schema.parseTests(f)
		if problem != nil {
			results = append(results, TestResult{File: f.Name, Name: "(the file)", Why: fmt.Sprintf("line %d: %s", problem.Line, problem.Message)})
			continue
		}
		for i := range cases {
			results = append(results, TestResult{File: f.Name, Name: cases[i].Name})
			r := &results[len(results)-1]
			r.Why = e.run(ctx, tenant, &cases[i])
			r.Passed = r.Why == ""
		}
	}
	return results
}

func (e *Engine) run(ctx context.Context, tenant string, t *testCase) string {
	for _, a := range t.Actions {
		r := t.request(tenant, a)
		e.schema.complete(r.Facts, a)
		d := e.Decide(ctx, r)
		got := refuse
		if d.Allowed {
			got = allow
		}
		prefix := ""
		if len(t.Actions) > 1 {
			prefix = a + ": "
		}
		if got != t.Expect {
			return fmt.Sprintf("%sexpected %s, got %s: %s (policies: %s)", prefix, t.Expect, got, d.Reason, strings.Join(append(d.Policies, d.Errors...), ", "))
		}
		for _, p := range t.Policies {
			if !slices.Contains(d.Policies, p) {
				return fmt.Sprintf("%sexpected the policy %s to decide; these did: %s", prefix, p, strings.Join(d.Policies, ", "))
			}
		}
		if t.Needs != nil && !sameNeeds(t.Needs, d.Needs) {
			return fmt.Sprintf("%sexpected needs %v, got %v", prefix, t.Needs, d.Needs)
		}
	}
	return ""
}

func sameNeeds(want []string, got []model.Need) bool {
	have := make([]string, len(got))
	for i, n := range got {
		have[i] = string(n)
	}
	slices.Sort(have)
	return slices.Equal(slices.Sorted(slices.Values(want)), have)
}

func (t *testCase) request(tenant, action string) model.Request {
	p := &t.Principal
	yes := func(b *bool) bool { return b == nil || *b }
	credential := model.Ref{Type: "Session", ID: "test"}
	switch p.Credential {
	case "token":
		credential.Type = credentialToken
	case "certificate":
		credential.Type = "Certificate"
	}
	r := model.Request{
		Principal: model.Principal{
			Ref: model.Ref{Type: or(p.Type, "User"), ID: p.ID}, Name: or(p.Name, p.ID), Tenant: or(p.Tenant, tenant),
			Roles: p.Roles, Groups: p.Groups, Hosts: p.Hosts, Credential: credential, Scopes: p.Scopes,
			Auth: model.Strength{AMR: p.AMR, MFA: yes(p.MFA), PhishingResistant: p.PhishingResistant},
		},
		Action: action, Resource: t.Resource.object(tenant), Time: t.Time, Approved: t.Approved,
		FreshFactor: yes(p.MFA) && yes(p.Fresh), Dangerous: t.Dangerous, FourEyes: t.FourEyes, Facts: plainMap(t.Context),
	}
	if r.Time.IsZero() {
		r.Time, _ = time.Parse(time.RFC3339, defaultTime)
	}
	for i := range t.Objects {
		r.Objects = append(r.Objects, t.Objects[i].object(tenant))
	}
	return r
}

func (o *testObject) object(tenant string) model.Object {
	out := model.Object{Ref: model.Ref{Type: o.Type, ID: o.ID}, Attrs: plainMap(o.Attrs)}
	for _, p := range o.Parents {
		out.Parents = append(out.Parents, model.Ref(p))
	}
	if o.Type != model.TypeSystem && o.Type != "Tenant" {
		out.Parents = append(out.Parents, model.Ref{Type: "Tenant", ID: or(o.Tenant, tenant)})
	}
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
