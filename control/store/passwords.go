package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type passwordRow struct {
	bun.BaseModel `bun:"table:passwords,alias:t"`
	User          string `bun:"user_id,pk"`
	Hash          string `bun:"hash"`
	Changed       int64  `bun:"changed"`
}

// SetPassword keeps a user's password hash in place of the one before.
func (s *Store) SetPassword(ctx context.Context, p *model.Password) error {
	return s.change(ctx, "password", func(db bun.IDB) error {
		_, err := db.NewInsert().Model(&passwordRow{User: p.User, Hash: p.Hash, Changed: us(p.Changed)}).
			On("CONFLICT (user_id) DO UPDATE").Set("hash = EXCLUDED.hash").Set("changed = EXCLUDED.changed").Exec(ctx)
		return err
	})
}

// Password finds a user's password hash.
func (s *Store) Password(ctx context.Context, user string) (*model.Password, error) {
	var r passwordRow
	if err := s.one(ctx, "password of user", user, &r, "user_id = ?", user); err != nil {
		return nil, err
	}
	return &model.Password{User: r.User, Hash: r.Hash, Changed: at(r.Changed)}, nil
}
