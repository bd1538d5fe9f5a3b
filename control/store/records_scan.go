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
	out := model.RecordsScanned{}
	switch {
	case sc.Most < 1 || sc.Most > mostScanned:
		return out, invalid("page", "between 1 and %d records are looked at together", mostScanned)
	case sc.Size < 1 || sc.Size > largestPage:
		return out, invalid("page_size", "a part has between 1 and %d records", largestPage)
	case len(sc.Actions) == 0:
		return out, invalid("filter", "no actions are looked for")
	}
	l := records()
	l.name = "records, looked through: " + text([]any{sc.Log, sc.Actions, sc.Any}) // so that a token belongs to this question
	part, err := s.partOf(ctx, l, sc, &out)
	if err != nil || out.Seen == 0 {
		return out, err
	}
	var rows []recordRow
	sel := s.conn(ctx).NewSelect().Model(&rows).ExcludeColumn("event").Limit(sc.Size + 1)
	if err := l.order(sel, sc.Query); err != nil {
		return out, err
	}
	if err := part(sel); err != nil {
		return out, err
	}
	s.matching(sel, sc.Any)
	if err := sel.Scan(ctx); err != nil {
		return out, s.fail("look through records", err)
	}
	if len(rows) > sc.Size { // the next part begins behind the last one that is given
		rows = rows[:sc.Size]
		last := rows[sc.Size-1]
		end := recordKey{Time: last.Time, Origin: last.Origin, Place: last.Place}
		out.Next, out.Until = l.token(sc.Query, end.keys()), at(end.Time)
	}
	out.Records, err = convert(rows, (*recordRow).model)
	return out, err
}

// partOf finds the end of the part that is looked at, in an index alone, and gives the condition that bounds it.
func (s *Store) partOf(ctx context.Context, l listing, sc model.RecordScan, out *model.RecordsScanned) (func(*bun.SelectQuery) error, error) {
	in := func(sel *bun.SelectQuery) error {
		q := sc.Query
		q.Where = nil
		if err := l.where(sel, q); err != nil {
			return err
		}
		switch { // an expression, so that no index by origin is taken, and all of a log sorted
		case strings.HasSuffix(sc.Log, "/"):
			sel.Where("origin || '' >= ?", sc.Log).Where("origin || '' < ?", sc.Log+"\U0010ffff")
		case sc.Log != "":
			sel.Where("origin || '' = ?", sc.Log)
		}
		return nil
	}
	var end recordKey
	sel := s.conn(ctx).NewSelect().Model(&end).Offset(sc.Most - 1).Limit(1)
	if err := errors.Join(in(sel), l.order(sel, sc.Query)); err != nil {
		return nil, err
	}
	err := sel.Scan(ctx)
	whole := errors.Is(err, sql.ErrNoRows)
	if err != nil && !whole {
		return nil, s.fail("look through records", err)
	}
	bounded := func(sel *bun.SelectQuery) error {
		if err := in(sel); err != nil {
			return err
		}
		if !whole {
			after := ">="
			if sc.Oldest {
				after = "<="
			}
			sel.Where("(time, origin, place) "+after+" (?, ?, ?)", end.keys()...)
		}
		return nil
	}
	if out.Seen = int64(sc.Most); whole {
		if out.Seen, err = s.countPart(ctx, l, sc, bounded); err != nil {
			return nil, err
		}
	} else {
		out.Next, out.Until = l.token(sc.Query, end.keys()), at(end.Time)
	}
	full := func(sel *bun.SelectQuery) error {
		sel.Where("action IN (?)", bun.List(sc.Actions))
		return errors.Join(bounded(sel), l.where(sel, model.Query{Where: sc.Where}))
	}
	if sc.Count {
		if out.Counted, err = s.countPart(ctx, l, sc, full); err != nil {
			return nil, err
		}
	}
	return full, nil
}

// countPart counts what is behind the token and within a condition.
func (s *Store) countPart(ctx context.Context, l listing, sc model.RecordScan, in func(*bun.SelectQuery) error) (int64, error) {
	sel := s.conn(ctx).NewSelect().Model((*recordKey)(nil)).ColumnExpr("time").Limit(mostScanned)
	if err := errors.Join(in(sel), l.order(sel, sc.Query)); err != nil {
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
