package authn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Provider is an OpenID Connect provider. The fields are those of config.OIDC, so that one converts to the other.
type Provider struct {
	Name             string
	Issuer           string
	ClientID         string
	ClientSecretFile string
	CAFile           string
	Tenant           string
	Scopes           []string
	GroupsClaim      string
	Groups           map[string]string
	CreateUsers      bool
	MFA              []string
	MFAResistant     []string
	RequestACR       []string
	UsernameClaim    string
}

const (
	providerTimeout = 10 * time.Second
	mostProvider    = 1 << 20 // bytes of an answer of a provider
)

// provider is a Provider with what it says of itself, which is asked for when it is first needed: a provider that is down keeps
// nobody else out.
type provider struct {
	Provider
	secret string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	found *discovered
}

type discovered struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	// sendsIssuer says that the provider names itself in its answers (RFC 9207).
	sendsIssuer bool
}

func newProvider(p Provider, now func() time.Time) (*provider, error) {
	out := &provider{Provider: p, now: now}
	if p.ClientSecretFile != "" {
		b, err := os.ReadFile(p.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("reading the client secret of OIDC provider %s: %w", p.Name, err)
		}
		out.secret = strings.TrimSpace(string(b))
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the CA of OIDC provider %s: %w", p.Name, err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA file %s of OIDC provider %s has no certificate", p.CAFile, p.Name)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: providerTimeout, ResponseHeaderTimeout: providerTimeout, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
		ForceAttemptHTTP2: true,
	}
	out.client = &http.Client{Transport: limited{transport}, Timeout: providerTimeout, CheckRedirect: httpsOnly}
	return out, nil
}

func httpsOnly(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != "https" || len(via) > 3 {
		return errors.New("the provider sends us somewhere else")
	}
	return nil
}

// limited bounds what a provider can make us read, and speaks TLS only.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the provider's endpoint is not https")
	}
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{Reader: io.LimitReader(resp.Body, mostProvider), Closer: resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}

func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The library keeps the context's client for later requests, not the context's end.
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		SendsIssuer bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&metadata); err != nil {
		return nil, err
	}
	p.found = &discovered{
		provider: found, sendsIssuer: metadata.SendsIssuer,
		verifier: found.VerifierContext(oidc.ClientContext(context.Background(), p.client), &oidc.Config{ClientID: p.ClientID, Now: p.now}),
	}
	return p.found, nil
}

func (p *provider) oauth(d *discovered, redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.secret, Endpoint: d.provider.Endpoint(), RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}
