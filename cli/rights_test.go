package cli

import (
	"context"
	"strings"
	"testing"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func policySet() *bulkheadv1.PolicySet {
	return &bulkheadv1.PolicySet{
		Tenant: "acme", Version: 3, Digest: "00ff", Signature: "bulkhead policies\nsha256:00ff\n\n— bulkhead/policies q83vAAAA\n",
		Files: []*bulkheadv1.PolicyFile{{Name: "a.cedar", Text: "permit (principal, action, resource);"}},
	}
}

func (p *plane) GetPolicies(context.Context, *bulkheadv1.GetPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	return policySet(), nil
}

func (p *plane) ListPolicyVersions(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPolicyVersionsResponse, error) {
	return &bulkheadv1.ListPolicyVersionsResponse{Versions: []*bulkheadv1.PolicySet{policySet()}}, nil
}

func (p *plane) ListAccessRequests(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	return &bulkheadv1.ListAccessRequestsResponse{Requests: []*bulkheadv1.AccessRequest{{Id: "theirs", State: "pending"}}}, nil
}

func (p *plane) ListMyAccessRequests(context.Context, *bulkheadv1.ListMyAccessRequestsRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	return &bulkheadv1.ListAccessRequestsResponse{Requests: []*bulkheadv1.AccessRequest{{Id: "mine", State: "denied", Note: "ask on Monday"}}}, nil
}

func (p *plane) WithdrawAccess(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.AccessRequest, error) {
	return &bulkheadv1.AccessRequest{Id: req.GetId(), State: "revoked"}, nil
}

func TestRightsVerbs(t *testing.T) {
	p := newPlane(t)
	for _, c := range []struct{ line, want string }{
		{"access list", "theirs"},
		{"access list --mine", "ask on Monday"},
		{"access list --mine -o json", `"id": "mine"`},
		{"access withdraw a1", "revoked"},
		{"policy get", "digest:        00ff\nsignature:     bulkhead/policies q83vAAAA\n"},
		{"policy versions", "00ff    bulkhead/policies"},
	} {
		t.Run(c.line, func(t *testing.T) {
			code, out, errs := p.signedIn(t, "bhs_first").run(t, strings.Fields(c.line)...)
			if code != ExitOK || !strings.Contains(out, c.want) {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
		})
	}
}
