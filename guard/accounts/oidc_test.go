package accounts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// provider is an OpenID Connect provider that signs what it is told to.
type provider struct {
	url, ca string
	key     *ecdsa.PrivateKey
	down    bool
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case p.down:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/keys":
			fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
		default:
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%q,"token_endpoint":%q,"id_token_signing_alg_values_supported":["ES256"]}`,
				p.url, p.url+"/keys", p.url, p.url)
		}
	}))
	t.Cleanup(s.Close)
	p.url, p.ca = s.URL, filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(p.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *provider) token(t *testing.T, by *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	said := b64([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + b64(body)
	sum := sha256.Sum256([]byte(said))
	r, s, err := ecdsa.Sign(rand.Reader, by, sum[:crypto.SHA256.Size()])
	if err != nil {
		t.Fatal(err)
	}
	return said + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func TestOIDC(t *testing.T) {
	p := newProvider(t)
	rule := func(audience string, claims map[string]string) []OIDC {
		return []OIDC{{Issuer: p.url, Audience: audience, CAFile: p.ca, Claims: claims, Scopes: []string{"EngineRead"}}}
	}
	a, c := accounts(t,
		Definition{Name: "shop", Tenant: "acme", Roles: []string{"developer"}, OIDC: rule("bulkhead", map[string]string{"path": "acme/shop", "protected": "true"})},
		Definition{Name: "group", Tenant: "acme", OIDC: rule("bulkhead", map[string]string{"groups": "builders"})},
	)
	claims := func(change map[string]any) map[string]any {
		m := map[string]any{
			"iss": p.url, "aud": "bulkhead", "sub": "job 7", "path": "acme/shop", "protected": true, "iat": c.at.Unix(), "exp": c.at.Add(time.Hour).Unix(),
		}
		for k, v := range change {
			m[k] = v
		}
		return m
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) (string, []string, error) {
		a.throttle.clear("uid 0")
		s, err := a.Identify(local(&Peer{}, "Authorization", "Bearer "+token))
		if err != nil {
			return "", nil, err
		}
		return s.Principal.ID + " " + s.Principal.Credential.ID, s.Principal.Scopes, nil
	}
	p.down = true
	for range freeGuesses + 3 {
		if _, err := a.Identify(local(&Peer{}, "Authorization", "Bearer "+p.token(t, p.key, claims(nil)))); err == nil || !strings.Contains(err.Error(), "does not answer") {
			t.Fatalf("a provider that is down: %v", err)
		}
	}
	p.down, c.at = false, c.at.Add(issuerPause)
	who, scopes, err := ask(p.token(t, p.key, claims(nil)))
	if err != nil || who != "shop oidc:"+p.url+":job 7" || len(scopes) != 1 || scopes[0] != "EngineRead" {
		t.Fatalf("%s %v %v", who, scopes, err)
	}
	if who, _, err := ask(p.token(t, p.key, claims(map[string]any{"path": "x", "groups": []string{"a", "builders"}}))); err != nil || !strings.HasPrefix(who, "group ") {
		t.Errorf("a list of groups: %s %v", who, err)
	}
	for name, token := range map[string]string{
		"another project":  p.token(t, p.key, claims(map[string]any{"path": "acme/other"})),
		"another audience": p.token(t, p.key, claims(map[string]any{"aud": "vault"})),
		"a claim is gone":  p.token(t, p.key, claims(map[string]any{"protected": nil})),
		"two rules":        p.token(t, p.key, claims(map[string]any{"groups": "builders"})),
		"it has ended":     p.token(t, p.key, claims(map[string]any{"exp": c.at.Add(-time.Minute).Unix()})),
		"another issuer":   p.token(t, p.key, claims(map[string]any{"iss": "https://evil.example"})),
		"another key":      p.token(t, other, claims(nil)),
		"no signature":     b64([]byte(`{"alg":"none"}`)) + "." + strings.Split(p.token(t, p.key, claims(nil)), ".")[1] + ".",
	} {
		if who, _, err := ask(token); err == nil {
			t.Errorf("%s: %s", name, who)
		}
	}
}

func FuzzToken(f *testing.F) {
	secret, token := NewToken("ci", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	a, err := New(Options{Definitions: []Definition{{Name: "builds", Tenant: "acme", Tokens: []Token{token}}}, Users: here()})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"Bearer " + secret, "bearer x", "Basic x", "", "Bearer a.b.c", "Bearer e30.eyJpc3MiOiJodHRwczovL3gifQ.x", "Bearer " + secret[:52]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := local(&Peer{})
		r.Header["Authorization"] = []string{header}
		a.throttle.clear("uid 0")
		s, err := a.Identify(r)
		scheme, rest, _ := strings.Cut(header, " ")
		right := strings.EqualFold(scheme, "bearer") && strings.TrimSpace(rest) == secret
		if (err == nil) != right || err == nil && s.Principal.ID != "builds" {
			t.Errorf("%q: %v, %v", header, s, err)
		}
	})
}
