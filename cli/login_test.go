package cli

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (p *plane) GetEnrolment(_ context.Context, req *bulkheadv1.GetEnrolmentRequest) (*bulkheadv1.Enrolment, error) {
	if req.GetCode() != "bhe_good" {
		return nil, fail(connect.CodeNotFound, model.CodeNotFound, "the enrolment code is not known", "ask for a new link")
	}
	return &bulkheadv1.Enrolment{Tenant: "system"}, nil
}

func (p *plane) CompleteEnrolment(_ context.Context, req *bulkheadv1.CompleteEnrolmentRequest) (*bulkheadv1.SignInResponse, error) {
	p.saw(req)
	return &bulkheadv1.SignInResponse{Next: bulkheadv1.Step_STEP_REGISTER, Secret: p.valid}, nil
}

func (p *plane) BeginTOTP(context.Context, *bulkheadv1.Empty) (*bulkheadv1.BeginTOTPResponse, error) {
	return &bulkheadv1.BeginTOTPResponse{Id: "t", Uri: "otpauth://totp/x?secret=JBSWY3DP", Secret: "JBSWY3DP"}, nil
}

func (p *plane) FinishTOTP(_ context.Context, req *bulkheadv1.FinishTOTPRequest) (*bulkheadv1.RegisterResponse, error) {
	if req.GetCode() != "123456" {
		return nil, fail(connect.CodeUnauthenticated, model.CodeUnauthenticated, "the code is wrong", "wait for the next one")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.valid = "bhs_enrolled"
	return &bulkheadv1.RegisterResponse{RecoveryCodes: []string{"aaaa-bbbb"}, Session: &bulkheadv1.SignInResponse{Secret: p.valid}}, nil
}

func (p *plane) SignIn(_ context.Context, req *bulkheadv1.SignInRequest) (*bulkheadv1.SignInResponse, error) {
	p.saw(req)
	if req.GetPassword() != "correct horse battery" {
		return nil, fail(connect.CodeUnauthenticated, model.CodeUnauthenticated, "name or password is wrong", "try again")
	}
	return &bulkheadv1.SignInResponse{Next: bulkheadv1.Step_STEP_FACTOR, Secret: p.valid, Factors: []string{"totp"}}, nil
}

func (p *plane) GetCaller(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Caller, error) {
	return &bulkheadv1.Caller{Id: "u1", Name: "alice", Tenant: "system", Roles: []string{"administrator"}, Mfa: true, Kind: "session", FactorTime: timestamppb.Now()}, nil
}

func (p *plane) SignOut(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Empty, error) {
	p.saw("out")
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) StartDevice(_ context.Context, req *bulkheadv1.StartDeviceRequest) (*bulkheadv1.StartDeviceResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stepUp = req.GetStepUp()
	return &bulkheadv1.StartDeviceResponse{DeviceCode: "bhd_secret", UserCode: "WDJB-MJHT", VerificationPath: "/device", Interval: 1}, nil
}

func (p *plane) PollDevice(context.Context, *bulkheadv1.PollDeviceRequest) (*bulkheadv1.PollDeviceResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.polls++; p.polls {
	case 1:
		return nil, fail(connect.CodeResourceExhausted, model.CodeTooMany, "too often", "wait")
	case 2:
		return &bulkheadv1.PollDeviceResponse{Pending: true}, nil
	}
	if p.stepUp { // the person showed a passkey
		p.valid, p.fresh = "bhs_second", true
	}
	return &bulkheadv1.PollDeviceResponse{Secret: p.valid, Caller: &bulkheadv1.Caller{Name: "alice", Tenant: "system"}}, nil
}

func (p *plane) fingerprint() string { return fingerprintOf(p.ca) }

func (s *shell) kept(t *testing.T, url string) session {
	t.Helper()
	a := &App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}
	c, err := a.credentials()
	if err != nil || c.Servers[url] == nil {
		t.Fatalf("nothing is kept of %s: %+v, %v", url, c, err)
	}
	return *c.Servers[url]
}

func (s *shell) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnrolOnATerminal(t *testing.T) {
	p := newPlane(t)
	s := newShell(t)
	s.ask = &script{"alice", "correct horse battery", "correct hearse battery", "correct horse battery", "correct horse battery", "999999", "123456"}
	code, out, errs := s.run(t, "enrol", p.server.URL+"/enrol#code=bhe_good&ca="+p.fingerprint())
	if code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, want := range []string{"otpauth://totp/x", "aaaa-bbbb", "Signed in as alice"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	if !strings.Contains(errs, "They differ") || !strings.Contains(errs, "the code is wrong") || strings.Contains(out+errs, "horse") {
		t.Errorf("%q", errs)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_enrolled" || k.CA != p.ca {
		t.Errorf("kept %+v", k)
	}
	if code, out, errs := s.run(t, "whoami", "-o", "json"); code != ExitOK || !strings.Contains(out, `"phishing_resistant": false`) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

func TestEnrolByAProgram(t *testing.T) {
	p := newPlane(t)
	s := newShell(t)
	s.in = "123456\n"
	code, out, errs := s.run(t, "enrol", p.server.URL+"/enrol#code=bhe_good&ca="+p.fingerprint(), "--name", "root",
		"--password-file", s.file(t, "pw", "correct horse battery\n"), "-o", "json")
	var got struct {
		RecoveryCodes []string `json:"recovery_codes"`
		Session       struct{ Caller struct{ Name string } }
	}
	if err := json.Unmarshal([]byte(out), &got); code != ExitOK || err != nil || len(got.RecoveryCodes) != 1 || got.Session.Caller.Name != "alice" {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	if req, ok := p.seen[0].(*bulkheadv1.CompleteEnrolmentRequest); !ok || req.GetName() != "root" || req.GetPassword() != "correct horse battery" {
		t.Errorf("sent %v", p.seen)
	}
}

func TestEnrolRefusals(t *testing.T) {
	p, other := newPlane(t), newPlane(t)
	for name, c := range map[string]struct {
		link string
		code int
		want string
	}{
		"another CA":     {p.server.URL + "/enrol#code=bhe_good&ca=" + other.fingerprint(), ExitNo, "nothing was sent"},
		"leaf's print":   {p.server.URL + "/enrol#code=bhe_good&ca=" + leafPrint(p), ExitError, "no CA"},
		"no fingerprint": {p.server.URL + "/enrol#bhe_good", ExitError, p.fingerprint()},
		"bad print":      {p.server.URL + "/enrol#code=bhe_good&ca=sha256:xyz", ExitError, "is no fingerprint"},
		"old code":       {p.server.URL + "/enrol#code=bhe_old&ca=" + p.fingerprint(), ExitError, "ask for a new link"},
		"no link":        {"bhe_good", ExitError, "this is no enrolment link"},
		"no code":        {p.server.URL + "/enrol#ca=x", ExitError, "has no code"},
		"plain http":     {"http://127.0.0.1/enrol#bhe_good", ExitError, "this is no enrolment link"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t)
			code, _, errs := s.run(t, "enrol", c.link, "--name", "x", "--password-file", s.file(t, "pw", "correct horse battery"))
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d: %s", code, errs)
			}
		})
	}
	if len(p.seen) != 0 {
		t.Errorf("a password was sent: %v", p.seen)
	}
}

func leafPrint(p *plane) string {
	return fingerprintOf(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.TLS.Certificates[0].Certificate[0]})))
}

func TestLoginByDevice(t *testing.T) {
	p := newPlane(t)
	s := newShell(t)
	code, out, errs := s.run(t, "login", "--server", p.server.URL, "--ca-fingerprint", p.fingerprint())
	if code != ExitOK || !strings.Contains(errs, p.server.URL+"/device") || !strings.Contains(errs, "WDJB-MJHT") || !strings.Contains(out, "alice") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if strings.Contains(out+errs, "bhd_") || strings.Contains(out+errs, "bhs_") {
		t.Errorf("a secret is shown: %s%s", out, errs)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_first" || k.Name != "alice" {
		t.Errorf("kept %+v", k)
	}
}

func TestLoginWithPassword(t *testing.T) {
	p := newPlane(t)
	s := newShell(t)
	s.ask = &script{"yes", "alice", "correct horse battery", "123 456"}
	code, out, errs := s.run(t, "login", "--password", "--server", p.server.URL, "--tenant", "acme")
	if code != ExitOK || !strings.Contains(out, "second factor, shown") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if req, ok := p.seen[0].(*bulkheadv1.SignInRequest); !ok || req.GetTenant() != "acme" {
		t.Errorf("sent %v", p.seen)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_second" || k.CA != p.ca {
		t.Errorf("kept %+v", k)
	}
}

func TestLoginTellsThatAPasskeyIsStillDemanded(t *testing.T) {
	for next, want := range map[bulkheadv1.Step]string{
		bulkheadv1.Step_STEP_FACTOR: "a passkey is demanded here", bulkheadv1.Step_STEP_REGISTER: "/account in a browser",
	} {
		p := newPlane(t)
		p.next = next
		s := newShell(t)
		s.ask = &script{"alice", "correct horse battery", "123456"}
		code, out, errs := s.run(t, "login", "--password", "--server", p.server.URL, "--ca-fingerprint", p.fingerprint())
		if code != ExitNo || !strings.Contains(errs, want) || strings.Contains(out, "alice") {
			t.Errorf("%v: exit %d: %s%s", next, code, out, errs)
		}
		s.ask = &script{"123456"}
		if code, _, errs := s.run(t, "login", "--step-up"); code != ExitNo || !strings.Contains(errs, want) {
			t.Errorf("step-up, %v: exit %d: %s", next, code, errs)
		}
	}
}

func TestLoginRefusals(t *testing.T) {
	p := newPlane(t)
	s := newShell(t)
	s.ask = &script{"no"}
	if code, _, errs := s.run(t, "login", "--server", p.server.URL); code != ExitNo || !strings.Contains(errs, "nothing was sent") {
		t.Errorf("exit %d: %s", code, errs)
	}
	s.ask = nil
	args := []string{"login", "--server", p.server.URL, "--ca-fingerprint", p.fingerprint(), "--name", "alice", "--password-file", s.file(t, "pw", "wrong")}
	if code, _, errs := s.run(t, args...); code != ExitNo || !strings.Contains(errs, "name or password is wrong") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := s.run(t, "login"); code != ExitError || !strings.Contains(errs, "no control plane is named") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if code, _, errs := s.run(t, "login", "--server", "https://127.0.0.1:1"); code != ExitError || !strings.Contains(errs, "bulkhead serve") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestStepUpBeforehandAndLogout(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.in = "123456\n"
	if code, _, errs := s.run(t, "login", "--step-up"); code != ExitOK || s.kept(t, p.server.URL).Secret != "bhs_second" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if code, out, errs := s.run(t, "logout"); code != ExitOK || !strings.Contains(out, "signed out") || s.kept(t, p.server.URL).Secret != "" {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if k := s.kept(t, p.server.URL); k.CA == "" {
		t.Error("the CA was forgotten")
	}
	if code, _, _ := s.run(t, "whoami"); code != ExitNo {
		t.Errorf("exit %d", code)
	}
}

func FuzzParseLink(f *testing.F) {
	for _, s := range []string{"https://h/enrol#code=bhe_x&ca=sha256:00", "https://h/#bhe_x", "x", "https://h/enrol#%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := parseLink(s); err == nil && (l.code == "" || !strings.HasPrefix(l.server, "https://")) {
			t.Errorf("%q gives %+v", s, l)
		}
	})
}
