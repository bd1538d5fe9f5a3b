package authn

import (
	"bytes"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/bulkhead-security/bulkhead/model"
)

var party = virtualwebauthn.RelyingParty{ID: "bulkhead.example", Name: "Bulkhead", Origin: "https://bulkhead.example:8443"}

// key is an authenticator with one credential.
type key struct {
	virtualwebauthn.Authenticator
	virtualwebauthn.Credential
	party virtualwebauthn.RelyingParty
}

func newKey(a *model.Account) *key {
	return &key{
		Authenticator: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(a.ID)}),
		Credential:    newCredential(), party: party,
	}
}

func (k *key) create(t testing.TB, c *Ceremony) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	must(t, err)
	return []byte(virtualwebauthn.CreateAttestationResponse(k.party, k.Authenticator, k.Credential, *o))
}

func (k *key) get(t testing.TB, c *Ceremony) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
	must(t, err)
	k.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(k.party, k.Authenticator, k.Credential, *o))
}

func (w *world) passkey(in *SignedIn, k *key) *Registered {
	w.t.Helper()
	c, err := w.BeginPasskey(ctx(w.t), in.Principal)
	must(w.t, err)
	out, err := w.FinishPasskey(ctx(w.t), here, in.Principal, c.ID, k.create(w.t, c), "blue key")
	must(w.t, err)
	return out
}

func (w *world) signInWith(k *key) (*SignedIn, error) {
	w.t.Helper()
	c, err := w.BeginPasskeySignIn(ctx(w.t))
	must(w.t, err)
	return w.FinishPasskeySignIn(ctx(w.t), here, c.ID, k.get(w.t, c))
}

func (w *world) show(in *SignedIn, k *key) (*SignedIn, error) {
	w.t.Helper()
	c, err := w.BeginFactor(ctx(w.t), in.Principal)
	must(w.t, err)
	return w.FinishFactor(ctx(w.t), here, in.Principal, c.ID, k.get(w.t, c))
}

func TestPasskey(t *testing.T) {
	w := newWorld(t)
	a := w.account("ada", model.RoleAdministrator)
	k := newKey(a)
	in := w.signIn(a)
	reg := w.passkey(in, k)
	if auth := reg.Session.Principal.Auth; !auth.MFA || !auth.PhishingResistant || len(reg.Codes) != recoveryCodes || reg.Factor.Data != nil {
		t.Errorf("registered: %+v", reg)
	}
	w.refusedSecret(in.Secret)

	in, err := w.signInWith(k)
	must(t, err)
	if p := in.Principal; in.Next != StepDone || p.ID != a.ID || !p.Auth.MFA || !p.Auth.PhishingResistant || !w.fresh(p.Auth) {
		t.Errorf("with a passkey alone: %+v", in)
	}
	w.pass(time.Hour - time.Minute)
	p := w.who(in.Secret)
	if w.fresh(p.Auth) {
		t.Error("the factor is fresh for an hour")
	}
	again, err := w.show(in, k)
	must(t, err)
	w.refusedSecret(in.Secret)
	if !w.fresh(again.Principal.Auth) {
		t.Error("the step-up did not renew it")
	}
	second, err := w.show(w.signIn(a), k)
	must(t, err)
	if auth := second.Principal.Auth; !auth.MFA || !auth.PhishingResistant {
		t.Errorf("password and passkey: %+v", auth)
	}
}

func TestPasskeyRefused(t *testing.T) {
	for name, change := range map[string]func(k *key){
		"wrong origin":    func(k *key) { k.party.Origin = "https://bulkhead.example" },
		"phished":         func(k *key) { k.party.Origin = "https://bulkhead.example.evil.test:8443" },
		"wrong party":     func(k *key) { k.party.ID = "evil.test" },
		"not verified":    func(k *key) { k.Options.UserNotVerified = true },
		"not present":     func(k *key) { k.Options.UserNotPresent = true },
		"another key":     func(k *key) { k.Key = newCredential().Key },
		"unknown key":     func(k *key) { k.ID = []byte("another") },
		"no user":         func(k *key) { k.Options.UserHandle = nil },
		"unknown user":    func(k *key) { k.Options.UserHandle = []byte("nobody") },
		"another's user":  func(k *key) { k.Options.UserHandle = []byte("00000000-0000-7000-8000-" + digest("eve")[:12]) },
		"counter is back": func(k *key) { k.Counter = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			a := w.account("bob")
			w.account("eve")
			k := newKey(a)
			k.Counter = 10
			w.passkey(w.signIn(a), k)
			change(k)
			in, err := w.signInWith(k)
			if err == nil {
				t.Fatalf("signed in: %+v", in.Principal)
			}
			if r := w.log.last(t); r.Outcome != model.OutcomeRefused {
				t.Errorf("the record is %+v", r)
			} else if name == "counter is back" && r.Action != "FactorCloned" {
				t.Errorf("a clone is recorded as %s", r.Action)
			}
		})
	}
}

func TestPasskeyRegistrationRefused(t *testing.T) {
	for name, change := range map[string]func(k *key){
		"wrong origin": func(k *key) { k.party.Origin = "https://evil.test" },
		"wrong party":  func(k *key) { k.party.ID = "evil.test" },
		"not present":  func(k *key) { k.Options.UserNotPresent = true },
	} {
		w := newWorld(t)
		a := w.account("bob")
		in, k := w.signIn(a), newKey(a)
		change(k)
		c, err := w.BeginPasskey(ctx(t), in.Principal)
		must(t, err)
		if _, err := w.FinishPasskey(ctx(t), here, in.Principal, c.ID, k.create(t, c), ""); model.CodeOf(err) != model.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChallengeIsGoodOnce(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	k := newKey(a)
	reg := w.passkey(w.signIn(a), k)
	c, err := w.BeginPasskeySignIn(ctx(t))
	must(t, err)
	answer := k.get(t, c)
	_, err = w.FinishPasskeySignIn(ctx(t), here, c.ID, answer)
	must(t, err)
	_, err = w.FinishPasskeySignIn(ctx(t), here, c.ID, answer) // replayed
	wantCode(t, err, model.CodeExpired)
	other, err := w.BeginPasskeySignIn(ctx(t))
	must(t, err)
	_, err = w.FinishPasskeySignIn(ctx(t), here, other.ID, answer) // to another challenge
	wantCode(t, err, model.CodeUnauthenticated)
	late, err := w.BeginPasskeySignIn(ctx(t))
	must(t, err)
	w.pass(ceremonyLife)
	_, err = w.FinishPasskeySignIn(ctx(t), here, late.ID, k.get(t, late))
	wantCode(t, err, model.CodeExpired)

	mine, err := w.BeginFactor(ctx(t), reg.Session.Principal)
	must(t, err)
	_, err = w.FinishPasskeySignIn(ctx(t), here, mine.ID, k.get(t, mine)) // of another purpose
	wantCode(t, err, model.CodeExpired)
	mine, err = w.BeginFactor(ctx(t), reg.Session.Principal)
	must(t, err)
	_, err = w.FinishFactor(ctx(t), here, w.signIn(a).Principal, mine.ID, k.get(t, mine)) // of another session
	wantCode(t, err, model.CodeExpired)
}

// A factor that was phished must not become a stronger one, nor keep the marks of the stronger one.
func TestDowngradedFactor(t *testing.T) {
	for _, demanded := range []bool{false, true} {
		w := newWorld(t, func(o *Options) { o.Settings.PhishingResistant = demanded })
		a := w.account("ada", model.RoleAdministrator)
		k := newKey(a)
		secret, reg := w.app(w.signIn(a))
		if demanded != (reg.Session.Next == StepRegister) {
			t.Errorf("demanded %t, and with a code only: %s", demanded, reg.Session.Next)
		}
		with := w.passkey(reg.Session, k)
		w.pass(time.Minute)
		phished, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, w.code(secret))
		must(t, err)
		if phished.Principal.Auth.PhishingResistant || demanded != (phished.Next == StepFactor) {
			t.Errorf("demanded %t, password and code: %+v", demanded, phished)
		}
		for name, do := range map[string]func(p model.Principal) error{
			"register a passkey": func(p model.Principal) error { _, err := w.BeginPasskey(ctx(t), p); return err },
			"register an app":    func(p model.Principal) error { _, err := w.BeginTOTP(ctx(t), p); return err },
			"remove the passkey": func(p model.Principal) error { return w.DeleteFactor(ctx(t), p, with.Factor.ID) },
			"recovery codes":     func(p model.Principal) error { _, err := w.ReplaceRecoveryCodes(ctx(t), p); return err },
		} {
			if err := do(phished.Principal); model.CodeOf(err) != model.CodeFactorRequired {
				t.Errorf("%s with a code: %v", name, err)
			}
		}
		w.pass(time.Minute)
		down, err := w.VerifyCode(ctx(t), here, with.Session.Principal, w.code(secret)) // stolen session, phished code
		must(t, err)
		if down.Principal.Auth.PhishingResistant {
			t.Error("a code renewed a phishing-resistant session")
		}
		lost, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, reg.Codes[0])
		must(t, err)
		if _, err := w.BeginPasskey(ctx(t), lost.Principal); (err == nil) == demanded {
			t.Errorf("demanded %t, a recovery code for a lost passkey: %v", demanded, err)
		}
		full, err := w.signInWith(k)
		must(t, err)
		must(t, w.DeleteFactor(ctx(t), full.Principal, reg.Factor.ID)) // the weaker one
	}
}

func TestPasskeyOpensALockedAccount(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	k := newKey(a)
	w.passkey(w.signIn(a), k)
	for range lockAt {
		_, err := w.store.AddFailure(ctx(t), passwordKey(a.Tenant, a.Name), w.now())
		must(t, err)
	}
	_, err := w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
	wantCode(t, err, model.CodeTooMany)
	_, err = w.signInWith(k)
	must(t, err)
	w.signIn(a)
}

func TestAddressInsteadOfName(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.PublicURL = "https://192.0.2.1:8443" })
	_, err := w.BeginPasskeySignIn(ctx(t))
	wantCode(t, err, model.CodeUnavailable)
	w.app(w.signIn(w.account("bob")))
}

func TestStoredFactorsAreSealed(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	secret, _ := w.app(w.signIn(a))
	factors, err := w.store.FactorsOf(ctx(t), a.ID)
	must(t, err)
	for _, f := range factors {
		if bytes.Contains(f.Data, []byte(secret)) || bytes.Contains(f.Data, []byte("{")) && bytes.Contains(f.Data, []byte(`"secret"`)) {
			t.Errorf("%s lies open", f.Kind)
		}
		moved := f
		moved.User = "eve"
		var data totpData
		if err := w.openFactor(&moved, &data); err == nil {
			t.Error("a factor can be moved to another user")
		}
	}
}

func FuzzAuthenticatorResponse(f *testing.F) {
	w := newWorld(f)
	a := w.account("bob")
	k := newKey(a)
	in := w.signIn(a)
	c, err := w.BeginPasskey(ctx(f), in.Principal)
	must(f, err)
	f.Add(k.create(f, c))
	s, err := w.BeginPasskeySignIn(ctx(f))
	must(f, err)
	f.Add(k.get(f, s))
	f.Add([]byte(`{"id":"","response":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseCreation(b); err == nil && len(b) > mostResponse {
			t.Error("too large")
		}
		_, _ = parseAssertion(b)
	})
}

// newCredential leaves out the keys that the test library writes too short: those with a coordinate that begins with zero.
func newCredential() virtualwebauthn.Credential {
	const full = 77
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == full {
			return c
		}
	}
}
