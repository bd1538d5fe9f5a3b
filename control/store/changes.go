package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// Operations of a change.
const (
	created = "created"
	updated = "updated"
	deleted = "deleted"
)

type changeRow struct {
	bun.BaseModel `bun:"table:changes,alias:t"`
	Seq           int64  `bun:"seq,pk"`
	Time          int64  `bun:"time"`
	Operation     string `bun:"operation"`
	ObjectType    string `bun:"object_type"`
	Object        string `bun:"object"`
	Tenant        string `bun:"tenant"`
}

func changed(operation, objectType, id, tenant string) changeRow {
	return changeRow{Operation: operation, ObjectType: objectType, Object: id, Tenant: tenant}
}

// writeChanges numbers the transaction's changes and writes them, as the last thing before the commit. The row of the
// counter stays locked until then, so numbers become visible in their order and without gaps: who has seen n has seen all
// below. Coming last keeps that lock short and after all others, so that it is in no deadlock.
func (s *Store) writeChanges(ctx context.Context, t *transaction) error {
	n := int64(len(t.changes))
	if n == 0 {
		return nil
	}
	query := "UPDATE counters SET value = value + ? WHERE name = 'changes' RETURNING value"
	if s.kind == KindPostgres { // what is told is told with the commit
		query = "WITH c AS (" + query + ") SELECT value FROM c, pg_notify('" + changesChannel + "', c.value::text)"
	}
	var last int64
	err := t.NewRaw(query, n).Scan(ctx, &last)
	if err != nil {
		return s.fail("number the changes", err)
	}
	now := us(time.Now())
	for i := range t.changes {
		t.changes[i].Seq = last - n + 1 + int64(i)
		t.changes[i].Time = now
	}
	const batch = 500
	for rest := t.changes; len(rest) > 0; {
		part := rest[:min(batch, len(rest))]
		rest = rest[len(part):]
		if _, err := t.NewInsert().Model(&part).Exec(ctx); err != nil {
			return s.fail("note the changes", err)
		}
	}
	return nil
}

// ChangesAfter gives the changes with a number above seq, oldest first, of a tenant or, where it is empty, of all.
func (s *Store) ChangesAfter(ctx context.Context, tenant string, seq int64, limit int) ([]model.Change, error) {
	if limit <= 0 || limit > largestPage {
		limit = largestPage
	}
	var rows []changeRow
	q := s.conn(ctx).NewSelect().Model(&rows).Where("seq > ?", seq).OrderExpr("seq").Limit(limit)
	if tenant != "" {
		q.Where("tenant = ?", tenant)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.fail("read the changes", err)
	}
	out := make([]model.Change, len(rows))
	for i, r := range rows {
		out[i] = model.Change{
			Seq: r.Seq, Time: at(r.Time), Operation: r.Operation, Tenant: r.Tenant,
			Object: model.Ref{Type: r.ObjectType, ID: r.Object},
		}
	}
	return out, nil
}

// LastChange is the number of the newest change, 0 where there was none yet.
func (s *Store) LastChange(ctx context.Context) (int64, error) {
	var n int64
	err := s.conn(ctx).NewRaw("SELECT value FROM counters WHERE name = 'changes'").Scan(ctx, &n)
	return n, s.fail("read the changes", err)
}

// OldestChange is the number of the oldest change that is kept; where none is, that of the next one. A watcher that has
// seen less than the one before it has missed something.
func (s *Store) OldestChange(ctx context.Context) (int64, error) {
	var n int64
	err := s.conn(ctx).NewRaw("SELECT coalesce((SELECT min(seq) FROM changes), value + 1) FROM counters WHERE name = 'changes'").Scan(ctx, &n)
	return n, s.fail("read the changes", err)
}
