package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type tokenRow struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`
	ID            string `bun:"id,pk"`
	User          string `bun:"user_id"`
	Tenant        string `bun:"tenant"`
	Name          string `bun:"name"`
	Prefix        string `bun:"prefix"`
	SecretHash    []byte `bun:"secret_hash"`
	Scopes        string `bun:"scopes"`
	Auth          string `bun:"auth"`
	Created       int64  `bun:"created"`
	Expires       int64  `bun:"expires"`
	LastUsed      int64  `bun:"last_used"`
	Revoked       int64  `bun:"revoked"`
}

func tokenRowOf(x *model.Token) *tokenRow {
	return &tokenRow{
		ID: x.ID, User: x.User, Tenant: x.Tenant, Name: x.Name, Prefix: x.Prefix, SecretHash: blob(x.SecretHash),
		Scopes: list(x.Scopes), Auth: text(x.Auth), Created: us(x.Created), Expires: us(x.Expires), LastUsed: us(x.LastUsed),
		Revoked: us(x.Revoked),
	}
}

func (r *tokenRow) model() (*model.Token, error) {
	scopes, err := stringsOf(r.Scopes)
	if err != nil {
		return nil, err
	}
	auth, err := value[model.Strength](r.Auth)
	return &model.Token{
		ID: r.ID, User: r.User, Tenant: r.Tenant, Name: r.Name, Prefix: r.Prefix, SecretHash: r.SecretHash, Scopes: scopes,
		Auth: auth, Created: at(r.Created), Expires: at(r.Expires), LastUsed: at(r.LastUsed), Revoked: at(r.Revoked),
	}, err
}

func tokens() listing {
	return listing{
		name: "tokens", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "user": {"user_id", isText}, "name": {"name", isText}, "revoked": {"revoked", isSet},
			"created": {"created", isTime}, "expires": {"expires", isTime}, "last_used": {"last_used", isTime},
		},
		keys: []field{{"name", isText}, {"id", isText}},
	}
}

// CreateToken adds an API token.
func (s *Store) CreateToken(ctx context.Context, x *model.Token) error {
	return s.insert(ctx, "token", tokenRowOf(x), changed(created, "Token", x.ID, x.Tenant))
}

// Token finds a token, also one that is over.
func (s *Store) Token(ctx context.Context, id string) (*model.Token, error) {
	return s.token(ctx, id, "id = ?", id)
}

// TokenBySecret finds a token by the hash of its secret, also one that is over.
func (s *Store) TokenBySecret(ctx context.Context, hash []byte) (*model.Token, error) {
	return s.token(ctx, "", "secret_hash = ?", blob(hash))
}

func (s *Store) token(ctx context.Context, id, where string, args ...any) (*model.Token, error) {
	return find(ctx, s, "token", id, (*tokenRow).model, where, args...)
}

// Tokens lists tokens by name.
func (s *Store) Tokens(ctx context.Context, q model.Query) ([]model.Token, string, error) {
	return listed(ctx, s, tokens(), q, func(r *tokenRow) []any { return []any{r.Name, r.ID} }, (*tokenRow).model)
}

// RevokeToken ends a token. One that was revoked before stays as it was, which is no error.
func (s *Store) RevokeToken(ctx context.Context, id string, when time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		x, err := s.Token(ctx, id)
		if err != nil {
			return err
		}
		t := s.transaction(ctx)
		r, err := t.NewRaw("UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = 0", us(when), id).Exec(ctx)
		if err != nil {
			return s.fail("revoke a token", err)
		}
		if n, err := r.RowsAffected(); err == nil && n > 0 {
			t.changes = append(t.changes, changed(updated, "Token", id, x.Tenant))
		}
		return nil
	})
}

// RevokeTokensOf ends all tokens of a user.
func (s *Store) RevokeTokensOf(ctx context.Context, user string, when time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		var rows []tokenRow
		err := t.NewRaw("UPDATE tokens SET revoked = ? WHERE user_id = ? AND revoked = 0 RETURNING id, tenant", us(when), user).Scan(ctx, &rows)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return s.fail("revoke a user's tokens", err)
		}
		for _, r := range rows {
			t.changes = append(t.changes, changed(updated, "Token", r.ID, r.Tenant))
		}
		return nil
	})
}

// TouchToken keeps when a token was used last. It is no change of the token.
func (s *Store) TouchToken(ctx context.Context, id string, when time.Time) error {
	return s.change(ctx, "token", func(db bun.IDB) error {
		r, err := db.NewRaw("UPDATE tokens SET last_used = ? WHERE id = ?", us(when), id).Exec(ctx)
		return touched(r, err, notFound("token", id))
	})
}
