package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// Columns have three types only, so that both databases and backups keep the same: text, whole numbers and bytes. Times
// are microseconds since 1970 in UTC, 0 for none; lists and maps are JSON; nothing is NULL.

// us is a time as it is stored.
func us(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// mark is a time whose presence says that something happened: it is never 0.
func mark(t time.Time) int64 {
	if t.IsZero() {
		t = time.Now()
	}
	return us(t)
}

// at is a stored time.
func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// text is a value as JSON. Only values that JSON can hold come here.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// list is a list as JSON, never null.
func list(v []string) string {
	if v == nil {
		return "[]"
	}
	return text(v)
}

// value reads JSON of an own column; empty lists come back as nil.
func value[T any](s string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return v, &model.Error{Code: model.CodeInternal, Message: "a stored value can't be read", Err: err}
	}
	return v, nil
}

func stringsOf(s string) ([]string, error) {
	v, err := value[[]string](s)
	if len(v) == 0 {
		return nil, err
	}
	return v, err
}

// labels are a map as JSON, never null.
func labels(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	return text(m)
}

func labelsOf(s string) (map[string]string, error) {
	m, err := value[map[string]string](s)
	if len(m) == 0 {
		return nil, err
	}
	return m, err
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// number is an unsigned one that the database can hold.
func number(field string, n uint64) (int64, error) {
	if n > math.MaxInt64 {
		return 0, invalid(field, "%s is %d, more than the store can hold", field, n)
	}
	return int64(n), nil
}

// one reads a single row into row, a pointer to a struct.
func (s *Store) one(ctx context.Context, what, id string, row any, where string, args ...any) error {
	err := s.conn(ctx).NewSelect().Model(row).Where(where, args...).Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(what, id)
	}
	return s.fail("read a "+what, err)
}

// find reads one row as what it stands for.
func find[R, M any](ctx context.Context, s *Store, what, id string, model func(*R) (*M, error), where string, args ...any) (*M, error) {
	var r R
	if err := s.one(ctx, what, id, &r, where, args...); err != nil {
		return nil, err
	}
	return model(&r)
}

// all reads rows into a pointer to a slice, at most as many as a caller may hold in memory.
func (s *Store) all(ctx context.Context, what string, rows any, order string, where string, args ...any) error {
	err := s.conn(ctx).NewSelect().Model(rows).Where(where, args...).OrderExpr(order).Limit(mostRows).Scan(ctx)
	return s.fail("read "+what, err)
}

const mostRows = 10000

// insert adds a row and notes the changes, in one transaction.
func (s *Store) insert(ctx context.Context, what string, row any, changes ...changeRow) error {
	return s.change(ctx, what, func(db bun.IDB) error {
		_, err := db.NewInsert().Model(row).Exec(ctx)
		return err
	}, changes...)
}

// change runs a statement and notes the changes, in one transaction.
func (s *Store) change(ctx context.Context, what string, f func(bun.IDB) error, changes ...changeRow) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		if err := f(t.Tx); err != nil {
			return s.fail("change a "+what, err)
		}
		t.changes = append(t.changes, changes...)
		return nil
	})
}

// touched makes an error of a statement that changed no row.
func touched(r sql.Result, err error, otherwise error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return otherwise
	}
	return nil
}

// convert turns rows into nouns.
func convert[R, M any](rows []R, f func(*R) (*M, error)) ([]M, error) {
	out := make([]M, 0, len(rows))
	for i := range rows {
		m, err := f(&rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, *m)
	}
	return slices.Clip(out), nil
}
