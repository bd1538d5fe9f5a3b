package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// mostScanned bounds how many records of the index one scan looks at.
const mostScanned = 100_000

// recordKey is a place in the order of the index.
type recordKey struct {
	bun.BaseModel `bun:"table:records,alias:t"`
	Time          int64  `bun:"time"`
	Origin        string `bun:"origin"`
	Place         int64  `bun:"place"`
}

func (k *recordKey) keys() []any { return []any{k.Time, k.Origin, k.Place} }

// ScanRecords looks through a part of the index of records, of at most sc.Most of them, and gives those that match, at most sc.Size. The
// part ends where an index alone finds its end, so that no more is read than that, however few match. The events are left out.
func (s *Store) ScanRecords(ctx context.Context, sc model.RecordScan) (model.RecordsScanned, error) {
	switch {
	case sc.Most < 1 || sc.Most > mostScanned:
		return model.RecordsScanned{}, invalid("page", "between 1 and %d records are looked at together", mostScanned)
	case sc.Size < 1 || sc.Size > largestPage:
		return model.RecordsScanned{}, invalid("page_size", "a part has between 1 and %d records", largestPage)
	case len(sc.Actions) == 0:
		return model.RecordsScanned{}, invalid("filter", "no actions are looked for")
	}
	c := scanning{s: s, l: records(), sc: sc}
	c.l.name = "records, looked through: " + text([]any{sc.Log, sc.Actions, sc.Any, sc.Refusals}) // so that a token belongs to this question
	if err := c.findEnd(ctx); err != nil {
		return model.RecordsScanned{}, err
	}
	rows, err := c.read(ctx)
	if err != nil {
		return model.RecordsScanned{}, err
	}
	out, err := c.told(ctx)
	if err != nil {
		return out, err
	}
	out.Records, err = convert(rows, (*recordRow).model)
	return out, err
}

// scanning is one scan. It ends at end, or with the index where that is nil.
type scanning struct {
	s   *Store
	l   listing
	sc  model.RecordScan
	end *recordKey
}

// part bounds a selection to what is behind the token, and not behind the end.
func (c *scanning) part(sel *bun.SelectQuery) error {
	q := c.sc.Query
	q.Where = nil
	if c.sc.Refusals {
		sel.Where(refusals(c.s.kind))
		if c.s.kind == KindSQLite { // it knows nothing of how many rows there are, and would take an index of something else
			index := "records_refusals"
			if q.Tenant != "" {
				index = "records_refusals_of"
			}
			sel.ModelTableExpr("records AS t INDEXED BY " + index)
		}
	}
	switch log := c.sc.Log; { // an expression, so that no index by origin is taken, and all of a log sorted
	case strings.HasSuffix(log, "/"):
		sel.Where("origin || '' >= ?", log).Where("origin || '' < ?", log+"\U0010ffff")
	case log != "":
		sel.Where("origin || '' = ?", log)
	}
	if c.end != nil {
		upTo := ">="
		if c.sc.Oldest {
			upTo = "<="
		}
		sel.Where("(time, origin, place) "+upTo+" (?, ?, ?)", c.end.keys()...)
	}
	return errors.Join(c.l.where(sel, q), c.l.order(sel, c.sc.Query))
}

// picked bounds it to what is looked for, but for the alternatives.
func (c *scanning) picked(sel *bun.SelectQuery) error {
	sel.Where("action IN (?)", bun.List(c.sc.Actions))
	return errors.Join(c.part(sel), c.l.where(sel, model.Query{Where: c.sc.Where}))
}

func (c *scanning) findEnd(ctx context.Context) error {
	var end recordKey
	sel := c.s.conn(ctx).NewSelect().Model(&end).Offset(c.sc.Most - 1).Limit(1)
	if err := c.part(sel); err != nil {
		return err
	}
	err := sel.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	c.end = &end
	return c.s.fail("look through records", err)
}

// read gives what matches. Where there is more than is asked for, the part ends there.
func (c *scanning) read(ctx context.Context) ([]recordRow, error) {
	var rows []recordRow
	sel := c.s.conn(ctx).NewSelect().Model(&rows).ExcludeColumn("event").Limit(c.sc.Size + 1)
	if err := c.picked(sel); err != nil {
		return nil, err
	}
	c.s.matching(sel, c.sc.Any)
	if err := sel.Scan(ctx); err != nil {
		return nil, c.s.fail("look through records", err)
	}
	if len(rows) > c.sc.Size {
		rows = rows[:c.sc.Size]
		last := &rows[c.sc.Size-1]
		c.end = &recordKey{Time: last.Time, Origin: last.Origin, Place: last.Place}
	}
	return rows, nil
}

// told is how far it came.
func (c *scanning) told(ctx context.Context) (out model.RecordsScanned, err error) {
	if c.end != nil {
		out.Next, out.Until = c.l.token(c.sc.Query, c.end.keys()), at(c.end.Time)
	}
	out.Seen, err = c.count(ctx)
	return out, err
}

func (c *scanning) count(ctx context.Context) (n int64, err error) {
	sel := c.s.conn(ctx).NewSelect().Model((*recordKey)(nil)).ColumnExpr("time")
	if err := c.part(sel); err != nil {
		return 0, err
	}
	err = c.s.conn(ctx).NewSelect().ColumnExpr("count(*)").TableExpr("(?) AS part", sel).Scan(ctx, &n)
	return n, c.s.fail("count records", err)
}

// CountRecords counts the records of some actions but for those of failures, in a log, or in all logs whose names begin so, in a tenant and
// a time.
func (s *Store) CountRecords(ctx context.Context, log string, actions []string, q model.Query) (int64, error) {
	c := scanning{s: s, l: records(), sc: model.RecordScan{Log: log, Query: model.Query{Tenant: q.Tenant, Since: q.Since, Until: q.Until}}}
	sel := s.conn(ctx).NewSelect().Model((*recordKey)(nil)).ColumnExpr("time").Where("action IN (?)", bun.List(actions)).
		Where("outcome <> ?", string(model.OutcomeFailed))
	if err := c.part(sel); err != nil {
		return 0, err
	}
	var n int64
	err := s.conn(ctx).NewSelect().ColumnExpr("count(*)").TableExpr("(?) AS part", sel).Scan(ctx, &n)
	return n, s.fail("count records", err)
}

// matching adds the alternatives.
func (s *Store) matching(sel *bun.SelectQuery, of []model.RecordMatch) {
	if len(of) == 0 {
		return
	}
	inside := "instr(record, ?) > 0"
	if s.kind == KindPostgres {
		inside = "strpos(record, ?) > 0"
	}
	sel.WhereGroup(" AND ", func(sel *bun.SelectQuery) *bun.SelectQuery {
		for _, m := range of {
			conditions, args := []string{"1 = 1"}, []any{}
			if m.Outcome != "" {
				conditions, args = append(conditions, "outcome = ?"), append(args, string(m.Outcome))
			}
			if len(m.Actions) > 0 {
				conditions, args = append(conditions, "action IN (?)"), append(args, bun.List(m.Actions))
			}
			if m.Text != "" { // the dearest comes last
				conditions, args = append(conditions, inside), append(args, m.Text)
			}
			sel.WhereOr("("+strings.Join(conditions, " AND ")+")", args...)
		}
		return sel
	})
}
