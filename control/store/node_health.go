package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// rowsAtOnce is how many rows a statement writes.
const rowsAtOnce = 500

// TouchNodes keeps what was heard of nodes, in one transaction. When a node was seen last never goes back; its run is that of the
// contact that came last; a state replaces the one before. It is no change of the nodes. Nodes that are gone are left out.
func (s *Store) TouchNodes(ctx context.Context, contacts []model.Contact) error {
	merged := mergeContacts(contacts)
	if len(merged) == 0 {
		return nil
	}
	seen, told := seenOnly(merged)
	return s.change(ctx, "node", func(db bun.IDB) error {
		for part := range slices.Chunk(merged, rowsAtOnce) {
			ids := make([]string, len(part))
			for i := range part {
				ids[i] = part[i].Node
			}
			if err := s.lockNodes(ctx, db, ids); err != nil {
				return err
			}
		}
		for when, ids := range seen {
			for part := range slices.Chunk(ids, rowsAtOnce) {
				_, err := db.NewRaw("UPDATE nodes SET last_seen = ?0 WHERE id IN (?1) AND last_seen < ?0", when, bun.List(part)).Exec(ctx)
				if err != nil {
					return err
				}
			}
		}
		for part := range slices.Chunk(told, rowsAtOnce) {
			if err := s.touchSome(ctx, db, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// seenOnly parts nodes of which nothing is known but when they were seen from those that told more. With the streams of a large fleet
// most are of the first kind, and all of those of the same time.
func seenOnly(contacts []model.Contact) (seen map[int64][]string, told []model.Contact) {
	seen = map[int64][]string{}
	for _, c := range contacts {
		if c.State == nil && c.Run == "" {
			seen[us(c.Seen)] = append(seen[us(c.Seen)], c.Node)
		} else {
			told = append(told, c)
		}
	}
	return seen, told
}

// LockNodes lets nobody else change the nodes before the transaction ends. On SQLite nobody else writes anyway.
func (s *Store) LockNodes(ctx context.Context, ids []string) error {
	return s.change(ctx, "node", func(db bun.IDB) error { return s.lockNodes(ctx, db, ids) })
}

func (s *Store) touchSome(ctx context.Context, db bun.IDB, contacts []model.Contact) error {
	marks := make([]string, len(contacts))
	values := make([]any, 0, 11*len(contacts))
	for i, c := range contacts {
		marks[i] = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		told := c.State != nil
		state := model.AgentState{}
		if told {
			state = *c.State
		}
		values = append(values, c.Node, us(c.Seen), c.Run, truth(told), state.Version, list(state.Addresses), state.Policies,
			state.Settings, state.Assignment, state.Spooled, state.Dropped)
	}
	query := `WITH v (id, seen, run, told, agent_version, addresses, policies, settings, assignment, spooled, dropped) AS (
		VALUES ` + strings.Join(marks, ", ") + `)
		UPDATE nodes SET
			last_seen = CASE WHEN v.seen > nodes.last_seen THEN v.seen ELSE nodes.last_seen END,
			run = CASE WHEN v.run <> '' AND v.seen >= nodes.last_seen THEN v.run ELSE nodes.run END`
	for _, c := range []string{"agent_version", "addresses", "policies", "settings", "assignment", "spooled", "dropped"} {
		query += ", " + c + " = CASE WHEN v.told = 1 THEN v." + c + " ELSE nodes." + c + " END"
	}
	_, err := db.NewRaw(query+" FROM v WHERE nodes.id = v.id", values...).Exec(ctx)
	return err
}

// lockNodes takes the rows of nodes in the order of their ids. An update of many takes its locks in no order: two replicas would stop
// each other.
func (s *Store) lockNodes(ctx context.Context, db bun.IDB, ids []string) error {
	if s.kind != KindPostgres {
		return nil
	}
	_, err := db.NewRaw("SELECT id FROM nodes WHERE id IN (?) ORDER BY id FOR NO KEY UPDATE", bun.List(ids)).Exec(ctx)
	return err
}

// mergeContacts has one contact for each node, in the order of their ids.
func mergeContacts(contacts []model.Contact) []model.Contact {
	sorted := slices.Clone(contacts)
	slices.SortStableFunc(sorted, func(a, b model.Contact) int { return cmp.Or(cmp.Compare(a.Node, b.Node), a.Seen.Compare(b.Seen)) })
	out := sorted[:0]
	for _, c := range sorted {
		if len(out) == 0 || out[len(out)-1].Node != c.Node {
			out = append(out, c)
			continue
		}
		last := &out[len(out)-1]
		last.Seen = c.Seen
		if c.Run != "" {
			last.Run = c.Run
		}
		if c.State != nil {
			last.State = c.State
		}
	}
	return out
}

// SetHealth changes a node's health if it is still h.Was, and says whether it did: of several replicas that see the same, one
// changes it. A reason or flapping that is already there is no change.
func (s *Store) SetHealth(ctx context.Context, h model.HealthChange) (bool, error) {
	done := false
	err := s.InTx(ctx, func(ctx context.Context) error {
		unseen, args := "", []any{string(h.Is), h.Reason, truth(h.Flapping), us(h.When), h.Node, string(h.Was)}
		if !h.UnseenSince.IsZero() {
			unseen, args = " AND last_seen <= ?6", append(args, us(h.UnseenSince))
		}
		t := s.transaction(ctx)
		var tenant string
		err := t.NewRaw(`UPDATE nodes SET health_since = CASE WHEN health = ?0 THEN health_since ELSE ?3 END,
				health = ?0, health_reason = ?1, flapping = ?2
			WHERE id = ?4 AND health = ?5 AND revoked = 0 AND (health <> ?0 OR health_reason <> ?1 OR flapping <> ?2)`+unseen+
			` RETURNING tenant`, args...).Scan(ctx, &tenant)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return s.fail("change a node's health", err)
		}
		t.changes = append(t.changes, changed(updated, "Node", h.Node, tenant))
		done = true
		return nil
	})
	return done && err == nil, err
}

// QuietNodes are nodes that are taken for up and were not heard of since a time, those first that are silent longest.
func (s *Store) QuietNodes(ctx context.Context, before time.Time, limit int) ([]model.Member, error) {
	return s.someNodes(ctx, limit, "last_seen, id", "health = ? AND last_seen < ?", string(model.HealthUp), us(before))
}

// someNodes are at most limit nodes.
func (s *Store) someNodes(ctx context.Context, limit int, order, where string, args ...any) ([]model.Member, error) {
	if limit <= 0 || limit > mostRows {
		limit = mostRows
	}
	var rows []nodeRow
	if err := s.conn(ctx).NewSelect().Model(&rows).Where(where, args...).OrderExpr(order).Limit(limit).Scan(ctx); err != nil {
		return nil, s.fail("read nodes", err)
	}
	return convert(rows, (*nodeRow).model)
}
