package authn

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bulkhead-security/bulkhead/model"
)

// claims are what the provider says of the person.
type claims struct {
	Subject  string
	Username string
	Groups   []string
	ACR      string
	AMR      []string
	AuthTime time.Time
	Name     string
	Email    string
}

// exchange gets the ID token for the code, and checks it: signature, issuer, audience and expiry by the library, nonce, age and
// authorised party here.
func (s *Service) exchange(ctx context.Context, p *provider, d *discovered, data oidcData, code string) (*claims, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), providerTimeout)
	defer cancel()
	token, err := p.oauth(d, data.Redirect).Exchange(ctx, code, oauth2.VerifierOption(data.Verifier))
	if err != nil {
		return nil, safe(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("there is no ID token")
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(data.Nonce)) != 1 {
		return nil, errors.New("the nonce is another one")
	}
	if age := s.now().Sub(id.IssuedAt); age > mostTokenAge || age < -clockSkew {
		return nil, fmt.Errorf("the ID token was issued %s ago", age.Round(time.Second))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, err
		}
	}
	all := map[string]any{}
	if err := id.Claims(&all); err != nil {
		return nil, err
	}
	if azp, _ := all["azp"].(string); azp != p.ClientID && (azp != "" || len(id.Audience) > 1) {
		return nil, errors.New("the ID token was issued to another client")
	}
	if err := s.userInfo(ctx, p, d, token, id.Subject, all); err != nil {
		return nil, err
	}
	c := p.claims(id.Subject, all)
	// auth_time is required where max_age was asked for (OpenID Connect Core 1.0, section 2).
	if data.Asked > 0 && c.AuthTime.Before(time.Unix(data.Asked, 0).Add(-clockSkew)) {
		return nil, errors.New("the person was not asked again: auth_time is missing or too old")
	}
	return c, nil
}

// safe keeps what a token endpoint says out of the log, except the error's name.
func safe(err error) error {
	var r *oauth2.RetrieveError
	if errors.As(err, &r) {
		return fmt.Errorf("the token endpoint refused the code: %q", r.ErrorCode)
	}
	return err
}

// userInfo adds claims that the provider keeps out of its ID tokens. Those of the ID token win.
func (s *Service) userInfo(ctx context.Context, p *provider, d *discovered, token *oauth2.Token, subject string, all map[string]any) error {
	_, hasName := all[p.usernameClaim()]
	_, hasGroups := all[p.GroupsClaim]
	if hasName && (hasGroups || p.GroupsClaim == "") || d.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	if info.Subject != subject {
		return errors.New("the user info is of somebody else")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return err
	}
	for _, claim := range []string{p.usernameClaim(), p.GroupsClaim, "name", "email"} {
		if _, has := all[claim]; !has && claim != "" {
			all[claim] = more[claim]
		}
	}
	return nil
}

func (p *provider) usernameClaim() string {
	if p.UsernameClaim == "" {
		return "preferred_username"
	}
	return p.UsernameClaim
}

func (p *provider) claims(subject string, all map[string]any) *claims {
	text := func(name string) string { v, _ := all[name].(string); return v }
	out := &claims{
		Subject: subject, Username: text(p.usernameClaim()), ACR: text("acr"), AMR: list(all["amr"]),
		Name: cut(text("name"), 100), Email: cut(text("email"), 254),
	}
	if p.GroupsClaim != "" {
		out.Groups = list(all[p.GroupsClaim])
	}
	if t, ok := all["auth_time"].(float64); ok && t > 0 && t < 1<<40 {
		out.AuthTime = time.Unix(int64(t), 0)
	}
	return out
}

func list(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok && len(out) < 1000 {
				out = append(out, s)
			}
		}
	}
	return out
}

// federated is how strong the provider says the sign-in was. Only values that the settings name count as a second factor, and
// it is fresh only as long as the provider says when it was shown.
func (s *Service) federated(p *provider, c *claims) model.Strength {
	now := s.now()
	auth := model.Strength{AMR: []string{amrFed}, Time: now}
	said := append(slices.Clone(c.AMR), c.ACR)
	counts := func(values []string) bool {
		return slices.ContainsFunc(said, func(v string) bool { return v != "" && slices.Contains(values, v) })
	}
	auth.PhishingResistant = counts(p.MFAResistant)
	if auth.MFA = auth.PhishingResistant || counts(p.MFA); auth.MFA {
		auth.AMR = append(auth.AMR, amrMFA)
		if auth.FactorTime = c.AuthTime; c.AuthTime.After(now) { // its clock is a little ahead, or wrong
			auth.FactorTime = time.Time{}
			if c.AuthTime.Sub(now) <= clockSkew {
				auth.FactorTime = now
			}
		}
	}
	return auth
}
