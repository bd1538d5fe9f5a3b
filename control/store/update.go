package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
)

// update writes columns of a row whose version is still *version, and counts it up. columns leave out what never changes
// or changes on its own, such as the time of the last sign-in.
func (s *Store) update(
	ctx context.Context, what, id string, version *int64, row func(version int64) any, columns []string, changes ...changeRow,
) error {
	was := *version
	r := row(was + 1)
	err := s.change(ctx, what, func(db bun.IDB) error {
		res, err := db.NewUpdate().Model(r).Column(append(columns, "version")...).Where("id = ? AND version = ?", id, was).Exec(ctx)
		return s.orConflict(ctx, db, res, err, r, what, id)
	}, changes...)
	if err == nil {
		*version = was + 1
	}
	return err
}

// orConflict tells why a conditional update met no row: it is gone, or it is another by now.
func (s *Store) orConflict(ctx context.Context, db bun.IDB, r sql.Result, err error, row any, what, id string) error {
	return s.orElse(ctx, db, r, err, row, what, id, conflict(what))
}

// orElse tells why a conditional update met no row: it is gone, or otherwise says it.
func (s *Store) orElse(
	ctx context.Context, db bun.IDB, r sql.Result, err error, row any, what, id string, otherwise error,
) error {
	lost := errors.New("no row")
	err = touched(r, err, lost)
	if !errors.Is(err, lost) {
		return err
	}
	there, err := db.NewSelect().Model(row).Where("id = ?", id).Exists(ctx)
	if err != nil {
		return err
	}
	if !there {
		return notFound(what, id)
	}
	return otherwise
}
