package cli

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// fail is an error as the gate sends it.
func fail(code connect.Code, stable model.Code, message, remedy string) error {
	e := connect.NewError(code, errors.New(message))
	d, err := connect.NewErrorDetail(&bulkheadv1.ErrorDetail{Code: string(stable), Remediation: remedy})
	if err != nil {
		panic(err)
	}
	e.AddDetail(d)
	return e
}

// plane is a control plane of fakes on real TLS and HTTP.
type plane struct {
	bulkheadv1connect.UnimplementedAuthServiceHandler
	bulkheadv1connect.UnimplementedAccountServiceHandler
	bulkheadv1connect.UnimplementedTenantServiceHandler
	bulkheadv1connect.UnimplementedUserServiceHandler
	bulkheadv1connect.UnimplementedGroupServiceHandler
	bulkheadv1connect.UnimplementedTokenServiceHandler
	bulkheadv1connect.UnimplementedAssessmentServiceHandler
	bulkheadv1connect.UnimplementedJobServiceHandler
	bulkheadv1connect.UnimplementedWatchServiceHandler
	bulkheadv1connect.UnimplementedPolicyServiceHandler
	bulkheadv1connect.UnimplementedAccessServiceHandler
	bulkheadv1connect.UnimplementedSystemServiceHandler
	bulkheadv1connect.UnimplementedNodeServiceHandler
	bulkheadv1connect.UnimplementedPoolServiceHandler
	bulkheadv1connect.UnimplementedFindingServiceHandler
	bulkheadv1connect.UnimplementedInventoryServiceHandler
	bulkheadv1connect.UnimplementedDrillServiceHandler
	bulkheadv1connect.UnimplementedReportServiceHandler
	bulkheadv1connect.UnimplementedGuardServiceHandler

	server *httptest.Server
	ca     string // PEM

	mu      sync.Mutex
	valid   string // the session that is good
	fresh   bool   // a factor was shown
	next    bulkheadv1.Step
	polls   int
	stepUp  bool // a browser was asked for a fresh factor
	deleted []string
	seen    []any             // requests
	guarded []model.LogRecord // records of a guard
	headers http.Header
}

func newPlane(t *testing.T) *plane {
	t.Helper()
	p := &plane{valid: "bhs_first", next: bulkheadv1.Step_STEP_DONE}
	mux := http.NewServeMux()
	for path, h := range p.handlers() {
		mux.Handle(path, p.watchHeaders(h))
	}
	p.server = httptest.NewUnstartedServer(mux)
	p.server.EnableHTTP2 = true
	chain, ca := testChain(t)
	p.server.TLS = chain
	p.server.StartTLS()
	t.Cleanup(p.server.Close)
	p.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}))
	return p
}

func (p *plane) handlers() map[string]http.Handler {
	m := map[string]http.Handler{}
	add := func(path string, h http.Handler) { m[path] = h }
	add(bulkheadv1connect.NewAuthServiceHandler(p))
	add(bulkheadv1connect.NewAccountServiceHandler(p))
	add(bulkheadv1connect.NewTenantServiceHandler(p))
	add(bulkheadv1connect.NewUserServiceHandler(p))
	add(bulkheadv1connect.NewGroupServiceHandler(p))
	add(bulkheadv1connect.NewTokenServiceHandler(p))
	add(bulkheadv1connect.NewPolicyServiceHandler(p))
	add(bulkheadv1connect.NewAccessServiceHandler(p))
	add(bulkheadv1connect.NewAssessmentServiceHandler(p))
	add(bulkheadv1connect.NewJobServiceHandler(p))
	add(bulkheadv1connect.NewWatchServiceHandler(p))
	add(bulkheadv1connect.NewPolicyServiceHandler(p))
	add(bulkheadv1connect.NewAccessServiceHandler(p))
	add(bulkheadv1connect.NewSystemServiceHandler(p))
	add(bulkheadv1connect.NewNodeServiceHandler(p))
	add(bulkheadv1connect.NewPoolServiceHandler(p))
	add(bulkheadv1connect.NewFindingServiceHandler(p))
	add(bulkheadv1connect.NewInventoryServiceHandler(p))
	add(bulkheadv1connect.NewDrillServiceHandler(p))
	add(bulkheadv1connect.NewReportServiceHandler(p))
	add(bulkheadv1connect.NewGuardServiceHandler(p))
	return m
}

// watchHeaders keeps the headers, and refuses sessions that are not good where one is shown.
func (p *plane) watchHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.headers = r.Header.Clone()
		bad := r.Header.Get("Authorization") != "" && r.Header.Get("Authorization") != "Bearer "+p.valid
		p.mu.Unlock()
		if bad {
			ew := connect.NewErrorWriter()
			_ = ew.Write(w, r, fail(connect.CodeUnauthenticated, model.CodeUnauthenticated, "the session is over", "sign in again"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *plane) saw(req any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, req)
}

func (p *plane) VerifyCode(_ context.Context, req *bulkheadv1.VerifyCodeRequest) (*bulkheadv1.SignInResponse, error) {
	p.saw(req)
	if req.GetCode() != "123456" {
		return nil, fail(connect.CodeUnauthenticated, model.CodeUnauthenticated, "the code is wrong", "wait for the next one")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.valid, p.fresh = "bhs_second", true
	return &bulkheadv1.SignInResponse{Next: p.next, Secret: p.valid}, nil
}

func (p *plane) DeleteTenant(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fresh {
		return nil, fail(connect.CodePermissionDenied, model.CodeStepUpRequired, "show a second factor again", "VerifyCode")
	}
	p.deleted = append(p.deleted, req.GetId())
	return &bulkheadv1.Empty{}, nil
}

func (p *plane) GetTenant(_ context.Context, req *bulkheadv1.Id) (*bulkheadv1.Tenant, error) {
	switch req.GetId() {
	case "forbidden":
		return nil, fail(connect.CodePermissionDenied, model.CodeDenied, "no policy permits TenantRead\x1b[31m", "ask an administrator")
	case "missing":
		return nil, fail(connect.CodeNotFound, model.CodeNotFound, "there is no such tenant", "list them")
	}
	return &bulkheadv1.Tenant{Id: req.GetId(), Name: "Acme", Version: 3}, nil
}

// script answers questions.
type script []string

func (s *script) Line(string) (string, error) {
	if len(*s) == 0 {
		return "", errors.New("asked once too often")
	}
	a := (*s)[0]
	*s = (*s)[1:]
	return a, nil
}

func (s *script) Secret(p string) (string, error) { return s.Line(p) }

// run runs a command line against the plane with a home of its own.
type shell struct {
	home string
	env  []string
	in   string
	node Node
	ask  prompter
}

func newShell(t *testing.T) *shell { return &shell{home: t.TempDir()} }

func (s *shell) run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &App{
		Node: s.node, In: strings.NewReader(s.in), Out: &o, Err: &e,
		Environ: append([]string{"XDG_CONFIG_HOME=" + s.home, "COLUMNS=120", "BULKHEAD_CONFIG=" + filepath.Join(s.home, "config.yaml")}, s.env...),
	}
	if err := os.WriteFile(filepath.Join(s.home, "config.yaml"), []byte("lang: en\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.remote.ask, a.remote.unit = s.ask, time.Millisecond
	code = a.Run(t.Context(), args)
	return code, o.String(), e.String()
}

// signedIn is a shell with a kept session.
func (p *plane) signedIn(t *testing.T, secret string) *shell {
	t.Helper()
	s := newShell(t)
	a := &App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}
	if err := a.keepSession(p.server.URL, session{CA: p.ca, Secret: secret, Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStepUpAsksAndTriesAgain(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.ask = &script{"123456"}
	if code, _, errs := s.run(t, "tenants", "delete", "acme", "--yes"); code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if len(p.deleted) != 1 {
		t.Errorf("deleted %v", p.deleted)
	}
	a := &App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}
	kept, err := a.credentials()
	if err != nil || kept.Servers[p.server.URL].Secret != "bhs_second" {
		t.Errorf("the rotated session was not kept: %+v, %v", kept, err)
	}
}

// TestStepUpInTheBrowser leaves the code empty, as somebody with a passkey only does.
func TestStepUpInTheBrowser(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.ask = &script{""}
	code, _, errs := s.run(t, "tenants", "delete", "acme", "--yes")
	if code != ExitOK || !p.stepUp || len(p.deleted) != 1 {
		t.Fatalf("exit %d, asked %t, deleted %v: %s", code, p.stepUp, p.deleted, errs)
	}
	if !strings.Contains(errs, "/device") || !strings.Contains(errs, "WDJB-MJHT") || strings.Contains(errs, "bhd_secret") {
		t.Errorf("%q", errs)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "bhs_second" {
		t.Errorf("kept %+v", k)
	}
}

func TestStepUpWithoutTerminalIsARefusal(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	code, _, errs := s.run(t, "tenants", "delete", "acme", "--yes")
	if code != ExitNo || !strings.Contains(errs, "show a second factor again") || len(p.deleted) != 0 {
		t.Errorf("exit %d, %q, deleted %v", code, errs, p.deleted)
	}
}

func TestWrongCodeEndsTheCall(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	s.ask = &script{"000000"}
	code, _, errs := s.run(t, "tenants", "delete", "acme", "--yes")
	if code != ExitNo || !strings.Contains(errs, "the code is wrong") || len(p.deleted) != 0 {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func TestErrorsOfTheControlPlane(t *testing.T) {
	p := newPlane(t)
	for name, c := range map[string]struct {
		secret, tenant string
		code           int
		want           []string
	}{
		"refused":  {"bhs_first", "forbidden", ExitNo, []string{"no policy permits TenantRead", "ask an administrator"}},
		"missing":  {"bhs_first", "missing", ExitError, []string{"there is no such tenant", "list them"}},
		"old":      {"bhs_old", "acme", ExitNo, []string{"the session is over", "sign in again"}},
		"nobody":   {"", "acme", ExitNo, []string{"not signed in", "bulkhead login"}},
		"no error": {"bhs_first", "acme", ExitOK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := p.signedIn(t, c.secret).run(t, "tenants", "get", c.tenant)
			if code != c.code {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out, errs)
			}
			for _, w := range c.want {
				if !strings.Contains(errs, w) {
					t.Errorf("%q lacks %q", errs, w)
				}
			}
			if strings.Contains(errs, "\x1b") || strings.Contains(errs, "bhs_") {
				t.Errorf("what a terminal obeys, or a secret, came through: %q", errs)
			}
		})
	}
}

func TestRemoteErrorKeepsTheCode(t *testing.T) {
	err := remoteError(fail(connect.CodeNotFound, model.CodeNotFound, "gone", ""))
	if model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("code %q", model.CodeOf(err))
	}
	err = remoteError(fail(connect.CodePermissionDenied, model.CodeDenied, "no", ""))
	var no errNo
	if model.CodeOf(err) != model.CodeDenied || !errors.As(err, &no) {
		t.Errorf("%v is no refusal with its code", err)
	}
}

func TestCredentialsThatOthersCanReadAreRefused(t *testing.T) {
	p := newPlane(t)
	s := p.signedIn(t, "bhs_first")
	path := filepath.Join(s.home, "bulkhead", "credentials.json")
	for _, name := range []string{path, filepath.Dir(path)} {
		fi, err := os.Stat(name)
		if err != nil || fi.Mode().Perm()&0o077 != 0 {
			t.Fatalf("%s: %v, %v", name, fi, err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	code, _, errs := s.run(t, "tenants", "get", "acme")
	if code != ExitError || !strings.Contains(errs, "can be read by others") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestTokenFile(t *testing.T) {
	p := newPlane(t)
	p.valid = "bht_token"
	s := newShell(t)
	token, ca := filepath.Join(s.home, "token"), filepath.Join(s.home, "ca.pem")
	for name, text := range map[string]string{token: "bht_token\n", ca: p.ca} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"tenants", "get", "acme", "--server", p.server.URL, "--ca-file", ca, "--token-file", token}
	if code, out, errs := s.run(t, args...); code != ExitOK || !strings.Contains(out, "Acme") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if p.headers.Get("Bulkhead-Session") != "token" || !strings.HasPrefix(p.headers.Get("User-Agent"), "bulkhead/") {
		t.Errorf("headers %v", p.headers)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.run(t, args...); code != ExitError || !strings.Contains(errs, "can be read by everybody") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestUnknownCAIsNotTrusted(t *testing.T) {
	p, other := newPlane(t), newPlane(t)
	s := newShell(t)
	a := &App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}
	if err := a.keepSession(p.server.URL, session{CA: other.ca, Secret: "bhs_first"}); err != nil {
		t.Fatal(err)
	}
	code, _, errs := s.run(t, "tenants", "get", "acme")
	if code != ExitError || !strings.Contains(errs, "--ca-fingerprint") || p.headers != nil {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestServerURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://Host:8443/": "https://host:8443", "host:8443": "https://host:8443", "https://h/x/": "https://h/x",
		"http://h": "", "https://u:p@h": "", "": "", "https://": "",
	} {
		got, err := serverURL(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("serverURL(%q) = %q, %v", in, got, err)
		}
	}
}
