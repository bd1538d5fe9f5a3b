package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type factorRow struct {
	bun.BaseModel `bun:"table:factors,alias:t"`
	ID            string `bun:"id,pk"`
	User          string `bun:"user_id"`
	Kind          string `bun:"kind"`
	Name          string `bun:"name"`
	Data          []byte `bun:"data"`
	Created       int64  `bun:"created"`
	LastUsed      int64  `bun:"last_used"`
	Counter       int64  `bun:"counter"`
}

func factorRowOf(f *model.Factor) *factorRow {
	return &factorRow{
		ID: f.ID, User: f.User, Kind: string(f.Kind), Name: f.Name, Data: blob(f.Data), Created: us(f.Created),
		LastUsed: us(f.LastUsed), Counter: f.Counter,
	}
}

func (r *factorRow) model() (*model.Factor, error) {
	return &model.Factor{
		ID: r.ID, User: r.User, Kind: model.FactorKind(r.Kind), Name: r.Name, Data: r.Data, Created: at(r.Created),
		LastUsed: at(r.LastUsed), Counter: r.Counter,
	}, nil
}

// CreateFactor adds a factor to a user.
func (s *Store) CreateFactor(ctx context.Context, f *model.Factor) error {
	return s.insert(ctx, "factor", factorRowOf(f))
}

// Factor finds a factor.
func (s *Store) Factor(ctx context.Context, id string) (*model.Factor, error) {
	return find(ctx, s, "factor", id, (*factorRow).model, "id = ?", id)
}

// FactorsOf are a user's factors, in the order in which they were made.
func (s *Store) FactorsOf(ctx context.Context, user string) ([]model.Factor, error) {
	var rows []factorRow
	if err := s.all(ctx, "factors", &rows, "created, id", "user_id = ?", user); err != nil {
		return nil, err
	}
	return convert(rows, (*factorRow).model)
}

// FactorsOfAll are the factors of several users, by user, in the order in which they were made.
func (s *Store) FactorsOfAll(ctx context.Context, users []string) (map[string][]model.Factor, error) {
	out := make(map[string][]model.Factor, len(users))
	for part := range slices.Chunk(users, usersAtOnce) {
		var rows []factorRow
		if err := s.all(ctx, "factors", &rows, "created, id", "user_id IN (?)", bun.List(part)); err != nil {
			return nil, err
		}
		for i := range rows {
			f, err := rows[i].model()
			if err != nil {
				return nil, err
			}
			out[f.User] = append(out[f.User], *f)
		}
	}
	return out, nil
}

// usersAtOnce keeps what a user may have, times this, below mostRows.
const usersAtOnce = 100

// UpdateFactor changes a factor whose counter is still was: of two that use the same code at once, one wins.
func (s *Store) UpdateFactor(ctx context.Context, f *model.Factor, was int64) error {
	row := factorRowOf(f)
	return s.change(ctx, "factor", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(row).Column("name", "data", "last_used", "counter").
			Where("id = ? AND counter = ?", f.ID, was).Exec(ctx)
		return s.orConflict(ctx, db, r, err, row, "factor", f.ID)
	})
}

// DeleteFactor removes a factor.
func (s *Store) DeleteFactor(ctx context.Context, id string) error {
	return s.change(ctx, "factor", func(db bun.IDB) error {
		r, err := db.NewDelete().Model((*factorRow)(nil)).Where("id = ?", id).Exec(ctx)
		return touched(r, err, notFound("factor", id))
	})
}
