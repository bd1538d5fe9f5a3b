package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const samplePolicy = `@id("bob") @reason("bob reads the log")
permit (principal == Bulkhead::User::"bob", action == Bulkhead::Action::"AuditRead", resource);`

const signature = "bulkhead policies\nsha256:00ff\n\n— bulkhead/policies q83vAAAA\n"

func (p *plane) GetPolicies(_ context.Context, req *bulkheadv1.GetPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	p.saw(req)
	if req.GetVersion() == 1 {
		return nil, fail(connect.CodePermissionDenied, model.CodeDenied, "no policy permits PolicyRead", "ask an owner")
	}
	if req.GetVersion() > 4 {
		return nil, fail(connect.CodeNotFound, model.CodeNotFound, "there is no such version", "list the versions")
	}
	return &bulkheadv1.PolicySet{
		Tenant: "acme", Version: 4, Author: "alice", Note: "night\x1b[31m shift", Digest: "00ff", Signature: signature,
		Files: []*bulkheadv1.PolicyFile{{Name: "a.cedar", Text: samplePolicy}},
	}, nil
}

func (p *plane) ListPolicyVersions(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPolicyVersionsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListPolicyVersionsResponse{Versions: []*bulkheadv1.PolicySet{{Tenant: "acme", Version: 4, Author: "alice", Digest: "00ff", Signature: signature}, {Tenant: "acme", Version: 3, Note: "first"}}}, nil
}

// PreviewPolicies finds what it is told to by the text of the draft.
func (p *plane) PreviewPolicies(_ context.Context, req *bulkheadv1.PreviewPoliciesRequest) (*bulkheadv1.PolicyPreview, error) {
	p.saw(req)
	out := &bulkheadv1.PolicyPreview{Replayed: 12, NewlyPermitted: 1, Administrators: []string{"root"}}
	for _, f := range req.GetFiles() {
		out.Difference = "+++ " + f.GetName() + "\n"
		out.Changes = []*bulkheadv1.DecisionChange{{
			Principal: "bob", Action: "AuditRead", Resource: &bulkheadv1.ObjectRef{Type: "Tenant", Id: "acme"}, WouldBeAllowed: true, Policies: []string{"acme/a/bob"},
		}}
		switch {
		case strings.Contains(f.GetText(), "broken"):
			out.Problems = []*bulkheadv1.PolicyProblem{{File: f.GetName(), Line: 2, Column: 3, Message: "unexpected \x1b[31mtoken"}}
		case strings.Contains(f.GetText(), "lockout"):
			out.Administrators, out.LocksOut = nil, true
		case strings.Contains(f.GetText(), "blind"):
			return nil, fail(connect.CodePermissionDenied, model.CodeDenied, "no policy permits PolicyPreview", "ask an owner")
		}
	}
	return out, nil
}

func (p *plane) ApplyPolicies(_ context.Context, req *bulkheadv1.ApplyPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	p.saw(req)
	return &bulkheadv1.PolicySet{Tenant: "acme", Version: 5, Note: req.GetNote(), Files: req.GetFiles()}, nil
}

func (p *plane) RollbackPolicies(_ context.Context, req *bulkheadv1.RollbackPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	p.saw(req)
	return &bulkheadv1.PolicySet{Tenant: "acme", Version: 6, Note: req.GetNote()}, nil
}

// proposed is a proposal in a state.
func proposed(state string) *bulkheadv1.PolicyProposal {
	return &bulkheadv1.PolicyProposal{
		Id: "p1", Tenant: "acme", BaseVersion: 4, State: state, Author: "bob", Note: "night\x1b[31m shift",
		Files: []*bulkheadv1.PolicyFile{{Name: "a.cedar", Text: samplePolicy}}, Check: &bulkheadv1.PolicyPreview{Difference: "+++ a.cedar\n"},
	}
}

func (p *plane) ProposePolicies(_ context.Context, req *bulkheadv1.ProposePoliciesRequest) (*bulkheadv1.PolicyProposal, error) {
	p.saw(req)
	return proposed("pending"), nil
}

func (p *plane) ListPolicyProposals(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPolicyProposalsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListPolicyProposalsResponse{Proposals: []*bulkheadv1.PolicyProposal{proposed("pending")}}, nil
}

func (p *plane) GetPolicyProposal(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.PolicyProposal, error) {
	p.saw(req)
	if req.GetId() != "p1" {
		return nil, fail(connect.CodeNotFound, model.CodeNotFound, "there is no such PolicyProposal", "Check the id.")
	}
	return proposed("pending"), nil
}

func (p *plane) DecidePolicyProposal(_ context.Context, req *bulkheadv1.DecidePolicyProposalRequest) (*bulkheadv1.PolicyProposal, error) {
	p.saw(req)
	if req.GetApprove() {
		return proposed("approved"), nil
	}
	return proposed("rejected"), nil
}

func (p *plane) WithdrawPolicyProposal(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.PolicyProposal, error) {
	p.saw(req)
	return proposed("withdrawn"), nil
}

func (p *plane) Explain(_ context.Context, req *bulkheadv1.ExplainRequest) (*bulkheadv1.Explanation, error) {
	p.saw(req)
	if req.GetRecord() != "" {
		return &bulkheadv1.Explanation{Reason: "no policy permits it", Needs: []string{"a second factor"}}, nil
	}
	return &bulkheadv1.Explanation{Allowed: true, Reason: "bob reads the log", Policies: []*bulkheadv1.DecidingPolicy{{Id: "acme/a/bob", Text: samplePolicy}}}, nil
}

func (p *plane) WhoCan(_ context.Context, req *bulkheadv1.WhoCanRequest) (*bulkheadv1.WhoCanResponse, error) {
	p.saw(req)
	if req.GetAction() == "TenantDelete" {
		return &bulkheadv1.WhoCanResponse{}, nil
	}
	return &bulkheadv1.WhoCanResponse{Users: []*bulkheadv1.Permission{{Name: "bob", Tenant: "acme", Action: req.GetAction(), Policies: []string{"acme/a/bob"}}}}, nil
}

func (p *plane) WhatCan(_ context.Context, req *bulkheadv1.WhatCanRequest) (*bulkheadv1.WhatCanResponse, error) {
	p.saw(req)
	return &bulkheadv1.WhatCanResponse{Permissions: []*bulkheadv1.Permission{{Name: "bob", Action: "AuditRead", Policies: []string{"acme/a/bob"}}}}, nil
}

func (p *plane) RequestAccess(_ context.Context, req *bulkheadv1.RequestAccessRequest) (*bulkheadv1.AccessRequest, error) {
	p.saw(req)
	return &bulkheadv1.AccessRequest{Id: "r1", Action: req.GetAction(), Resource: req.GetResource(), Reason: req.GetReason(), Duration: req.GetDuration(), State: "pending"}, nil
}

func (p *plane) ListAccessRequests(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListAccessRequestsResponse{Requests: []*bulkheadv1.AccessRequest{{Id: "r1", User: "bob", Action: "ContainerExec", State: "pending", Reason: "incident\x1b[2J 42"}}}, nil
}

func (p *plane) DecideAccess(_ context.Context, req *bulkheadv1.DecideAccessRequest) (*bulkheadv1.AccessRequest, error) {
	p.saw(req)
	if req.GetId() == "own" {
		return nil, fail(connect.CodePermissionDenied, model.CodeDenied, "nobody decides on the own request", "Ask another person.")
	}
	state := "denied"
	if req.GetApprove() {
		state = "approved"
	}
	return &bulkheadv1.AccessRequest{Id: req.GetId(), State: state, Note: req.GetNote()}, nil
}

func (p *plane) RevokeAccess(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.AccessRequest, error) {
	return &bulkheadv1.AccessRequest{Id: req.GetId(), State: "revoked"}, nil
}

// draft is a directory with a policy.
func draft(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.cedar"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerbsOfPolicies(t *testing.T) {
	good, broken, lockout, blind := draft(t, samplePolicy), draft(t, "broken"), draft(t, "lockout"), draft(t, "blind")
	runVerbs(t, newPlane(t), []verbCase{
		{"policy get", ExitOK, "// a.cedar"},
		{"policy get --version 3 -o json", ExitOK, `"author": "alice"`},
		{"policy get --version 9", ExitError, "list the versions"},
		{"policy get --dir " + filepath.Join(t.TempDir(), "out"), ExitOK, "a.cedar"},
		{"policy get --dir " + good, ExitError, "is not empty"},
		{"policy versions --tenant acme", ExitOK, "first"},
		{"policy versions -o json --limit 2", ExitOK, `"version": "4"`},
		{"policy diff " + good, ExitOK, "12 recorded decisions decided again: 0 would be refused now, 1 permitted"},
		{"policy diff " + good + " -o json --since 2d", ExitOK, `"newly_permitted": "1"`},
		{"policy diff " + good + " --since x", ExitError, "invalid"},
		{"policy diff " + good + " --since 0d", ExitOK, "12 recorded decisions"},
		{"policy diff --help", ExitOK, "(default 7d)\n"},
		{"policy diff " + broken, ExitNo, "1 problems"},
		{"policy diff " + lockout, ExitNo, "no administrator would be left"},
		{"policy diff " + blind, ExitNo, "no policy permits PolicyPreview"},
		{"policy diff " + t.TempDir(), ExitError, "has no .cedar files"},
		{"policy apply " + good, ExitError, "in place of version 4; add --yes"},
		{"policy apply " + good + " --force", ExitError, "in place of whatever is; add --yes"},
		{"policy apply " + good + " --yes --note night", ExitOK, "night"},
		{"policy apply " + good + " --yes -o yaml", ExitError, "this command writes text, json"},
		{"policy apply " + broken + " --yes", ExitNo, "a.cedar:2:3"},
		{"policy apply " + lockout + " --yes", ExitNo, "no administrator would be left"},
		{"policy apply " + blind, ExitNo, "no policy permits PolicyPreview"},
		{"policy apply " + blind + " --yes", ExitOK, "version:"},
		{"policy rollback 3", ExitError, "put version 3 into force again; add --yes"},
		{"policy rollback 3 --yes --note back", ExitOK, "back"},
		{"policy rollback 0 --yes", ExitOK, "6"},
		{"policy rollback 1", ExitNo, "no policy permits PolicyRead"},
		{"policy rollback 1 --yes -o json", ExitOK, `"preview": null`},
		{"policy rollback 9 --yes", ExitError, "list the versions"},
		{"policy propose " + good + " --yes", ExitError, "note"},
		{"policy propose " + good + " --note night", ExitError, "in place of version 4; add --yes"},
		{"policy propose " + good + " --note night --yes", ExitOK, "pending"},
		{"policy propose " + broken + " --note night --yes", ExitNo, "a.cedar:2:3"},
		{"policy propose " + lockout + " --note night --yes", ExitNo, "no administrator would be left"},
		{"policy proposals", ExitOK, "pending"},
		{"policy proposals -o json", ExitOK, `"state": "pending"`},
		{"policy proposal p1", ExitOK, "+++ a.cedar"},
		{"policy proposal p9", ExitError, "no such PolicyProposal"},
		{"policy approve p1", ExitError, "put this proposal into force in place of version 4; add --yes"},
		{"policy approve p1 --yes", ExitOK, "approved"},
		{"policy reject p1", ExitError, "reason"},
		{"policy reject p1 --reason wide", ExitOK, "rejected"},
		{"policy withdraw p1", ExitOK, "withdrawn"},
		{"policy rollback first", ExitError, "a version is a number"},
		{"policy explain AuditRead Tenant::acme --user bob --fact mfa=true", ExitOK, "// acme/a/bob"},
		{"policy explain AuditRead Tenant::acme -o json", ExitOK, `"allowed": true`},
		{"policy explain --record bulkhead/one/7", ExitOK, "a second factor"},
		{"policy explain AuditRead", ExitError, "requires ACTION and TYPE::ID"},
		{"policy explain AuditRead acme", ExitError, "an object is TYPE::ID"},
		{"policy explain AuditRead Tenant::acme --attr owner", ExitError, "NAME=VALUE"},
		{"policy who-can AuditRead Tenant::acme", ExitOK, "acme/a/bob"},
		{"policy who-can TenantDelete Tenant::acme", ExitOK, "nobody"},
		{"policy who-can AuditRead Tenant::acme -o json --attr a=b", ExitOK, `"truncated": false`},
		{"policy what-can --user bob", ExitOK, "AuditRead"},
		{"policy what-can Tenant::acme -o json", ExitOK, `"permissions"`},
		{"policy what-can acme", ExitError, "an object is TYPE::ID"},
		{"policy schema", ExitOK, "namespace Bulkhead"},
	})
}

func TestVerbsOfAccess(t *testing.T) {
	runVerbs(t, newPlane(t), []verbCase{
		{"access request ContainerExec Container::web --for 30m --reason incident-42", ExitOK, "30m0s"},
		{"access request ContainerExec Container::web --reason x -o json", ExitOK, `"state": "pending"`},
		{"access request ContainerExec Container::web", ExitError, "required flag"},
		{"access request ContainerExec web --reason x", ExitError, "an object is TYPE::ID"},
		{"access request ContainerExec Container::web --reason x --for soon", ExitError, "invalid"},
		{"access list --filter state=pending", ExitOK, "ContainerExec"},
		{"access list -o json", ExitOK, `"next_page": ""`},
		{"access approve r1 --note go", ExitOK, "approved"},
		{"access approve own", ExitNo, "nobody decides on the own request"},
		{"access deny r1 --note wait", ExitOK, "denied"},
		{"access revoke r1 -o json", ExitOK, `"state": "revoked"`},
	})
}

// TestChangesOfPoliciesArePreviewed holds that the preview is on standard error, also with --yes, and in JSON.
func TestChangesOfPoliciesArePreviewed(t *testing.T) {
	p := newPlane(t)
	good, broken := draft(t, samplePolicy), draft(t, "broken")
	for _, args := range [][]string{{"apply", good}, {"rollback", "3"}} {
		s := p.signedIn(t, "bhs_first")
		line := append([]string{"policy"}, args...)
		code, out, errs := s.run(t, append(line, "--yes", "--tenant", "acme")...)
		if code != ExitOK || !strings.Contains(errs, "+++ a.cedar") || !strings.Contains(errs, "AuditRead") || strings.Contains(out, "+++") {
			t.Errorf("%v: exit %d: %s\n%s", line, code, out, errs)
		}
		var got struct {
			Version string
			Preview struct {
				Difference     string
				NewlyPermitted string `json:"newly_permitted"`
			}
		}
		code, out, errs = s.run(t, append(line, "--yes", "-o", "json")...)
		if err := json.Unmarshal([]byte(out), &got); code != ExitOK || err != nil || got.Version == "" || got.Preview.NewlyPermitted != "1" || got.Preview.Difference == "" {
			t.Errorf("%v: exit %d, %v: %s%s", line, code, err, out, errs)
		}
		p.seen = nil
		s.ask = &script{"no"}
		if code, _, errs := s.run(t, line...); code != ExitNo || !strings.Contains(errs, "+++ a.cedar") || !strings.Contains(errs, "nothing was changed") {
			t.Errorf("%v: exit %d: %s", line, code, errs)
		}
		for _, req := range p.seen {
			switch req.(type) {
			case *bulkheadv1.ApplyPoliciesRequest, *bulkheadv1.RollbackPoliciesRequest:
				t.Errorf("%v: was done after a no", line)
			}
		}
	}
	code, out, _ := p.signedIn(t, "bhs_first").run(t, "policy", "apply", broken, "--yes", "-o", "json")
	if code != ExitNo || !strings.Contains(out, `"problems"`) || strings.Contains(out, `"version"`) {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestWhatIsAskedOfPolicies(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	last := func() any { return p.seen[len(p.seen)-1] }
	s.run(t, "policy", "apply", draft(t, samplePolicy), "--yes", "--tenant", "acme")
	if req, ok := last().(*bulkheadv1.ApplyPoliciesRequest); !ok || req.GetBaseVersion() != 4 || req.GetTenant() != "acme" || len(req.GetFiles()) != 1 {
		t.Errorf("apply sent %v", last())
	}
	s.run(t, "policy", "rollback", "0", "--yes")
	if req, ok := last().(*bulkheadv1.RollbackPoliciesRequest); !ok || req.GetVersion() != 0 {
		t.Errorf("rollback sent %v", last())
	}
	if req, ok := p.seen[len(p.seen)-2].(*bulkheadv1.PreviewPoliciesRequest); !ok || len(req.GetFiles()) != 0 {
		t.Errorf("rollback to none previewed %v", p.seen[len(p.seen)-2])
	}
	s.run(t, "policy", "explain", "ContainerExec", "Container::web", "--attr", "owner=u1", "--attr", "privileged=true", "--fact", "mfa=false")
	req, ok := last().(*bulkheadv1.ExplainRequest)
	if !ok || req.GetAttributes().GetFields()["owner"].GetStringValue() != "u1" || !req.GetAttributes().GetFields()["privileged"].GetBoolValue() ||
		req.GetContext().GetFields()["mfa"] == nil || req.GetResource().GetId() != "web" {
		t.Errorf("explain sent %v", last())
	}
}

func TestWorkingShowsAndClears(t *testing.T) {
	var b bytes.Buffer
	var asked atomic.Int64
	stop := tick(&b, "deciding", time.Millisecond, func() bool { asked.Add(1); return false })
	for end := time.Now().Add(20 * time.Second); asked.Load() < 2 && time.Now().Before(end); { // it has spoken before it asks again
		time.Sleep(time.Millisecond)
	}
	stop()
	if s := b.String(); !strings.Contains(s, "deciding (0 s)") || !strings.HasSuffix(s, "\r\x1b[K") {
		t.Errorf("%q", s)
	}
	b.Reset()
	stop = tick(&b, "deciding", time.Millisecond, func() bool { return true })
	time.Sleep(5 * time.Millisecond)
	stop()
	if b.Len() != 0 {
		t.Errorf("it spoke into a question: %q", b.String())
	}
}
