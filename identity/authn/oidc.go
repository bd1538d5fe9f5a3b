package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bulkhead-security/bulkhead/model"
)

// CallbackPath is where providers send browsers back to.
const CallbackPath = "/oidc/callback"

const (
	mostTokenAge = 10 * time.Minute // since it was issued
	clockSkew    = time.Minute
	mostReturn   = 512
)

// OIDCStart is where to send the browser, and what it must keep in a cookie to show that it is the same one afterwards.
type OIDCStart struct {
	URL     string
	Binding string
	Expires time.Time
}

// OIDCAnswer is what the browser brings back. Provider is that of the callback's own query.
type OIDCAnswer struct {
	State, Code, Issuer, Error, Provider string
	Binding                              string // of the cookie
}

type oidcData struct {
	Provider string `json:"provider"`
	Redirect string `json:"redirect"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Binding  string `json:"binding"` // digest
	Return   string `json:"return"`
	// Asked is when a fresh sign-in was asked for, in Unix seconds; 0 where any will do.
	Asked int64 `json:"asked,omitempty"`
}

// StartOIDC makes an address of the provider with state, nonce and PKCE challenge, each good for this one sign-in. With fresh the
// provider has to ask the person again, and must say so in its answer: that is how those step up whose second factor it has.
func (s *Service) StartOIDC(ctx context.Context, name, returnTo string, fresh bool) (*OIDCStart, error) {
	p, d, err := s.provider(ctx, name)
	if err != nil {
		return nil, err
	}
	if returnTo, err = LocalPath(returnTo); err != nil {
		return nil, err
	}
	binding := random()
	data := oidcData{
		Provider: name, Redirect: s.redirect(name, d), Nonce: random(), Verifier: oauth2.GenerateVerifier(),
		Binding: digest("oidc binding", binding), Return: returnTo,
	}
	if fresh {
		data.Asked = s.now().Unix()
	}
	state, err := s.issue(ctx, model.Ticket{Kind: model.TicketOIDC, Tenant: p.Tenant}, prefixState, oidcLife, data)
	if err != nil {
		return nil, err
	}
	opts := []oauth2.AuthCodeOption{oidc.Nonce(data.Nonce), oauth2.S256ChallengeOption(data.Verifier)}
	if len(p.RequestACR) > 0 {
		opts = append(opts, oauth2.SetAuthURLParam("acr_values", strings.Join(p.RequestACR, " ")))
	}
	if fresh {
		opts = append(opts, oauth2.SetAuthURLParam("max_age", "0"), oauth2.SetAuthURLParam("prompt", "login"))
	}
	return &OIDCStart{URL: p.oauth(d, data.Redirect).AuthCodeURL(state, opts...), Binding: binding, Expires: s.now().Add(oidcLife)}, nil
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

func (s *Service) provider(ctx context.Context, name string) (*provider, *discovered, error) {
	p := s.providers[name]
	if p == nil {
		return nil, nil, fail(model.CodeNotFound, "there is no OIDC provider of this name", "ask for the sign-in options", nil)
	}
	d, err := p.discover(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "OIDC discovery failed", "provider", name, "error", err)
		return nil, nil, fail(model.CodeUnavailable, "the OIDC provider "+name+" does not answer as it should",
			"try again, or sign in with a password", err)
	}
	return p, d, nil
}

// redirect is the same for all providers that name themselves in their answers, and an own one for each that does not where there
// are several, so that one provider's answer can't be passed for another's (RFC 9700, section 4.4.2).
func (s *Service) redirect(name string, d *discovered) string {
	u := *s.public
	u.Path = CallbackPath
	if len(s.names) > 1 && !d.sendsIssuer {
		u.RawQuery = url.Values{"provider": {name}}.Encode()
	}
	return u.String()
}

// LocalPath checks that a path leads to a page of this server, and nowhere else.
func LocalPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	u, err := url.Parse(path)
	if err != nil || len(path) > mostReturn || path[0] != '/' || u.IsAbs() || u.Host != "" || u.Opaque != "" ||
		strings.HasPrefix(path, "//") || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f }) {
		return "", &model.Error{
			Code: model.CodeInvalid, Field: "return_to", Message: "this is not a path on this server", Remedy: "give a path like /devices",
		}
	}
	return path, nil
}

func errProvider(err error) error {
	return fail(model.CodeUnauthenticated, "the provider's answer was not accepted", "begin the sign-in again", err)
}

// FinishOIDC checks what the browser brought back, and signs in. The path is where to go then.
func (s *Service) FinishOIDC(ctx context.Context, c Client, a OIDCAnswer) (*SignedIn, string, error) {
	ev := event{action: actionSignIn, amr: []string{amrFed}}
	refused := func(reason string, err error) (*SignedIn, string, error) {
		ev.reason = reason
		if aerr := s.addressFailed(ctx, c); aerr != nil {
			return nil, "", aerr
		}
		return nil, "", s.refuse(ctx, c, ev, err)
	}
	if err := s.addressOpen(ctx, c); err != nil { // which does not count once more
		ev.reason = "too many failures from this address"
		return nil, "", s.refuse(ctx, c, ev, err)
	}
	var data oidcData
	if _, err := s.take(ctx, model.TicketOIDC, prefixState, a.State, &data); err != nil {
		return refused("unknown, used or expired state", err)
	}
	ev.changes = map[string]string{"provider": data.Provider}
	if subtle.ConstantTimeCompare([]byte(data.Binding), []byte(digest("oidc binding", a.Binding))) != 1 {
		return refused("another browser began this sign-in", errProvider(nil))
	}
	p, d, err := s.provider(ctx, data.Provider)
	if err != nil {
		return nil, "", err
	}
	if err := rightProvider(p, d, data, a); err != nil {
		return refused("the answer is another provider's", errProvider(err))
	}
	if a.Error != "" || a.Code == "" {
		return refused("the provider refused", errProvider(nil))
	}
	claims, err := s.exchange(ctx, p, d, data, a.Code)
	if err != nil {
		s.log.WarnContext(ctx, "OIDC sign-in refused", "provider", p.Name, "error", err)
		return refused("the ID token was not accepted", errProvider(err))
	}
	account, err := s.linked(ctx, c, p, claims)
	if err != nil {
		return refused("no account: "+string(model.CodeOf(err)), err)
	}
	ev.account = account
	if account.Disabled {
		return refused("the account is disabled", errProvider(nil))
	}
	in, err := s.enter(ctx, c, entry{
		action: actionSignIn, account: account, auth: s.federated(p, claims), changes: ev.changes,
	})
	return in, data.Return, err
}

// rightProvider is the defence against mix-up: the answer must come from the provider that the browser was sent to.
func rightProvider(p *provider, d *discovered, data oidcData, a OIDCAnswer) error {
	if a.Issuer != "" && a.Issuer != p.Issuer || a.Issuer == "" && d.sendsIssuer {
		return errors.New("iss is missing or another provider's (RFC 9207)")
	}
	if own := strings.Contains(data.Redirect, "?"); own && a.Provider != data.Provider || !own && a.Provider != "" {
		return errors.New("the answer came to another provider's address")
	}
	return nil
}
