//go:build e2e

package plane

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// code is a code of the authenticator app that was not used before. It waits for the next where it has to.
func (p *person) code() string {
	p.t.Helper()
	const period = 30
	for uint64(time.Now().Unix())/period <= p.step {
		time.Sleep(200 * time.Millisecond)
	}
	now := time.Now()
	p.step = uint64(now.Unix()) / period
	code, err := totp.GenerateCodeCustom(p.otp.Secret(), now, totp.ValidateOpts{Period: period, Digits: otp.DigitsSix})
	p.noError(err)
	return code
}

// passkey is a software authenticator with a credential for the server.
type passkey struct {
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	cred virtualwebauthn.Credential
}

// registerPasskey registers a passkey for the person's account through the API.
func (p *person) registerPasskey(secret string) *passkey {
	p.t.Helper()
	u, err := url.Parse(p.server.URL)
	p.noError(err)
	k := &passkey{
		rp:   virtualwebauthn.RelyingParty{Name: "Bulkhead", ID: u.Hostname(), Origin: p.server.URL},
		cred: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2),
	}
	var begun struct {
		ID      string          `json:"id"`
		Options json.RawMessage `json:"options"`
	}
	if status, body := p.post(secret, "AccountService/BeginPasskey", struct{}{}, &begun); status != http.StatusOK {
		p.t.Fatalf("BeginPasskey: %d %s", status, body)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(begun.Options))
	p.noError(err)
	k.auth = virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(options.UserID)})
	response := virtualwebauthn.CreateAttestationResponse(k.rp, k.auth, k.cred, *options)
	k.auth.AddCredential(k.cred)
	status, body := p.post(secret, "AccountService/FinishPasskey",
		map[string]any{"id": begun.ID, "response": json.RawMessage(response), "name": "key"}, nil)
	if status != http.StatusOK {
		p.t.Fatalf("FinishPasskey: %d %s", status, body)
	}
	return k
}

// signIn gives a session of its own, beside that of the command line, with password and code.
func (p *person) signIn(name string) string {
	p.t.Helper()
	var first, second struct{ Secret string }
	status, body := p.post("", "AuthService/SignIn", map[string]any{"name": name, "password": "correct horse battery " + name}, &first)
	if status != http.StatusOK {
		p.t.Fatalf("SignIn: %d %s", status, body)
	}
	if status, body = p.post(first.Secret, "AuthService/VerifyCode", map[string]any{"code": p.code()}, &second); status != http.StatusOK {
		p.t.Fatalf("VerifyCode: %d %s", status, body)
	}
	return second.Secret
}

// signInWith signs in with a passkey alone: two factors at once.
func (p *person) signInWith(k *passkey) string {
	p.t.Helper()
	var begun struct {
		ID      string          `json:"id"`
		Options json.RawMessage `json:"options"`
	}
	if status, body := p.post("", "AuthService/BeginPasskeySignIn", struct{}{}, &begun); status != http.StatusOK {
		p.t.Fatalf("BeginPasskeySignIn: %d %s", status, body)
	}
	options, err := virtualwebauthn.ParseAssertionOptions(string(begun.Options))
	p.noError(err)
	response := virtualwebauthn.CreateAssertionResponse(k.rp, k.auth, k.cred, *options)
	var done struct {
		Secret string
		Caller struct {
			PhishingResistant bool `json:"phishingResistant"`
		}
	}
	status, body := p.post("", "AuthService/FinishPasskeySignIn", map[string]any{"id": begun.ID, "response": json.RawMessage(response)}, &done)
	if status != http.StatusOK || done.Secret == "" || !done.Caller.PhishingResistant {
		p.t.Fatalf("FinishPasskeySignIn: %d %s", status, body)
	}
	return done.Secret
}

// TestStranger goes the way of somebody who sees the product for the first time: from the first start to a published
// assessment, and to a token that was revoked.
func TestStranger(t *testing.T) {
	s := serve(t)
	if s.Link == "" {
		t.Fatalf("the first start printed no enrolment link:\n%s", s.Log())
	}
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	if r := newPerson(t, s).run("enrol", s.Link, "--name", "thief", "--password-file", filepath.Join(admin.home, "password")); r.code == 0 {
		t.Fatal("the enrolment link was good twice")
	}
	key := admin.registerPasskey(admin.signIn("admin"))
	strong := admin.signInWith(key)
	if status, body := admin.post(strong, "TenantService/ListTenants", struct{}{}, nil); status != http.StatusOK {
		t.Fatalf("list tenants with a passkey: %d %s", status, body)
	}

	admin.must("tenants", "create", "acme", "--name", "Acme")
	alice := newPerson(t, s)
	alice.enrol(admin.invite("alice", "owner"), "alice")
	newPerson(t, s).enrol(admin.invite("bob", "developer"), "bob")

	var token struct {
		Token  struct{ ID string }
		Secret string
	}
	alice.ask(&token, "tokens", "create", "ci", "--scope", "AssessmentPublish", "--scope", "AssessmentList", "--days", "1")
	if !strings.HasPrefix(token.Secret, "bht_") {
		t.Fatalf("the token is %q", token.Secret)
	}
	ci := newPerson(t, s)
	file, ca := filepath.Join(ci.home, "token"), filepath.Join(s.Dir, "ca.pem")
	if err := os.WriteFile(file, []byte(token.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ci.env = []string{"BULKHEAD_CLIENT_SERVER=" + s.URL, "BULKHEAD_CLIENT_CA_FILE=" + ca, "BULKHEAD_CLIENT_TOKEN_FILE=" + file}
	ci.must("assess", "--publish")
	seenByAssess(t, ci)

	var status struct {
		Requirements []struct{ ID, Status string }
	}
	alice.ask(&status, "status")
	if len(status.Requirements) != 29 {
		t.Errorf("the status tells of %d requirements, not of 29", len(status.Requirements))
	}
	if code, body := ci.post(token.Secret, "AssessmentService/GetStatus", struct{}{}, &status); code != http.StatusOK || len(status.Requirements) != 29 {
		t.Errorf("status by API: %d %s", code, tail(body, 300))
	}
	if r := ci.run("users", "list"); r.code != 2 {
		t.Errorf("a token without the scope listed users: %d %s%s", r.code, r.stdout, r.stderr)
	}

	alice.must("tokens", "revoke", token.Token.ID)
	if r := ci.run("status"); r.code != 2 {
		t.Errorf("the revoked token was answered with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if code, _ := ci.post(token.Secret, "AssessmentService/GetStatus", struct{}{}, nil); code != http.StatusUnauthorized {
		t.Errorf("the revoked token was answered with %d by the API", code)
	}
	if found := admin.records("TokenRevoke"); len(found) != 1 || found[0].Outcome != "allowed" {
		t.Errorf("the log says of the revocation: %+v", found)
	}
	admin.must("audit", "verify")
}

// seenByAssess looks whether the assessment of this host finds the control plane that runs here.
func seenByAssess(t *testing.T, p *person) {
	t.Helper()
	var found struct {
		Requirements []struct {
			Checks []struct{ ID, Status string }
		}
	}
	p.ask(&found, "assess")
	status := map[string]string{}
	for _, r := range found.Requirements {
		for _, c := range r.Checks {
			status[c.ID] = c.Status
		}
	}
	for _, id := range []string{"8.5.c/control-plane", "8.5.d/control-plane"} {
		if status[id] != "pass" {
			t.Errorf("with the control plane running, %s is %q", id, status[id])
		}
	}
}
