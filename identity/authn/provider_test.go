package authn

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// issuer is a real OpenID provider with two users, whose strength, groups and answers a test can change.
type issuer struct {
	t       *testing.T
	server  *httptest.Server
	storage *storage.Storage
	caFile  string

	mu     sync.Mutex
	groups []string
	amr    []string
	acr    string
	// authTime is when the person is said to have signed in; zero means just now.
	authTime time.Time
	sendIss  bool                 // RFC 9207
	mangle   func(map[string]any) // the token endpoint's answer
	tokens   []string             // ID tokens that were given
	meta     func(map[string]any) // the discovery document
	clients  map[string]*storage.Client
}

func newIssuer(t *testing.T) *issuer { return newIssuerLike(t, nil) }

// newIssuerLike has the keys, clients and users of another one under an own name.
func newIssuerLike(t *testing.T, other *issuer) *issuer {
	t.Helper()
	i := &issuer{t: t, groups: []string{"platform"}, amr: []string{"pwd"}}
	i.server = httptest.NewUnstartedServer(nil)
	at := "https://" + i.server.Listener.Addr().String()
	i.clients = map[string]*storage.Client{
		"bulkhead": storage.WebClient("bulkhead", "the secret", "https://bulkhead.example:8443/oidc/callback",
			"https://bulkhead.example:8443/oidc/callback?provider=one", "https://bulkhead.example:8443/oidc/callback?provider=two"),
		"other": storage.WebClient("other", "the secret", "https://bulkhead.example:8443/oidc/callback"),
	}
	i.storage = storage.NewStorageWithClients(storage.NewUserStore(at), i.clients)
	if other != nil {
		i.storage = other.storage
	}
	kept := &people{Storage: i.storage, i: i}
	quiet := op.WithLogger(slog.New(slog.DiscardHandler))
	i.server.Config.Handler = i.front(exampleop.SetupServer(at, kept, nil, false, quiet))
	i.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	i.caFile = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(i.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}), 0o600))
	return i
}

// people is the example's storage with groups and methods of sign-in.
type people struct {
	*storage.Storage
	i *issuer
}

type person struct {
	op.AuthRequest
	i *issuer
}

func (p person) GetAMR() []string { p.i.mu.Lock(); defer p.i.mu.Unlock(); return p.i.amr }
func (p person) GetACR() string   { p.i.mu.Lock(); defer p.i.mu.Unlock(); return p.i.acr }

func (p person) GetAuthTime() time.Time {
	p.i.mu.Lock()
	defer p.i.mu.Unlock()
	if p.i.authTime.IsZero() {
		return p.AuthRequest.GetAuthTime()
	}
	return p.i.authTime
}

func (p *people) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByID(ctx, id)
	return person{r, p.i}, err
}

func (p *people) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	r, err := p.Storage.AuthRequestByCode(ctx, code)
	return person{r, p.i}, err
}

func (p *people) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	p.i.mu.Lock()
	info.AppendClaims("groups", p.i.groups)
	p.i.mu.Unlock()
	return p.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
}

// front changes answers on their way out, as an attacker's provider would.
func (i *issuer) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth/token" && r.URL.Path != "/.well-known/openid-configuration" {
			next.ServeHTTP(w, r)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		rec := httptest.NewRecorder()
		i.mu.Unlock()
		next.ServeHTTP(rec, r)
		i.mu.Lock()
		answer := map[string]any{}
		_ = json.Unmarshal(rec.Body.Bytes(), &answer)
		if r.URL.Path == "/oauth/token" {
			if id, ok := answer["id_token"].(string); ok {
				i.tokens = append(i.tokens, id)
			}
			if i.mangle != nil {
				i.mangle(answer)
			}
		} else {
			answer["authorization_response_iss_parameter_supported"] = i.sendIss
			if i.meta != nil {
				i.meta(answer)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(rec.Code)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

// browse signs a user in at the provider, as a browser that was sent to the address, and gives what comes back.
func (i *issuer) browse(address string) OIDCAnswer {
	i.t.Helper()
	client := *i.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	next := func(address string, form url.Values) *url.URL {
		i.t.Helper()
		resp, err := client.Get(address)
		if form != nil {
			must(i.t, err)
			resp.Body.Close()
			resp, err = client.PostForm(address, form)
		}
		must(i.t, err)
		defer resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			b, _ := io.ReadAll(resp.Body)
			i.t.Fatalf("%s: no redirect: %.300s", resp.Request.URL, b)
		}
		return to
	}
	login := next(address, nil)
	back := next(login.String(), url.Values{
		"username": {user2}, "password": {"verysecure"}, "id": {login.Query().Get("authRequestID")},
	})
	to := next(back.String(), nil)
	if !strings.HasPrefix(to.String(), "https://bulkhead.example:8443/oidc/callback") {
		i.t.Fatalf("sent to %s", to)
	}
	q := to.Query()
	a := OIDCAnswer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error"), Provider: q.Get("provider")}
	if i.sendIss {
		a.Issuer = i.server.URL
	}
	return a
}

func (i *issuer) settings(name string) Provider {
	secret := filepath.Join(i.t.TempDir(), "secret")
	must(i.t, os.WriteFile(secret, []byte("the secret\n"), 0o600))
	return Provider{
		Name: name, Issuer: i.server.URL, ClientID: "bulkhead", ClientSecretFile: secret, CAFile: i.caFile, Tenant: "acme",
		Scopes: []string{"profile", "email"}, GroupsClaim: "groups", Groups: map[string]string{"platform": "developers", "audit": "auditors"},
		CreateUsers: true, MFA: []string{"otp"}, MFAResistant: []string{"phr"},
	}
}
