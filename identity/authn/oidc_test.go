package authn

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

const user2 = "test-user2"

// federation is a world with groups and providers of the given names.
func federation(t *testing.T, issuers map[string]*issuer, change ...func(*Provider)) *world {
	t.Helper()
	w := newWorld(t, func(o *Options) {
		for _, name := range []string{"one", "two"} {
			if i := issuers[name]; i != nil {
				p := i.settings(name)
				for _, c := range change {
					c(&p)
				}
				o.Providers = append(o.Providers, p)
			}
		}
	})
	w.group("developers", model.RoleDeveloper)
	w.group("auditors", model.RoleAuditor)
	return w
}

func (w *world) federated(i *issuer) (*SignedIn, error) {
	w.t.Helper()
	start, err := w.StartOIDC(ctx(w.t), "one", "/devices?code=1", false)
	must(w.t, err)
	a := i.browse(start.URL)
	a.Binding = start.Binding
	in, path, err := w.FinishOIDC(ctx(w.t), here, a)
	if err == nil && path != "/devices?code=1" {
		w.t.Errorf("sent on to %q", path)
	}
	return in, err
}

func TestOIDC(t *testing.T) {
	i := newIssuer(t)
	w := federation(t, map[string]*issuer{"one": i})
	in, err := w.federated(i)
	must(t, err)
	if p := in.Principal; p.Name != user2 || p.Tenant != "acme" || !slices.Equal(p.Roles, []string{model.RoleDeveloper}) || p.Auth.MFA || p.Auth.AMR[0] != "fed" {
		t.Errorf("signed in as %+v", p)
	}
	if r := w.log.last(t); r.Action != "SignIn" || r.Changes["provider"] != "one" || r.Actor != in.Principal.ID {
		t.Errorf("the record is %+v", r)
	}
	i.groups, i.amr = []string{"audit", "others"}, []string{"pwd", "otp"}
	again, err := w.federated(i)
	must(t, err)
	if p := again.Principal; p.ID != in.Principal.ID || !slices.Equal(p.Roles, []string{model.RoleAuditor}) || !p.Auth.MFA || p.Auth.PhishingResistant || p.Auth.FactorTime.IsZero() {
		t.Errorf("with other groups and a second factor: %+v", p)
	}
	if p := w.who(in.Secret); !slices.Equal(p.Roles, []string{model.RoleAuditor}) {
		t.Errorf("the older session kept %v", p.Roles)
	}
	i.amr, i.acr = []string{"pwd"}, "phr"
	if in, err = w.federated(i); err != nil || !in.Principal.Auth.PhishingResistant || !in.Principal.Auth.MFA {
		t.Errorf("with acr: %+v, %v", in, err)
	}
	i.groups = nil
	if in, err = w.federated(i); err != nil || len(in.Principal.Roles) != 0 {
		t.Errorf("without groups: %+v, %v", in, err)
	}
	a, err := w.store.Account(ctx(t), in.Principal.ID)
	must(t, err)
	a.Disabled = true
	must(t, w.store.UpdateAccount(ctx(t), a))
	_, err = w.federated(i)
	wantCode(t, err, model.CodeUnauthenticated)
}

func TestOIDCAccounts(t *testing.T) {
	t.Run("in no mapped group", func(t *testing.T) {
		i := newIssuer(t)
		i.groups = []string{"others"}
		_, err := federation(t, map[string]*issuer{"one": i}).federated(i)
		wantCode(t, err, model.CodeDenied)
	})
	t.Run("no new users", func(t *testing.T) {
		i := newIssuer(t)
		_, err := federation(t, map[string]*issuer{"one": i}, func(p *Provider) { p.CreateUsers = false }).federated(i)
		wantCode(t, err, model.CodeDenied)
	})
	t.Run("a name or address that exists is not taken over", func(t *testing.T) {
		i := newIssuer(t)
		w := federation(t, map[string]*issuer{"one": i})
		w.account(user2, model.RoleOwner)
		_, err := w.federated(i)
		wantCode(t, err, model.CodeExists)
	})
	t.Run("with a factor of our own", func(t *testing.T) {
		i := newIssuer(t)
		w := federation(t, map[string]*issuer{"one": i})
		in, err := w.federated(i)
		must(t, err)
		secret, _ := w.app(in)
		in, err = w.federated(i)
		must(t, err)
		if in.Next != StepFactor || len(in.Principal.Roles) != 0 {
			t.Errorf("the provider's word is enough: %+v", in)
		}
		w.pass(time.Minute)
		in, err = w.VerifyCode(ctx(t), here, in.Principal, w.code(secret))
		must(t, err)
		if in.Next != StepDone {
			t.Errorf("with the factor: %+v", in)
		}
	})
}

func TestOIDCAttacks(t *testing.T) {
	i, evil := newIssuer(t), newIssuer(t)
	twin := newIssuerLike(t, i)
	both := map[string]*issuer{"one": i, "two": evil}
	// begin goes to the provider and back, and hands over what came for a test to spoil.
	begin := func(t *testing.T, w *world) OIDCAnswer {
		start, err := w.StartOIDC(ctx(t), "one", "", false)
		must(t, err)
		a := i.browse(start.URL)
		a.Binding = start.Binding
		return a
	}
	refused := func(t *testing.T, w *world, a OIDCAnswer, code model.Code) {
		t.Helper()
		in, _, err := w.FinishOIDC(ctx(t), here, a)
		if err == nil {
			t.Fatalf("signed in as %+v", in.Principal)
		}
		wantCode(t, err, code)
		if r := w.log.last(t); r.Outcome != model.OutcomeRefused || r.Action != "SignIn" {
			t.Errorf("the record is %+v", r)
		}
	}
	t.Run("state replayed", func(t *testing.T) {
		w := federation(t, both)
		a := begin(t, w)
		_, _, err := w.FinishOIDC(ctx(t), here, a)
		must(t, err)
		refused(t, w, a, model.CodeExpired)
	})
	t.Run("state made up", func(t *testing.T) {
		w := federation(t, both)
		a := begin(t, w)
		a.State = newSecret(prefixState)
		refused(t, w, a, model.CodeExpired)
	})
	t.Run("another browser", func(t *testing.T) { // sign-in CSRF
		w := federation(t, both)
		a := begin(t, w)
		a.Binding = random()
		refused(t, w, a, model.CodeUnauthenticated)
	})
	t.Run("code of another sign-in", func(t *testing.T) { // injection: PKCE
		w := federation(t, both)
		a, b := begin(t, w), begin(t, w)
		a.Code = b.Code
		refused(t, w, a, model.CodeUnauthenticated)
		if !strings.Contains(w.said.String(), "refused the code") {
			t.Errorf("refused for another reason: %s", w.said)
		}
	})
	t.Run("code twice", func(t *testing.T) {
		w := federation(t, both)
		a := begin(t, w)
		_, _, err := w.FinishOIDC(ctx(t), here, a)
		must(t, err)
		b := begin(t, w)
		b.Code = a.Code
		refused(t, w, b, model.CodeUnauthenticated)
	})
	t.Run("mix-up", func(t *testing.T) { // the browser was sent to one, and comes back as if from the other
		w := federation(t, both)
		a := begin(t, w)
		a.Provider = "two"
		refused(t, w, a, model.CodeUnauthenticated)
		a = begin(t, w)
		a.Provider = ""
		refused(t, w, a, model.CodeUnauthenticated)
		a = begin(t, w)
		a.Issuer = evil.server.URL
		refused(t, w, a, model.CodeUnauthenticated)
	})
	t.Run("provider says no", func(t *testing.T) {
		w := federation(t, both)
		a := begin(t, w)
		a.Error, a.Code = "access_denied", ""
		refused(t, w, a, model.CodeUnauthenticated)
	})
	t.Run("old ID token", func(t *testing.T) {
		w := federation(t, both)
		w.pass(11 * time.Minute)
		refused(t, w, begin(t, w), model.CodeUnauthenticated)
		if !strings.Contains(w.said.String(), "was issued 1") {
			t.Errorf("refused for another reason: %s", w.said)
		}
	})
	spoiled := map[string]struct {
		mangle func(map[string]any)
		why    string
	}{
		"no ID token":              {func(a map[string]any) { delete(a, "id_token") }, "no ID token"},
		"nonce replayed":           {func(a map[string]any) { a["id_token"] = i.tokens[0] }, "nonce"}, // a genuine one of an earlier sign-in
		"another provider's token": {func(a map[string]any) { a["id_token"] = evil.tokens[0] }, "signature"},
		"another issuer's token":   {func(a map[string]any) { a["id_token"] = twin.tokens[0] }, "different provider"}, // of the same keys
		"not signed": {func(a map[string]any) {
			parts := strings.Split(a["id_token"].(string), ".")
			a["id_token"] = "eyJhbGciOiJub25lIn0." + parts[1] + "."
		}, "signature"},
		"signature spoiled": {func(a map[string]any) {
			id := a["id_token"].(string)
			a["id_token"] = id[:len(id)-8] + "AAAAAAAA"
		}, "signature"},
		"another access token": {func(a map[string]any) { a["access_token"] = "another" }, "access token hash"},
	}
	for _, o := range []*issuer{evil, twin} {
		_, err := federation(t, map[string]*issuer{"one": o}).federated(o)
		must(t, err)
	}
	for name, tt := range spoiled {
		t.Run(name, func(t *testing.T) {
			w := federation(t, both)
			a := begin(t, w)
			i.mangle = tt.mangle
			defer func() { i.mangle = nil }()
			refused(t, w, a, model.CodeUnauthenticated)
			if !strings.Contains(w.said.String(), tt.why) {
				t.Errorf("refused for another reason: %s", w.said)
			}
		})
	}
	t.Run("another client's token", func(t *testing.T) {
		other := federation(t, map[string]*issuer{"one": i}, func(p *Provider) { p.ClientID = "other" })
		_, err := other.federated(i)
		must(t, err)
		stolen := i.tokens[len(i.tokens)-1]
		w := federation(t, both)
		a := begin(t, w)
		i.mangle = func(a map[string]any) { a["id_token"] = stolen }
		defer func() { i.mangle = nil }()
		refused(t, w, a, model.CodeUnauthenticated)
		if !strings.Contains(w.said.String(), "expected audience") {
			t.Errorf("refused for another reason: %s", w.said)
		}
	})
}

func TestOIDCIssuerInAnswer(t *testing.T) { // RFC 9207
	i := newIssuer(t)
	i.sendIss = true
	w := federation(t, map[string]*issuer{"one": i, "two": newIssuer(t)})
	_, err := w.federated(i)
	must(t, err)
	start, err := w.StartOIDC(ctx(t), "one", "", false)
	must(t, err)
	a := i.browse(start.URL)
	a.Binding, a.Issuer = start.Binding, "" // cut out
	_, _, err = w.FinishOIDC(ctx(t), here, a)
	wantCode(t, err, model.CodeUnauthenticated)
}

func TestOIDCRequest(t *testing.T) {
	i := newIssuer(t)
	w := federation(t, map[string]*issuer{"one": i}, func(p *Provider) { p.RequestACR = []string{"phr", "mfa"} })
	start, err := w.StartOIDC(ctx(t), "one", "", false)
	must(t, err)
	u, err := url.Parse(start.URL)
	must(t, err)
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("nonce") == "" || q.Get("acr_values") != "phr mfa" ||
		q.Get("redirect_uri") != "https://bulkhead.example:8443/oidc/callback" || q.Get("response_type") != "code" {
		t.Errorf("the request is %s", start.URL)
	}
	_, err = w.StartOIDC(ctx(t), "nobody", "", false)
	wantCode(t, err, model.CodeNotFound)
}

func TestOIDCDiscoveryMustFit(t *testing.T) {
	i := newIssuer(t)
	w := federation(t, map[string]*issuer{"one": i})
	i.meta = func(m map[string]any) { m["issuer"] = "https://evil.test" }
	_, err := w.StartOIDC(ctx(t), "one", "", false)
	wantCode(t, err, model.CodeUnavailable)
	i.meta = nil
	_, err = w.StartOIDC(ctx(t), "one", "", false) // it is asked again
	must(t, err)
}

func TestLocalPath(t *testing.T) {
	for path, ok := range map[string]bool{
		"": true, "/": true, "/devices?code=WDJB": true, "/a#b": true,
		"//evil.test": false, "/\\evil.test": false, "https://evil.test": false, "javascript:alert(1)": false, "evil.test": false,
		"/\t/evil.test": false, "/a\r\nSet-Cookie: x=y": false, "/%": false, "/" + strings.Repeat("a", 600): false, "\\\\evil.test": false,
	} {
		if _, err := LocalPath(path); (err == nil) != ok {
			t.Errorf("%.40q: %v", path, err)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	f.Add("/devices?code=1")
	f.Add("//evil.test")
	f.Fuzz(func(t *testing.T, s string) {
		path, err := LocalPath(s)
		if err != nil {
			return
		}
		base, _ := url.Parse("https://bulkhead.example")
		to, err := base.Parse(path)
		if err != nil || to.Host != base.Host || to.Scheme != "https" {
			t.Errorf("%q leads to %v", s, to)
		}
	})
}
