package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const nodeIDOfWeb = "00112233445566778899aabbccddeeff"

func web(id string) *bulkheadv1.Node {
	return &bulkheadv1.Node{
		Id: id, Tenant: "acme", Name: "web-1", Pool: "edge", Health: "silent", HealthReason: "network cut", Labels: map[string]string{"rack": "7"},
		LastSeen: timestamppb.New(time.Now().Add(-12 * time.Minute)), PoliciesVersion: 3, PoliciesTarget: 5,
		Statuses: map[string]string{"8.1.a": "not_met", "8.1.b": "met", "8.1.c": "met"},
	}
}

func (p *plane) ListNodes(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListNodesResponse, error) {
	p.saw(req)
	if req.GetPage().GetFilter() == `name = "nothing"` {
		return &bulkheadv1.ListNodesResponse{}, nil
	}
	return &bulkheadv1.ListNodesResponse{Nodes: []*bulkheadv1.Node{web(nodeIDOfWeb)}}, nil
}

func (p *plane) GetNode(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Node, error) {
	p.saw(req)
	n := web(req.GetId())
	n.Workloads = []*bulkheadv1.Workload{{Id: "3f5a3f5a3f5a3f5a", Name: "shop\x1b]0;x\a", Image: "shop:1", State: "running"}}
	n.Losses = []*bulkheadv1.Loss{{Requirement: "8.5.b", Status: "met", Text: "1 running container is out of sight.", TextZh: "脱离视线"}}
	return n, nil
}

func (p *plane) GetNodeFacts(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.NodeFacts, error) {
	s, err := structpb.NewStruct(map[string]any{"schema": model.SnapshotSchema, "containers": []any{map[string]any{"id": "c1"}, map[string]any{"id": "c2"}}})
	return &bulkheadv1.NodeFacts{Node: req.GetId(), Snapshot: s}, err
}

func (p *plane) UpdateNode(_ context.Context, req *bulkheadv1.UpdateNodeRequest) (*bulkheadv1.Node, error) {
	p.saw(req)
	return req.GetNode(), nil
}

func (p *plane) CordonNode(_ context.Context, req *bulkheadv1.CordonNodeRequest) (*bulkheadv1.Node, error) {
	p.saw(req)
	n := &bulkheadv1.Node{Id: req.GetId(), Health: "up", Cordoned: req.GetCordoned(), Drained: req.GetDrained()}
	n.Maintenance = &bulkheadv1.Maintenance{Orchestrator: "swarm", State: "applied", By: "m1", Text: "it is drain on swarm"}
	if !n.GetDrained() {
		n.Maintenance = &bulkheadv1.Maintenance{State: "nobody", Text: "no manager of its swarm", TextZh: "没有管理节点"}
	}
	return n, nil
}

func (p *plane) RevokeNode(_ context.Context, req *bulkheadv1.RevokeNodeRequest) (*bulkheadv1.Node, error) {
	p.saw(req)
	return &bulkheadv1.Node{Id: req.GetId(), Health: "revoked", Revoked: timestamppb.Now(), RevokedReason: req.GetReason()}, nil
}

func (p *plane) DeleteNode(context.Context, *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return nil, fail(connect.CodeAborted, model.CodeConflict, "the node is not revoked", "revoke it first")
}

func (p *plane) ListEvents(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListEventsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListEventsResponse{Events: []*bulkheadv1.Event{{NodeName: "web-1", Kind: "silent", Severity: "high", Text: "it is silent", TextZh: "已失联"}}}, nil
}

func (p *plane) CreateJoinToken(_ context.Context, req *bulkheadv1.CreateJoinTokenRequest) (*bulkheadv1.CreateJoinTokenResponse, error) {
	p.saw(req)
	if req.GetPool() == "none" {
		return nil, fail(connect.CodeInvalidArgument, model.CodeInvalid, "pool: the tenant has no pool of that name", "make one")
	}
	res := &bulkheadv1.CreateJoinTokenResponse{Token: &bulkheadv1.JoinToken{Id: "j1", Pool: "default"}, Secret: "bhj_secret"}
	if req.GetName() != "bare" {
		res.JoinUrl = "https://plane.example#ca=sha256:ab'cd"
	}
	return res, nil
}

func (p *plane) ListJoinTokens(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListJoinTokensResponse, error) {
	return &bulkheadv1.ListJoinTokensResponse{Tokens: []*bulkheadv1.JoinToken{{Id: "j1", Pool: "edge", Used: timestamppb.Now(), UsedBy: nodeIDOfWeb}}}, nil
}

func (p *plane) RevokeJoinToken(context.Context, *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) ListFindings(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListFindingsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListFindingsResponse{Findings: []*bulkheadv1.Finding{{Kind: "8.1.c/socket-mode", NodeName: "web-1", Severity: "high", Exception: "x1"}}}, nil
}

func (p *plane) GetFinding(_ context.Context, req *bulkheadv1.GetFindingRequest) (*bulkheadv1.Finding, error) {
	p.saw(req)
	if req.GetId() == "none" {
		return nil, fail(connect.CodeNotFound, model.CodeNotFound, "the node has no such finding", "list them")
	}
	return &bulkheadv1.Finding{
		Id: req.GetId(), Node: req.GetNode(), Tenant: "acme", Kind: "8.1.c/socket-mode", State: "acknowledged", Owner: &bulkheadv1.FindingOwner{Name: "the vendor"}, Version: 7,
	}, nil
}

func (p *plane) ListFindingNotes(_ context.Context, req *bulkheadv1.ListFindingNotesRequest) (*bulkheadv1.ListFindingNotesResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListFindingNotesResponse{Notes: []*bulkheadv1.FindingNote{
		{WasState: "false_positive", State: "open"},
		{Author: "u1", AuthorName: "alice", WasState: "open", State: "false_positive", WasOwner: "bob", Comment: "no\x1b]0;x\a"},
	}}, nil
}

func (p *plane) TriageFindings(_ context.Context, req *bulkheadv1.TriageFindingsRequest) (*bulkheadv1.TriageFindingsResponse, error) {
	p.saw(req)
	out := &bulkheadv1.TriageFindingsResponse{}
	for _, f := range req.GetFindings() {
		out.Findings = append(out.Findings, &bulkheadv1.Finding{Id: f.GetId(), Node: f.GetNode()})
	}
	return out, nil
}

func (p *plane) ListExceptions(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListExceptionsResponse, error) {
	return &bulkheadv1.ListExceptionsResponse{Exceptions: []*bulkheadv1.Exception{{Id: "x1", Check: "8.1.c", Owner: "alice", Expires: "2027-01-31"}}}, nil
}

func (p *plane) CreateException(_ context.Context, req *bulkheadv1.CreateExceptionRequest) (*bulkheadv1.Exception, error) {
	p.saw(req)
	return req.GetException(), nil
}

func (p *plane) DeleteException(context.Context, *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, nil
}

func edge() *bulkheadv1.Pool {
	return &bulkheadv1.Pool{
		Id: "acme/edge", Tenant: "acme", Name: "edge", Nodes: 3, Version: 4,
		Settings: &bulkheadv1.PoolSettings{CollectEvery: durationpb.New(time.Minute)},
		Plan:     &bulkheadv1.RolloutPlan{Steps: []int32{5, 100}, Soak: durationpb.New(time.Hour), RollBack: true},
		Windows:  []*bulkheadv1.Window{{Begins: "0 2 * * 6", Lasts: durationpb.New(4 * time.Hour)}},
	}
}

func (p *plane) ListPools(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPoolsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListPoolsResponse{Pools: []*bulkheadv1.Pool{edge()}}, nil
}

func (p *plane) GetPool(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Pool, error) {
	p.saw(req)
	return edge(), nil
}

func (p *plane) CreatePool(_ context.Context, req *bulkheadv1.CreatePoolRequest) (*bulkheadv1.Pool, error) {
	p.saw(req)
	return req.GetPool(), nil
}

func (p *plane) UpdatePool(_ context.Context, req *bulkheadv1.UpdatePoolRequest) (*bulkheadv1.Pool, error) {
	p.saw(req)
	return req.GetPool(), nil
}

func (p *plane) DeletePool(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) ListRollouts(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListRolloutsResponse, error) {
	return &bulkheadv1.ListRolloutsResponse{Rollouts: []*bulkheadv1.Rollout{{Id: "r1", Pool: "acme/edge", State: "halted", Share: 5, Nodes: 20, Applied: 1, Failed: 1}}}, nil
}

func (p *plane) DecideRollout(_ context.Context, req *bulkheadv1.DecideRolloutRequest) (*bulkheadv1.Rollout, error) {
	p.saw(req)
	return &bulkheadv1.Rollout{Id: req.GetId(), State: req.GetDecision(), Reason: req.GetReason()}, nil
}

func TestFleetVerbs(t *testing.T) {
	runVerbs(t, newPlane(t), []verbCase{
		{"nodes list", ExitOK, "web-1  edge  silent (network cut), behind  12 min ago  1 not met  " + nodeIDOfWeb},
		{"nodes list -o json", ExitOK, `"policies_target": "5"`},
		{"nodes get web-1", ExitOK, "3, to become 5"},
		{"nodes get web-1 --lang zh", ExitOK, "脱离视线"},
		{"nodes get nothing", ExitError, `there is no node "nothing"`},
		{"nodes get web-1 -o json", ExitOK, `"requirement": "8.5.b"`},
		{"nodes facts web-1", ExitOK, "containers:    2"},
		{"nodes facts web-1 -o json", ExitOK, model.SnapshotSchema},
		{"nodes update web-1", ExitError, "requires at least one of --label, --pool, --sensitivity"},
		{"nodes update web-1 --pool core --label a=1", ExitOK, "core"},
		{"nodes cordon web-1", ExitOK, "up, cordoned (nobody can act)"},
		{"nodes cordon web-1 --lang zh", ExitOK, "cordon: nobody can act: 没有管理节点"},
		{"nodes drain web-1", ExitOK, "up, drained,"},
		{"nodes drain web-1", ExitOK, "drain: applied on swarm by m1: it is drain on swarm"},
		{"nodes uncordon web-1 -o json", ExitOK, `"cordoned": false`},
		{"nodes revoke web-1", ExitError, "add --yes"},
		{"nodes revoke web-1 -y --reason stolen", ExitOK, "stolen"},
		{"nodes delete web-1 --yes", ExitError, "revoke it first"},
		{"nodes events", ExitOK, "it is silent"},
		{"nodes events --lang zh --node web-1", ExitOK, "已失联"},
		{"nodes join-token", ExitOK, "bhj_secret"},
		{"nodes join-token --pool none", ExitError, "no pool of that name"},
		{"nodes join-tokens", ExitOK, "used by " + nodeIDOfWeb},
		{"nodes revoke-join-token j1", ExitOK, "revoked the join token j1"},
		{"findings list --open --node web-1", ExitOK, "excepted"},
		{"findings list -o json", ExitOK, `"exception": "x1"`},
		{"findings show web-1 f1", ExitOK, "came back"},
		{"findings show web-1 f1 -o json", ExitOK, `"was_owner": "bob"`},
		{"findings show web-1 none", ExitError, "no such finding"},
		{"findings comment web-1 f1 seen", ExitOK, "triaged 1 findings"},
		{"findings triage web-1 f1 f2 --state acknowledged", ExitOK, "triaged 2 findings"},
		{"findings triage --filter over=false --no-owner -y", ExitOK, "triaged 1 findings"},
		{"findings triage --filter over=false --no-owner", ExitError, "add --yes"},
		{"findings triage web-1 f1", ExitError, "at least one of the flags"},
		{"findings triage web-1 --state open", ExitError, "or take --filter"},
		{"findings triage web-1 f1 --filter over=false --state open", ExitError, "or take --filter"},
		{"exceptions list", ExitOK, "2027-01-31  8.1.c  all      all   alice"},
		{"exceptions create 8.1.c --owner alice", ExitError, "required flag"},
		{"exceptions create 8.1.c --owner alice --reason late --expires 2027-01-31", ExitOK, "2027-01-31"},
		{"exceptions delete x1", ExitOK, "ended the exception x1"},
		{"pools list", ExitOK, "5%, 100% every 1h0m0s, rolls back"},
		{"pools get edge", ExitOK, "0 2 * * 6 for 4h0m0s in UTC"},
		{"pools create core --step 10,100 --collect-every 1m", ExitOK, "10%, 100%"},
		{"pools create core --window daily", ExitError, "--window"},
		{"pools update edge", ExitError, "requires at least one of"},
		{"pools delete edge --yes", ExitOK, "deleted the pool acme/edge"},
		{"rollouts list", ExitOK, "1 of 20 have it, 1 failed"},
		{"rollouts halt r1 --reason look", ExitOK, "look"},
		{"rollouts resume r1 -o json", ExitOK, `"state": "resume"`},
		{"rollouts roll-back r1", ExitOK, "roll_back"},
	})
}

// last is the newest request.
func (p *plane) last() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[len(p.seen)-1]
}

func TestNodesAreNamedByNameOrID(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	for _, name := range []string{"web-1", nodeIDOfWeb, someID} {
		p.seen = nil
		code, _, errs := s.run(t, "nodes", "get", name, "--tenant", "acme")
		want := nodeIDOfWeb
		if name == someID {
			want = someID
		}
		if id, ok := p.last().(*bulkheadv1.Id); code != ExitOK || !ok || id.GetId() != want {
			t.Errorf("%s: exit %d, %v: %s", name, code, p.seen, errs)
		}
		// Who may not list nodes names one by its id.
		if listed := len(p.seen) == 2; listed != (name == "web-1") {
			t.Errorf("%s: asked %v", name, p.seen)
		}
	}
	if code, _, errs := s.run(t, "nodes", "events", "--node", "web-1", "--filter", `kind = "silent"`); code != ExitOK {
		t.Fatal(errs)
	}
	if req, ok := p.last().(*bulkheadv1.ListInTenantRequest); !ok || req.GetPage().GetFilter() != fmt.Sprintf(`kind = "silent" AND node = %q`, nodeIDOfWeb) {
		t.Errorf("asked %v", p.last())
	}
}

func TestFindingsAreTriagedAsTheyWereSeen(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	if code, _, errs := s.run(t, "findings", "triage", "web-1", "f1", "--state", "in_progress", "--owner-name", "the vendor", "--comment", "soon"); code != ExitOK {
		t.Fatal(errs)
	}
	req, ok := p.last().(*bulkheadv1.TriageFindingsRequest)
	if !ok || req.GetTenant() != "acme" || req.GetState() != "in_progress" || req.GetOwner().GetName() != "the vendor" || req.GetOwner().GetUser() != "" ||
		req.GetComment() != "soon" || len(req.GetFindings()) != 1 || req.GetFindings()[0].GetVersion() != 7 || req.GetFindings()[0].GetNode() != nodeIDOfWeb {
		t.Errorf("sent %v", p.last())
	}
}

func TestJoinTokenIntoAFile(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	path := filepath.Join(s.home, "join.token")
	code, out, errs := s.run(t, "nodes", "join-token", "--out", path, "--replaces", "web-1", "--label", "rack=7")
	if code != ExitOK || strings.Contains(out+errs, "bhj_secret") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{`sudo bulkhead agent --join 'https://plane.example#ca=sha256:ab'\''cd' --token-file /root/join.token`, "umask 077"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if req, ok := p.last().(*bulkheadv1.CreateJoinTokenRequest); !ok || req.GetReplaces() != nodeIDOfWeb || req.GetLabels()["rack"] != "7" || req.GetMinutes() != 60 {
		t.Errorf("sent %v", p.last())
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", fi, err)
	}
	if secret, err := readSecret(path); err != nil || secret != "bhj_secret" {
		t.Errorf("%q, %v", secret, err)
	}
	// A file that is there stays as it is, and no token is made.
	p.seen = nil
	if code, _, errs := s.run(t, "nodes", "join-token", "--out", path); code != ExitError || len(p.seen) != 0 || !strings.Contains(errs, "never overwritten") {
		t.Errorf("exit %d, asked %v: %s", code, p.seen, errs)
	}
	// Where no token is made, no file is left.
	none := filepath.Join(s.home, "none.token")
	if code, _, _ := s.run(t, "nodes", "join-token", "--pool", "none", "--out", none); code != ExitError {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	// Without an address from the server it is the one of this client, with the CA that it trusts.
	if code, out, errs := s.run(t, "nodes", "join-token", "--name", "bare"); code != ExitOK || !strings.Contains(out, "--join '"+p.server.URL+"#ca=sha256:") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestPoolsAreChangedInPart(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	file := filepath.Join(s.home, "assess.yaml")
	if err := os.WriteFile(file, []byte("assess:\n  restart_max: 3\n  engine_users: [ci]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := s.run(t, "pools", "update", "edge", "--assess", file, "--step", "10,50", "--window", "0 3 * * * for 90m in Asia/Shanghai")
	req, ok := p.last().(*bulkheadv1.UpdatePoolRequest)
	if code != ExitOK || !ok {
		t.Fatalf("exit %d, sent %v: %s", code, p.last(), errs)
	}
	got := req.GetPool()
	switch {
	case strings.Join(req.GetUpdateMask().GetPaths(), ",") != "settings,plan,windows" || got.GetVersion() != 4 || got.GetId() != "acme/edge":
		t.Errorf("sent %v", req)
	case got.GetSettings().GetCollectEvery().AsDuration() != time.Minute || got.GetSettings().GetAssess().GetFields()["restart_max"].GetNumberValue() != 3:
		t.Errorf("settings %v", got.GetSettings())
	case fmt.Sprint(got.GetPlan().GetSteps()) != "[10 50]" || got.GetPlan().GetSoak().AsDuration() != time.Hour || !got.GetPlan().GetRollBack():
		t.Errorf("plan %v", got.GetPlan())
	case len(got.GetWindows()) != 1 || got.GetWindows()[0].GetZone() != "Asia/Shanghai" || got.GetWindows()[0].GetLasts().AsDuration() != 90*time.Minute:
		t.Errorf("windows %v", got.GetWindows())
	}
	for _, name := range []string{"edge", "acme/edge"} {
		if code, _, errs := s.run(t, "pools", "delete", name, "--tenant", "acme", "-y"); code != ExitOK {
			t.Fatal(errs)
		}
		if id, ok := p.last().(*bulkheadv1.Id); !ok || id.GetId() != "acme/edge" {
			t.Errorf("%s: sent %v", name, p.last())
		}
	}
}
