package accounts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// amrFederated says that a provider vouches.
const amrFederated = "fed"

const (
	issuerTimeout = 10 * time.Second
	issuerPause   = 5 * time.Second // before a provider that did not answer is asked again
	mostIssuer    = 1 << 20         // bytes of an answer of a provider
)

// unavailableError says that a provider can't be asked.
type unavailableError struct{ error }

// issuers are the providers that accounts name, each of which is asked about itself when it is first needed.
type issuers struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]*issuer
}

type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failed   error
	again    time.Time // when it may be asked again after a failure
}

func newIssuers(now func() time.Time) *issuers { return &issuers{now: now, by: map[string]*issuer{}} }

// set takes the providers of other definitions. CA files are read anew, so all are.
func (s *issuers) set(rules []*trusted) error {
	by := map[string]*issuer{}
	files := map[string]string{}
	for _, r := range rules {
		if file, ok := files[r.Issuer]; ok && file != r.CAFile {
			return fmt.Errorf("guard.accounts: the OIDC issuer %s has two CA files, %q and %q", r.Issuer, file, r.CAFile)
		}
		if by[r.Issuer] != nil {
			continue
		}
		client, err := issuerClient(r.CAFile)
		if err != nil {
			return fmt.Errorf("guard.accounts: the OIDC issuer %s: %w", r.Issuer, err)
		}
		files[r.Issuer], by[r.Issuer] = r.CAFile, &issuer{url: r.Issuer, client: client, now: s.now}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = by
	return nil
}

func (s *issuers) of(url string) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[url]
}

func issuerClient(caFile string) (*http.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("its CA file: %w", err)
		}
		if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
			conf.RootCAs = x509.NewCertPool()
		}
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("its CA file %s has no certificate in PEM", caFile)
		}
	}
	return &http.Client{Timeout: issuerTimeout, Transport: secureOnly{&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
	}}}, nil
}

// secureOnly asks over TLS alone, and reads no endless answers.
type secureOnly struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s secureOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, errors.New("the provider's endpoint is not https")
	}
	res, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, mostIssuer), res.Body}
	return res, nil
}

// discover asks the provider what it says of itself, once. While it does not answer, it is not asked for every call.
func (i *issuer) discover(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.verifier != nil {
		return i.verifier, nil
	}
	if i.failed != nil && i.now().Before(i.again) {
		return nil, i.failed
	}
	// The library keeps the client for later requests, not the context's end.
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, i.client), i.url)
	if err != nil {
		i.failed, i.again = &unavailableError{fmt.Errorf("the OIDC provider %s does not answer as it should: %w", i.url, err)}, i.now().Add(issuerPause)
		return nil, i.failed
	}
	// For whom a token was made is compared with each rule's own audience. The verifier remembers the provider's keys.
	i.verifier = p.VerifierContext(oidc.ClientContext(context.Background(), i.client), &oidc.Config{SkipClientIDCheck: true, Now: i.now})
	i.failed = nil
	return i.verifier, nil
}

// byOIDC gives the account whose rule a provider's token fits.
func (a *Accounts) byOIDC(ctx context.Context, token, from string) (*call.Subject, error) {
	url, err := claimedIssuer(token)
	if err != nil {
		return nil, err
	}
	i := a.issuers.of(url)
	if i == nil {
		return nil, fmt.Errorf("no account takes tokens of the OIDC provider %.200q; %s", url, remedy("an `oidc` rule with this issuer"))
	}
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	v, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	id, err := v.Verify(ctx, token)
	if err != nil {
		return nil, fmt.Errorf("the token of the OIDC provider %s is not good: %w", url, err)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("the token of the OIDC provider %s: %w", url, err)
	}
	r, err := a.book.Load().federated(id, claims)
	if err != nil {
		return nil, err
	}
	by := model.Ref{Type: "Token", ID: fmt.Sprintf("oidc:%.200s:%.200s", id.Issuer, id.Subject)}
	s, err := a.subject(r.account, by, address(from), amrFederated)
	if err != nil {
		return nil, err
	}
	return scoped(s, r.Scopes), nil
}

// federated finds the one rule that a provider's token fits: two accounts must not both be meant, nor two rules of one with other scopes.
func (b *book) federated(id *oidc.IDToken, claims map[string]any) (*trusted, error) {
	var found *trusted
	for _, r := range b.oidc {
		if r.Issuer != id.Issuer || !r.fits(id.Audience, claims) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("the token of %.200q at the OIDC provider %s fits two rules, of the accounts %s and %s: an administrator narrows their claims",
				id.Subject, id.Issuer, found.account.Name, r.account.Name)
		}
		found = r
	}
	if found == nil {
		return nil, fmt.Errorf("no account takes the token of %.200q, made for %.300q, of the OIDC provider %s; %s", id.Subject, id.Audience, id.Issuer,
			remedy("an `oidc` rule with this issuer, audience and claims of the token, e.g. sub"))
	}
	return found, nil
}

func (t *trusted) fits(audience []string, claims map[string]any) bool {
	meant := false
	for _, a := range audience {
		meant = meant || a == t.Audience
	}
	if !meant {
		return false
	}
	for name, want := range t.Claims {
		if !has(claims[name], want) {
			return false
		}
	}
	return true
}

// has compares a claim with a value: a list has it where one of its entries is it.
func has(claim any, want string) bool {
	switch v := claim.(type) {
	case string:
		return v == want
	case bool:
		return strconv.FormatBool(v) == want
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) == want
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok && s == want {
				return true
			}
		}
	}
	return false
}

// claimedIssuer reads who a token says it is from, which is checked with its signature.
func claimedIssuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c struct {
		Issuer string `json:"iss"`
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Issuer == "" {
		return "", errors.New("the bearer token is no OIDC token: it does not say who made it")
	}
	return c.Issuer, nil
}
