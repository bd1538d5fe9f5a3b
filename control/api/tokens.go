package api

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TokenMaker makes API tokens.
type TokenMaker interface {
	CreateToken(ctx context.Context, user, name string, scopes []string, days int, by model.Principal) (*model.Token, string, error)
}

// TokenStore keeps API tokens.
type TokenStore interface {
	Tokens(ctx context.Context, q model.Query) ([]model.Token, string, error)
	RevokeToken(ctx context.Context, id string, at time.Time) error
	Account(ctx context.Context, id string) (*model.Account, error)
}

// ScopeKnower knows what a token can be narrowed to. authz.Schema does.
type ScopeKnower interface {
	HasScope(scope string) bool
	NearestScope(scope string) string
}

// Tokens implements TokenService.
type Tokens struct {
	Maker     TokenMaker
	Store     TokenStore
	Directory Directory
	Scopes    ScopeKnower
	Names     PolicyNames
	Now       func() time.Time
}

const defaultTokenDays = 30

// CreateToken implements TokenService. A token for somebody else must not have more rights than the caller could hand out.
func (s *Tokens) CreateToken(ctx context.Context, r *bulkheadv1.CreateTokenRequest) (*bulkheadv1.CreateTokenResponse, error) {
	if err := s.known(r.GetScopes()); err != nil {
		return nil, err
	}
	p := gate.Caller(ctx)
	user := r.GetUser()
	if user == "" {
		user = p.ID
	}
	if user != p.ID {
		a, err := s.Store.Account(ctx, user)
		if err != nil {
			return nil, err
		}
		has, err := rightsOf(ctx, s.Directory, a)
		if err != nil {
			return nil, err
		}
		if err := mayTakeOver(ctx, s.Names, a, has, "user"); err != nil {
			return nil, err
		}
	}
	days := int(r.GetDays())
	if days == 0 {
		days = defaultTokenDays
	}
	t, secret, err := s.Maker.CreateToken(ctx, user, r.GetName(), r.GetScopes(), days, p)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.CreateTokenResponse{Token: tokenOut(t), Secret: secret}, nil
}

// known refuses scopes that would never let anything through.
func (s *Tokens) known(scopes []string) error {
	for i, scope := range scopes {
		if s.Scopes.HasScope(scope) {
			continue
		}
		remedy := "`bulkhead policy schema` lists the actions and their groups"
		if near := s.Scopes.NearestScope(scope); near != "" {
			remedy = "Did you mean " + near + "? " + remedy
		}
		return &model.Error{
			Code: model.CodeInvalid, Field: fmt.Sprintf("scopes[%d]", i), Remedy: remedy + ".",
			Message: fmt.Sprintf("scopes[%d]: %q is no action and no group of actions", i, scope),
		}
	}
	return nil
}

// ListTokens implements TokenService.
func (s *Tokens) ListTokens(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListTokensResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "user", "name", "revoked"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	tokens, next, err := s.Store.Tokens(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListTokensResponse{NextPage: next}
	for i := range tokens {
		out.Tokens = append(out.Tokens, tokenOut(&tokens[i]))
	}
	return out, gate.MaskAll(out.GetTokens(), r.GetPage().GetReadMask())
}

// RevokeToken implements TokenService.
func (s *Tokens) RevokeToken(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, s.Store.RevokeToken(ctx, r.GetId(), s.Now())
}
