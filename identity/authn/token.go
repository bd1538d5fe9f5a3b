package authn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	day           = 24 * time.Hour
	tokenPrefix   = 12 // characters of a token that are kept to recognise it by
	mostScopes    = 64
	mostScopeSize = 128
)

// CreateToken makes an API token for a user, with the strength of the session that asks and never a fresh factor. The secret is
// given once. A token can't make tokens, and nobody makes one with roles that they lack, except administrators.
func (s *Service) CreateToken(ctx context.Context, user, name string, scopes []string, days int, by model.Principal) (*model.Token, string, error) {
	if by.Credential.Type != "Session" {
		return nil, "", fail(model.CodeDenied, "only a signed-in person can make tokens", "sign in and make it there", nil)
	}
	if by.Auth.Pending {
		return nil, "", errShowFactor()
	}
	if err := s.checkToken(name, scopes, days); err != nil {
		return nil, "", err
	}
	account, err := s.store.Account(ctx, user)
	if err != nil {
		return nil, "", coded(err, "reading the account")
	}
	auth := by.Auth
	auth.FactorTime = time.Time{}
	owner, err := s.principal(ctx, account, model.Ref{}, auth)
	if err != nil {
		return nil, "", fail(model.CodeConflict, "the account is disabled", "enable it first", err)
	}
	if user != by.ID && !administrates(by) {
		for _, role := range owner.Roles {
			if !slices.Contains(by.Roles, role) {
				return nil, "", fail(model.CodeDenied, "the user has the role "+role+", which you have not",
					"let the user make the token", nil)
			}
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", coded(err, "making an id")
	}
	secret, now := newSecret(prefixToken), s.now()
	hash, _ := secretHash(secret, prefixToken)
	token := &model.Token{
		ID: id.String(), User: account.ID, Tenant: account.Tenant, Name: name, Prefix: secret[:tokenPrefix], SecretHash: hash,
		Scopes: slices.Clone(scopes), Auth: auth, Created: now, Expires: now.Add(time.Duration(days) * day),
	}
	if err := s.store.CreateToken(ctx, token); err != nil {
		return nil, "", coded(err, "keeping the token")
	}
	return token, secret, nil
}

func (s *Service) checkToken(name string, scopes []string, days int) error {
	invalid := func(field, message, remedy string) error {
		return &model.Error{Code: model.CodeInvalid, Field: field, Message: message, Remedy: remedy}
	}
	if name == "" || len(name) > 100 {
		return invalid("name", "a token needs a name of at most 100 bytes", "say what it is for")
	}
	if days < 1 || days > s.settings.TokenDays {
		return invalid("days", fmt.Sprintf("a token lasts between 1 and %d days", s.settings.TokenDays), "give days in that range")
	}
	if len(scopes) == 0 || len(scopes) > mostScopes {
		return invalid("scopes", fmt.Sprintf("a token needs between 1 and %d scopes", mostScopes), "name the actions it is for")
	}
	for _, scope := range scopes {
		if scope == "" || len(scope) > mostScopeSize {
			return invalid("scopes", "a scope is empty or too long", "name an action or a group of actions")
		}
	}
	return nil
}

// RevokeToken ends a token; the next call with it is refused.
func (s *Service) RevokeToken(ctx context.Context, id string) error {
	return coded(s.store.RevokeToken(ctx, id, s.now()), "revoking the token")
}
