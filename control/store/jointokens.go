package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type joinTokenRow struct {
	bun.BaseModel `bun:"table:join_tokens,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Name          string `bun:"name"`
	SecretHash    []byte `bun:"secret_hash"`
	Pool          string `bun:"pool"`
	Labels        string `bun:"labels"`
	Sensitivity   string `bun:"sensitivity"`
	Replaces      string `bun:"replaces"`
	Creator       string `bun:"creator"`
	Created       int64  `bun:"created"`
	Expires       int64  `bun:"expires"`
	Used          int64  `bun:"used"`
	UsedBy        string `bun:"used_by"`
	Revoked       int64  `bun:"revoked"`
}

func joinTokenRowOf(x *model.JoinToken) *joinTokenRow {
	return &joinTokenRow{
		ID: x.ID, Tenant: x.Tenant, Name: x.Name, SecretHash: blob(x.SecretHash), Pool: x.Pool, Labels: labels(x.Labels),
		Sensitivity: x.Sensitivity, Replaces: x.Replaces, Creator: x.Creator, Created: us(x.Created), Expires: us(x.Expires),
		Used: us(x.Used), UsedBy: x.UsedBy, Revoked: us(x.Revoked),
	}
}

func (r *joinTokenRow) model() (*model.JoinToken, error) {
	labels, err := labelsOf(r.Labels)
	return &model.JoinToken{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, SecretHash: r.SecretHash, Pool: r.Pool, Labels: labels, Sensitivity: r.Sensitivity,
		Replaces: r.Replaces, Creator: r.Creator, Created: at(r.Created), Expires: at(r.Expires), Used: at(r.Used), UsedBy: r.UsedBy,
		Revoked: at(r.Revoked),
	}, err
}

func joinTokens() listing {
	return listing{
		name: "join tokens", tenant: "tenant", time: "created", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "name": {"name", isText}, "pool": {"pool", isText}, "used": {"used", isSet}, "revoked": {"revoked", isSet},
			"created": {"created", isTime}, "expires": {"expires", isTime},
		},
		keys: []field{{"created", isInt}, {"id", isText}},
	}
}

// CreateJoinToken adds a join token.
func (s *Store) CreateJoinToken(ctx context.Context, x *model.JoinToken) error {
	return s.insert(ctx, "join token", joinTokenRowOf(x), changed(created, "JoinToken", x.ID, x.Tenant))
}

// JoinToken finds a join token, also one that is over.
func (s *Store) JoinToken(ctx context.Context, id string) (*model.JoinToken, error) {
	return s.joinToken(ctx, id, "id = ?", id)
}

// JoinTokenBySecret finds a join token by the hash of its secret, also one that is over.
func (s *Store) JoinTokenBySecret(ctx context.Context, hash []byte) (*model.JoinToken, error) {
	return s.joinToken(ctx, "", "secret_hash = ?", blob(hash))
}

func (s *Store) joinToken(ctx context.Context, id, where string, args ...any) (*model.JoinToken, error) {
	return find(ctx, s, "join token", id, (*joinTokenRow).model, where, args...)
}

// JoinTokens lists join tokens, newest first.
func (s *Store) JoinTokens(ctx context.Context, q model.Query) ([]model.JoinToken, string, error) {
	return listed(ctx, s, joinTokens(), q, func(r *joinTokenRow) []any { return []any{r.Created, r.ID} }, (*joinTokenRow).model)
}

// RevokeJoinToken ends a join token. One that was revoked before stays as it was, which is no error.
func (s *Store) RevokeJoinToken(ctx context.Context, id string, when time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		x, err := s.JoinToken(ctx, id)
		if err != nil {
			return err
		}
		t := s.transaction(ctx)
		r, err := t.NewRaw("UPDATE join_tokens SET revoked = ? WHERE id = ? AND revoked = 0", mark(when), id).Exec(ctx)
		if err != nil {
			return s.fail("revoke a join token", err)
		}
		if n, err := r.RowsAffected(); err == nil && n > 0 {
			t.changes = append(t.changes, changed(updated, "JoinToken", id, x.Tenant))
		}
		return nil
	})
}

// UseJoinToken spends a join token for a node: of several that use it at once, one does.
func (s *Store) UseJoinToken(ctx context.Context, id, node string, when time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		r, err := t.NewRaw("UPDATE join_tokens SET used = ?0, used_by = ?1 WHERE id = ?2 AND used = 0 AND revoked = 0 AND expires > ?0",
			mark(when), node, id).Exec(ctx)
		if err != nil {
			return s.fail("use a join token", err)
		}
		n, err := r.RowsAffected()
		if err != nil {
			return s.fail("use a join token", err)
		}
		x, err := s.JoinToken(ctx, id)
		switch {
		case err != nil:
			return err
		case n > 0:
			t.changes = append(t.changes, changed(updated, "JoinToken", id, x.Tenant))
			return nil
		case !x.Used.IsZero():
			return &model.Error{Code: model.CodeConflict, Message: "this join token was used", Remedy: "Ask for a new one."}
		}
		return &model.Error{Code: model.CodeExpired, Message: "this join token is over", Remedy: "Ask for a new one."}
	})
}
