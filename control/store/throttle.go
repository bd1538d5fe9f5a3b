package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type throttleRow struct {
	bun.BaseModel `bun:"table:throttles,alias:t"`
	ID            string `bun:"id,pk"`
	Failures      int    `bun:"failures"`
	Last          int64  `bun:"last"`
}

// Failures says how often in a row something failed, and when last.
func (s *Store) Failures(ctx context.Context, key string) (int, time.Time, error) {
	var r throttleRow
	err := s.one(ctx, "throttle", "", &r, "id = ?", key)
	if model.CodeOf(err) == model.CodeNotFound {
		return 0, time.Time{}, nil
	}
	return r.Failures, at(r.Last), err
}

// AddFailure counts a failure and gives the count with it. Each of several at once gets another count.
func (s *Store) AddFailure(ctx context.Context, key string, now time.Time) (int, error) {
	var n int
	err := s.change(ctx, "throttle", func(db bun.IDB) error {
		return db.NewRaw(`INSERT INTO throttles AS t (id, failures, last) VALUES (?, 1, ?)
			ON CONFLICT (id) DO UPDATE SET failures = t.failures + 1, last = EXCLUDED.last RETURNING failures`, key, us(now)).Scan(ctx, &n)
	})
	return n, err
}

// ClearFailures begins to count anew.
func (s *Store) ClearFailures(ctx context.Context, key string) error {
	return s.change(ctx, "throttle", func(db bun.IDB) error {
		_, err := db.NewDelete().Model((*throttleRow)(nil)).Where("id = ?", key).Exec(ctx)
		return err
	})
}
