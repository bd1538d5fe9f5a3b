package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (p *plane) ListFactors(context.Context, *bulkheadv1.Empty) (*bulkheadv1.ListFactorsResponse, error) {
	return &bulkheadv1.ListFactorsResponse{Factors: []*bulkheadv1.Factor{
		{Id: "f1", Kind: "totp", Name: "phone\x1b[2J"}, {Id: "f2", Kind: "recovery", Left: 7},
	}}, nil
}

func (p *plane) DeleteFactor(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	if req.GetId() == "last" {
		return nil, fail(connect.CodeFailedPrecondition, model.CodeConflict, "this is the last factor of an administrator", "register another one first")
	}
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) ReplaceRecoveryCodes(context.Context, *bulkheadv1.Empty) (*bulkheadv1.RecoveryCodes, error) {
	return &bulkheadv1.RecoveryCodes{Codes: []string{"cccc-dddd", "eeee-ffff"}}, nil
}

func (p *plane) ChangePassword(ctx context.Context, req *bulkheadv1.ChangePasswordRequest) (*bulkheadv1.Empty, error) {
	p.saw(req)
	if req.GetOldPassword() != "correct horse battery" {
		return nil, fail(connect.CodeInvalidArgument, model.CodeInvalid, "the old password is wrong", "an administrator can make a new enrolment link")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.valid = "bhs_changed"
	if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
		call.ResponseHeader().Set("Bulkhead-Session", p.valid)
	}
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) ListSessions(context.Context, *bulkheadv1.Empty) (*bulkheadv1.ListSessionsResponse, error) {
	return &bulkheadv1.ListSessionsResponse{Sessions: []*bulkheadv1.Session{
		{Id: "s1", Address: "10.0.0.1", UserAgent: "bulkhead/1"},
		{Id: "s2", Address: "10.0.0.2", UserAgent: "curl\x1b]0;x\a", Current: !p.fresh},
		{Id: "s3", Address: "10.0.0.3"},
	}}, nil
}

func (p *plane) RevokeSession(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.saw(req)
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) GetInfo(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Info, error) {
	return &bulkheadv1.Info{Version: "1.2.3", Database: "sqlite", BreakGlass: true, Controls: map[string]string{"authorization": "enforce"}}, nil
}

func (p *plane) GetSettings(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Settings, error) {
	return &bulkheadv1.Settings{
		PublicUrl: "https://plane.example.com", SignIn: &bulkheadv1.SignInSettings{StepUp: durationpb.New(5 * time.Minute), Idle: durationpb.New(time.Hour)},
		Retention: map[string]*durationpb.Duration{"events": durationpb.New(400 * 24 * time.Hour), "changes": durationpb.New(90 * time.Minute)},
		Alarms:    []*bulkheadv1.AlarmSettings{{Name: "ops", Kind: "mail", Host: "mail.example.com:465", Severity: "high", Recipients: []string{"ops@example.com"}}},
		Providers: []*bulkheadv1.ProviderSettings{{Name: "corp", Issuer: "https://id.example.com", Tenant: "acme", Mfa: []string{"otp"}, MfaResistant: []string{"hwk"}}},
	}, nil
}

func (p *plane) ListAssessments(_ context.Context, req *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListAssessmentsResponse, error) {
	p.saw(req)
	return &bulkheadv1.ListAssessmentsResponse{Assessments: []*bulkheadv1.Assessment{
		{Id: "a1", Tenant: "acme", NodeName: "web-1", Statuses: map[string]string{"8.1.c": "not_met", "8.5.d": "met"}},
	}}, nil
}

func (p *plane) GetAssessment(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Assessment, error) {
	if req.GetId() == "broken" {
		return &bulkheadv1.Assessment{Id: req.GetId(), Document: &structpb.Struct{Fields: map[string]*structpb.Value{"schema": structpb.NewStringValue("bulkhead.assessment/v9")}}}, nil
	}
	cat, err := catalogue.Load()
	if err != nil {
		return nil, err
	}
	r := assess.Run(cat, &model.Snapshot{Schema: model.SnapshotSchema, Node: model.Node{ID: "n1", Name: "web-1"}}, assess.Settings{})
	var b strings.Builder
	if err := report.JSON(&b, &r); err != nil {
		return nil, err
	}
	doc := &structpb.Struct{}
	return &bulkheadv1.Assessment{Id: req.GetId(), Document: doc}, protojson.Unmarshal([]byte(b.String()), doc)
}

func TestVerbsOfTheOwnAccount(t *testing.T) {
	runVerbs(t, newPlane(t), []verbCase{
		{"account", ExitOK, "recovery-codes"},
		{"account factors", ExitOK, "authenticator app"},
		{"account factors -o json", ExitOK, `"left": 7`},
		{"account factors remove f1", ExitError, "unknown command"},
		{"account factors delete f1", ExitError, "add --yes"},
		{"account factors delete f1 --yes", ExitOK, "removed the second factor f1"},
		{"account factors delete last --yes", ExitError, "register another one first"},
		{"account factors add-totp", ExitError, "the input ended"},
		{"account sessions", ExitOK, "s2"},
		{"account sessions -o json", ExitOK, `"current": true`},
		{"account sessions revoke", ExitError, "--others"},
		{"account sessions revoke s1 --others", ExitError, "--others"},
		{"account sessions revoke s1", ExitOK, "ended the session s1"},
		{"account sessions revoke --others", ExitOK, "ended 2 other sessions"},
		{"account password", ExitError, "--new-password-file"},
		{"account password --old-password-file x", ExitError, "new-password-file"},
		{"account recovery-codes", ExitError, "add --yes"},
		{"account recovery-codes --yes", ExitOK, "cccc-dddd"},
		{"account recovery-codes --yes -o json", ExitOK, `"eeee-ffff"`},
		{"account recovery-codes --yes -o yaml", ExitError, "this command writes text, json"},
	})
}

func TestOthersAreNotEndedByAToken(t *testing.T) {
	p := newPlane(t)
	p.fresh = true // none of the sessions is this one
	code, _, errs := p.signedIn(t, "bhs_first").run(t, "account", "sessions", "revoke", "--others")
	if code != ExitError || !strings.Contains(errs, "API token") || len(p.seen) != 0 {
		t.Errorf("exit %d: %s; ended %v", code, errs, p.seen)
	}
}

func TestAddTOTPOnATerminal(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.ask = &script{"999999", "123 456"}
	code, out, errs := s.run(t, "account", "factors", "add-totp", "--name", "phone")
	if code != ExitOK || !strings.Contains(out, "otpauth://totp/x") || !strings.Contains(out, "aaaa-bbbb") || !strings.Contains(errs, "the code is wrong") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_enrolled" || k.CA != p.ca {
		t.Errorf("kept %+v", k)
	}
}

func TestAddTOTPByAProgram(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.in = "123456\n"
	code, out, errs := s.run(t, "account", "factors", "add-totp", "-o", "json")
	var got struct {
		RecoveryCodes []string `json:"recovery_codes"`
	}
	if err := json.Unmarshal([]byte(out), &got); code != ExitOK || err != nil || len(got.RecoveryCodes) != 1 || !strings.Contains(errs, "otpauth://") {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	if strings.Contains(out+errs, "bhs_") {
		t.Errorf("the session's secret is shown: %s%s", out, errs)
	}
}

func TestChangePassword(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.ask = &script{"wrong", "five gulls over ostend", "five gulls over ostend"}
	if code, _, errs := s.run(t, "account", "password"); code != ExitError || !strings.Contains(errs, "the old password is wrong") {
		t.Fatalf("exit %d: %s", code, errs)
	}
	s.ask = &script{"correct horse battery", "five gulls", "six gulls", "five gulls over ostend", "five gulls over ostend"}
	code, out, errs := s.run(t, "account", "password")
	if code != ExitOK || !strings.Contains(errs, "They differ") || strings.Contains(out+errs, "gulls over") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if req, ok := p.seen[len(p.seen)-1].(*bulkheadv1.ChangePasswordRequest); !ok || req.GetNewPassword() != "five gulls over ostend" {
		t.Errorf("sent %v", p.seen)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_changed" || k.Name != "alice" {
		t.Errorf("the rotated session was not kept: %+v", k)
	}
	s.ask = nil
	was, shall := s.file(t, "was", "correct horse battery\n"), s.file(t, "shall", "six gulls over ostend\n")
	if code, out, errs := s.run(t, "account", "password", "--old-password-file", was, "--new-password-file", shall, "-o", "json"); code != ExitOK || !strings.Contains(out, "{}") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if req, ok := p.seen[len(p.seen)-1].(*bulkheadv1.ChangePasswordRequest); !ok || req.GetNewPassword() != "six gulls over ostend" {
		t.Errorf("sent %v", p.seen)
	}
}

// TestShownAssessmentCanBeCompared holds that what is published comes back as a file that `assess diff` reads.
func TestShownAssessmentCanBeCompared(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	_, out, errs := s.run(t, "assessments", "show", "a1", "-o", "json")
	path := s.file(t, "a.json", out)
	if code, out, more := s.run(t, "assess", "diff", path, filepath.Clean(path)); code != ExitOK {
		t.Errorf("exit %d: %s%s%s", code, out, errs, more)
	}
}
