package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const someID = "0198a7c0-0000-7000-8000-000000000001"

func (p *plane) ListTenants(_ context.Context, req *bulkheadv1.ListTenantsRequest) (*bulkheadv1.ListTenantsResponse, error) {
	p.saw(req)
	from := 0
	if t := req.GetPage().GetToken(); t != "" {
		if _, err := fmt.Sscan(t, &from); err != nil {
			return nil, err
		}
	}
	res := &bulkheadv1.ListTenantsResponse{}
	for i := from; i < min(from+int(req.GetPage().GetSize()), 1500); i++ {
		res.Tenants = append(res.Tenants, &bulkheadv1.Tenant{Id: fmt.Sprintf("t%04d", i), Labels: map[string]string{"b": "2", "a": "1"}})
	}
	if end := from + len(res.Tenants); end < 1500 {
		res.NextPage = fmt.Sprint(end)
	}
	return res, nil
}

func (p *plane) CreateTenant(_ context.Context, req *bulkheadv1.CreateTenantRequest) (*bulkheadv1.Tenant, error) {
	p.saw(req)
	return req.GetTenant(), nil
}

func (p *plane) UpdateTenant(_ context.Context, req *bulkheadv1.UpdateTenantRequest) (*bulkheadv1.Tenant, error) {
	p.saw(req)
	return req.GetTenant(), nil
}

func (p *plane) ListUsers(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListUsersResponse, error) {
	p.saw(req)
	u := &bulkheadv1.User{Id: someID, Name: "bob", Tenant: req.GetTenant(), Roles: []string{"owner"}}
	switch req.GetPage().GetFilter() {
	case `name = "nobody"`:
		return &bulkheadv1.ListUsersResponse{}, nil
	case `name = "twice"`:
		return &bulkheadv1.ListUsersResponse{Users: []*bulkheadv1.User{u, u}}, nil
	}
	return &bulkheadv1.ListUsersResponse{Users: []*bulkheadv1.User{u}}, nil
}

func (p *plane) GetUser(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.User, error) {
	return &bulkheadv1.User{Id: req.GetId(), Name: "bob", Tenant: "acme"}, nil
}

func (p *plane) UpdateUser(_ context.Context, req *bulkheadv1.UpdateUserRequest) (*bulkheadv1.User, error) {
	p.saw(req)
	return req.GetUser(), nil
}

func (p *plane) CreateUser(_ context.Context, req *bulkheadv1.CreateUserRequest) (*bulkheadv1.CreateUserResponse, error) {
	p.saw(req)
	return &bulkheadv1.CreateUserResponse{User: req.GetUser(), EnrolmentCode: "bhe_new"}, nil
}

func (p *plane) InviteUser(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.CreateUserResponse, error) {
	p.saw(req)
	return &bulkheadv1.CreateUserResponse{User: &bulkheadv1.User{Id: req.GetId()}, EnrolmentCode: "bhe_again"}, nil
}

func (p *plane) DeleteUser(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return nil, fail(connect.CodeFailedPrecondition, model.CodeLastAdministrator, "nobody could administer afterwards", "make another administrator first")
}

func (p *plane) ListUserSessions(context.Context, *bulkheadv1.Id) (*bulkheadv1.ListSessionsResponse, error) {
	return &bulkheadv1.ListSessionsResponse{Sessions: []*bulkheadv1.Session{{Id: "s1", Address: "10.0.0.1", UserAgent: "curl\x1b]0;x\a"}}}, nil
}

func (p *plane) RevokeUserSessions(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) CreateGroup(_ context.Context, req *bulkheadv1.CreateGroupRequest) (*bulkheadv1.Group, error) {
	p.saw(req)
	return req.GetGroup(), nil
}

func (p *plane) ListGroups(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListGroupsResponse, error) {
	return &bulkheadv1.ListGroupsResponse{Groups: []*bulkheadv1.Group{{Id: someID, Name: "night", Tenant: "acme"}}}, nil
}

func (p *plane) UpdateGroup(_ context.Context, req *bulkheadv1.UpdateGroupRequest) (*bulkheadv1.Group, error) {
	p.saw(req)
	return req.GetGroup(), nil
}

func (p *plane) DeleteGroup(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) CreateToken(_ context.Context, req *bulkheadv1.CreateTokenRequest) (*bulkheadv1.CreateTokenResponse, error) {
	p.saw(req)
	return &bulkheadv1.CreateTokenResponse{Token: &bulkheadv1.Token{Id: "k1", Name: req.GetName()}, Secret: "bht_secret"}, nil
}

func (p *plane) ListTokens(context.Context, *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListTokensResponse, error) {
	return &bulkheadv1.ListTokensResponse{Tokens: []*bulkheadv1.Token{{Id: "k1", Name: "ci", Prefix: "bht_AbC", Revoked: true}}}, nil
}

func (p *plane) RevokeToken(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) GetStatus(_ context.Context, req *bulkheadv1.GetStatusRequest) (*bulkheadv1.Status, error) {
	p.saw(req)
	if req.GetNode() == "none" {
		return &bulkheadv1.Status{}, nil
	}
	return &bulkheadv1.Status{
		Requirements: []*bulkheadv1.RequirementStatus{
			{Id: "8.1.c", Title: "Least privilege", TitleZh: "最小权限", Keyword: "shall", Status: "not_met", Nodes: map[string]int32{"met": 1, "not_met": 2}},
			{Id: "8.5.d", Title: "Factors", Keyword: "should", Status: "met", Nodes: map[string]int32{"met": 3}},
		},
		Summary: map[string]int32{"met": 1, "not_met": 1},
		Nodes:   []*bulkheadv1.Assessment{{NodeName: "web-1", Time: timestamppb.Now()}},
	}, nil
}

func (p *plane) PublishAssessment(_ context.Context, req *bulkheadv1.PublishAssessmentRequest) (*bulkheadv1.Assessment, error) {
	p.saw(req)
	return &bulkheadv1.Assessment{Id: "a1", Tenant: "acme"}, nil
}

func (p *plane) ListJobs(context.Context, *bulkheadv1.ListJobsRequest) (*bulkheadv1.ListJobsResponse, error) {
	return &bulkheadv1.ListJobsResponse{Jobs: []*bulkheadv1.Job{{Id: "7", Kind: "retention", State: "retryable", Error: "disk full"}}}, nil
}

func (p *plane) RunJob(_ context.Context, req *bulkheadv1.RunJobRequest) (*bulkheadv1.Job, error) {
	return &bulkheadv1.Job{Id: "8", Kind: req.GetKind(), State: "available"}, nil
}

func (p *plane) CancelJob(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Job, error) {
	return &bulkheadv1.Job{Id: req.GetId(), State: "cancelled"}, nil
}

func (p *plane) Watch(_ context.Context, req *bulkheadv1.WatchRequest, s *connect.ServerStream[bulkheadv1.Change]) error {
	p.saw(req)
	if req.GetCursor() == "old" {
		return fail(connect.CodeOutOfRange, model.CodeExpired, "the cursor is too old", "list again, then watch")
	}
	for _, op := range []string{"alive", "created", "deleted"} {
		if err := s.Send(&bulkheadv1.Change{Cursor: "c-" + op, Operation: op, Object: &bulkheadv1.ObjectRef{Type: "User", Id: "u1"}, Tenant: "acme"}); err != nil {
			return err
		}
	}
	return nil
}

// verbCase is a command line with how it exits, and what it prints: on standard output, or on standard error for another
// exit code than 0.
type verbCase struct {
	line string
	code int
	want string
}

// runVerbs runs each line as somebody who is signed in.
func runVerbs(t *testing.T, p *plane, cases []verbCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			code, out, errs := p.signedIn(t, "bhs_first").run(t, strings.Fields(c.line)...)
			got := out
			if code != ExitOK {
				got = errs
			}
			if code != c.code || !strings.Contains(got, c.want) {
				t.Errorf("exit %d\n%s%s", code, out, errs)
			}
			if strings.Contains(out+errs, "\x1b") {
				t.Errorf("what a terminal obeys came through: %q", out+errs)
			}
		})
	}
}

// TestVerbs runs each verb and looks at what it prints and how it exits.
func TestVerbs(t *testing.T) {
	runVerbs(t, newPlane(t), []verbCase{
		{"tenants list --limit 2", ExitOK, "t0001  "},
		{"tenants list --limit 0", ExitError, "invalid argument"},
		{"tenants get acme -o json", ExitOK, `"version": "3"`},
		{"tenants create acme --name Acme --label a=1 --label b=2", ExitOK, "a=1,b=2"},
		{"tenants create acme --label x", ExitError, "NAME=VALUE"},
		{"tenants update acme --name New", ExitOK, "New"},
		{"tenants update acme", ExitError, "requires at least one of --label, --name"},
		{"tenants delete acme", ExitError, "add --yes"},
		{"users list --tenant acme", ExitOK, "bob   acme"},
		{"users get nobody", ExitError, `there is no account "nobody"`},
		{"users get twice", ExitError, "more than one"},
		{"users get " + someID + " -o json", ExitOK, `"display_name": ""`},
		{"users create bob --tenant acme --role owner,auditor", ExitOK, "/enrol#code=bhe_new&ca=sha256:"},
		{"users invite bob --yes", ExitOK, "bhe_again"},
		{"users delete bob -y", ExitNo, "make another administrator first"},
		{"users sessions bob", ExitOK, "s1  "},
		{"users revoke-sessions bob", ExitOK, "ended the sessions of bob"},
		{"groups create night --role operator --host h1", ExitOK, "operator"},
		{"groups list", ExitOK, "night"},
		{"groups get night -o json", ExitOK, `"hosts": []`},
		{"groups update night --host h2", ExitOK, "h2"},
		{"groups delete night --yes", ExitOK, "deleted"},
		{"tokens create ci", ExitError, "required flag"},
		{"tokens create ci --scope Read --days 5", ExitOK, "bht_secret"},
		{"tokens list", ExitOK, "revoked"},
		{"tokens revoke k1 -o json", ExitOK, "{}"},
		{"status", ExitOK, "2 not met, 1 met"},
		{"status --lang zh", ExitOK, "最小权限"},
		{"status --fail-on shall", ExitNo, "8.1.c"},
		{"status --node none", ExitOK, "No node has published"},
		{"status --node none --fail-on shall", ExitNo, "no node has published"},
		{"status --fail-on maybe", ExitError, "shall or should"},
		{"assessments list --tenant acme --filter node=web", ExitOK, "1 not met, 1 met"},
		{"assessments list -o json", ExitOK, `"next_page": ""`},
		{"assessments show a1", ExitOK, "web-1"},
		{"assessments show a1 -o json", ExitOK, model.AssessmentSchema},
		{"assessments show a1 -o sarif", ExitOK, "sarif"},
		{"assessments show a1 --explain 8.1.c", ExitOK, "8.1.c"},
		{"assessments show a1 -o yaml", ExitError, "this command writes text, json, html"},
		{"assessments show broken", ExitError, "-o json shows the document"},
		{"info", ExitOK, "authorization  enforce"},
		{"info -o json", ExitOK, `"break_glass": true`},
		{"settings", ExitOK, "after 1h without a call"},
		{"settings", ExitOK, "events   400 days"},
		{"settings", ExitOK, "changes  1h30m"},
		{"settings", ExitOK, "otp, hwk"},
		{"settings", ExitOK, "ops@example.com"},
		{"settings", ExitOK, "no receiver of audit records"},
		{"settings -o json", ExitOK, `"public_url": "https://plane.example.com"`},
		{"jobs list", ExitOK, "disk full"},
		{"jobs run expiry", ExitOK, "available"},
		{"jobs cancel 9 -o json", ExitOK, `"state": "cancelled"`},
		{"watch --count 1", ExitOK, "created  User u1"},
		{"watch --cursor old", ExitError, "list again, then watch"},
		{"watch -o yaml", ExitError, "this command writes text, json"},
		{"whoami", ExitOK, "administrator"},
	})
}

func TestListsGoOnByPages(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	code, out, errs := s.run(t, "tenants", "list", "--limit", "1400", "-o", "json")
	var got struct{ Tenants []json.RawMessage }
	if err := json.Unmarshal([]byte(out), &got); code != ExitOK || err != nil {
		t.Fatalf("exit %d, %v: %s", code, err, errs)
	}
	if len(got.Tenants) != 1400 || len(p.seen) != 2 {
		t.Errorf("%d tenants in %d calls", len(got.Tenants), len(p.seen))
	}
	if !strings.Contains(out, `"next_page": "1400"`) {
		t.Error("the place to go on from is missing")
	}
}

func TestMasksNameWhatWasGiven(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	for line, want := range map[string]string{
		"users update bob --tenant acme --enabled":                    "disabled",
		"users update bob --role owner --role auditor --email b@c.de": "email,roles",
		"users update bob --group= --disabled":                        "disabled,groups",
	} {
		p.seen = nil
		if code, _, errs := s.run(t, strings.Fields(line)...); code != ExitOK {
			t.Fatalf("%s: exit %d: %s", line, code, errs)
		}
		req, ok := p.seen[len(p.seen)-1].(*bulkheadv1.UpdateUserRequest)
		if !ok || strings.Join(req.GetUpdateMask().GetPaths(), ",") != want || req.GetUser().GetName() != "bob" {
			t.Errorf("%s: sent %v", line, p.seen)
		}
		if strings.Contains(line, "--role") && len(req.GetUser().GetRoles()) != 2 {
			t.Errorf("%s: roles %v", line, req.GetUser().GetRoles())
		}
	}
}

func TestTokenIntoAFile(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	path := filepath.Join(s.home, "ci.token")
	code, out, errs := s.run(t, "tokens", "create", "ci", "--scope", "Read", "--out", path, "-o", "json")
	if code != ExitOK || strings.Contains(out+errs, "bht_secret") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	fi, err := os.Stat(path)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", fi, err)
	}
	if secret, err := readSecret(path); err != nil || secret != "bht_secret" {
		t.Errorf("%q, %v", secret, err)
	}
}

func TestWatchAsLines(t *testing.T) {
	p := newPlane(t)
	code, out, errs := p.signedIn(t, "bhs_first").run(t, "watch", "-o", "json", "--kind", "User", "--tenant", "acme")
	if code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	n := 0
	for sc := bufio.NewScanner(strings.NewReader(out)); sc.Scan(); n++ {
		var c struct {
			Cursor string
			Object struct{ Type string }
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil || c.Object.Type != "User" || c.Cursor == "" {
			t.Errorf("%s: %v", sc.Text(), err)
		}
	}
	if n != 2 {
		t.Errorf("%d changes: %s", n, out)
	}
}

type fixedNode struct{ calls int }

func (f *fixedNode) Snapshot(context.Context, config.Config, *slog.Logger, Progress) (*model.Snapshot, error) {
	f.calls++
	return &model.Snapshot{Schema: model.SnapshotSchema, Node: model.Node{ID: "n1", Name: "web-1"}}, nil
}

func TestAssessPublishes(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	node := &fixedNode{}
	s.node = node
	code, out, errs := s.run(t, "assess", "--publish", "--tenant", "acme", "-o", "json")
	if code != ExitOK || !strings.Contains(errs, "published as a1") || !strings.Contains(out, model.AssessmentSchema) {
		t.Fatalf("exit %d: %s", code, errs)
	}
	req, ok := p.seen[0].(*bulkheadv1.PublishAssessmentRequest)
	if !ok || req.GetTenant() != "acme" || req.GetDocument().GetFields()["schema"].GetStringValue() != model.AssessmentSchema {
		t.Errorf("sent %.200s", fmt.Sprint(p.seen))
	}
	code, _, errs = newShell(t).run(t, "assess", "--publish", "--server", p.server.URL)
	if code != ExitNo || !strings.Contains(errs, "not signed in") || node.calls != 1 {
		t.Errorf("exit %d after %d collections: %s", code, node.calls, errs)
	}
}
