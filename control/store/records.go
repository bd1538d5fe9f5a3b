package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type recordRow struct {
	bun.BaseModel `bun:"table:records,alias:t"`
	Origin        string `bun:"origin,pk"`
	Place         int64  `bun:"place,pk"`
	ID            string `bun:"id"`
	Time          int64  `bun:"time"`
	Actor         string `bun:"actor"`
	ActorName     string `bun:"actor_name"`
	Tenant        string `bun:"tenant"`
	Action        string `bun:"action"`
	ResourceType  string `bun:"resource_type"`
	Resource      string `bun:"resource"`
	Outcome       string `bun:"outcome"`
	Record        string `bun:"record"`
	Event         []byte `bun:"event"`
}

func recordRowOf(l *model.LogRecord) (recordRow, error) {
	place, err := number("index", l.Index)
	if err != nil {
		return recordRow{}, err
	}
	r := &l.Record
	return recordRow{
		Origin: l.Origin, Place: place, ID: r.ID, Time: us(r.Time), Actor: r.Actor, ActorName: r.ActorName, Tenant: r.Tenant,
		Action: r.Action, ResourceType: r.Resource.Type, Resource: r.Resource.ID, Outcome: string(r.Outcome),
		Record: text(r), Event: blob(l.Event),
	}, nil
}

func (r *recordRow) model() (*model.LogRecord, error) {
	rec, err := value[model.Record](r.Record)
	return &model.LogRecord{Origin: r.Origin, Index: uint64(max(r.Place, 0)), Record: rec, Event: r.Event}, err
}

func records() listing {
	return listing{
		name: "records", tenant: "tenant", time: "time", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "actor": {"actor", isText}, "actor_name": {"actor_name", isText}, "action": {"action", isText},
			"resource_type": {"resource_type", isText}, "resource": {"resource", isText}, "outcome": {"outcome", isText},
			"origin": {"origin", isText}, "index": {"place", isInt}, "time": {"time", isTime},
		},
		keys: []field{{"time", isInt}, {"origin", isText}, {"place", isInt}},
	}
}

const recordsAtOnce = 64 // in one statement, which is built in memory

// IndexRecords adds records of the audit log to the index. Those that are there already stay. The position of each log
// moves on in the same transaction, as far as there is no gap.
func (s *Store) IndexRecords(ctx context.Context, all []model.LogRecord) error {
	rows := make([]recordRow, len(all))
	for i := range all {
		r, err := recordRowOf(&all[i])
		if err != nil {
			return err
		}
		rows[i] = r
	}
	// In the same order everywhere, two that index the same log wait for each other and don't block each other.
	slices.SortFunc(rows, func(a, b recordRow) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Place, b.Place))
	})
	return s.change(ctx, "record of the index", func(db bun.IDB) error {
		for part := range slices.Chunk(rows, recordsAtOnce) {
			if _, err := db.NewInsert().Model(&part).On("CONFLICT (origin, place) DO NOTHING").Exec(ctx); err != nil {
				return err
			}
		}
		return advance(ctx, db, rows)
	})
}

// advance moves the positions of sorted rows' logs.
func advance(ctx context.Context, db bun.IDB, rows []recordRow) error {
	for len(rows) > 0 {
		origin := rows[0].Origin
		var next int64
		err := db.NewRaw(`INSERT INTO positions AS p (origin, next) VALUES (?, 0)
			ON CONFLICT (origin) DO UPDATE SET next = p.next RETURNING next`, origin).Scan(ctx, &next)
		if err != nil {
			return err
		}
		was := next
		for len(rows) > 0 && rows[0].Origin == origin {
			if rows[0].Place == next {
				next++
			}
			rows = rows[1:]
		}
		if next == was {
			continue
		}
		if _, err := db.NewRaw("UPDATE positions SET next = ? WHERE origin = ?", next, origin).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// IndexedUpTo is the index of the first record of a log that is not in the index yet.
func (s *Store) IndexedUpTo(ctx context.Context, origin string) (uint64, error) {
	var next int64
	err := s.conn(ctx).NewRaw("SELECT next FROM positions WHERE origin = ?", origin).Scan(ctx, &next)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return uint64(max(next, 0)), s.fail("read the index's position", err)
}

// Record finds a record in the index.
func (s *Store) Record(ctx context.Context, origin string, index uint64) (*model.LogRecord, error) {
	place, err := number("index", index)
	if err != nil {
		return nil, err
	}
	return find(ctx, s, "record", fmt.Sprintf("%s/%d", origin, index), (*recordRow).model, "origin = ? AND place = ?", origin, place)
}

// Records searches the index, newest first.
func (s *Store) Records(ctx context.Context, q model.Query) ([]model.LogRecord, string, error) {
	return listed(ctx, s, records(), q, func(r *recordRow) []any { return []any{r.Time, r.Origin, r.Place} }, (*recordRow).model)
}
