package cli

import (
	"context"
	"strings"
	"testing"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (p *plane) ListMyAccessRequests(context.Context, *bulkheadv1.ListMyAccessRequestsRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	return &bulkheadv1.ListAccessRequestsResponse{Requests: []*bulkheadv1.AccessRequest{{Id: "mine", State: "denied", Note: "ask on Monday"}}}, nil
}

func (p *plane) WithdrawAccess(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.AccessRequest, error) {
	return &bulkheadv1.AccessRequest{Id: req.GetId(), State: "revoked"}, nil
}

func TestRightsVerbs(t *testing.T) {
	p := newPlane(t)
	for _, c := range []struct{ line, want string }{
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
