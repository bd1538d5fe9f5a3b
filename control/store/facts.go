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

type factRow struct {
	bun.BaseModel `bun:"table:facts,alias:t"`
	Node          string `bun:"node,pk"`
	Name          string `bun:"name,pk"`
	Digest        string `bun:"digest"`
	Data          []byte `bun:"data"`
}

// FactDigests are the digests of a node's facts by key; none for a node that has none.
func (s *Store) FactDigests(ctx context.Context, node string) (map[string]string, error) {
	out := map[string]string{}
	return out, s.facts(ctx, digestsOf, node, func(row *sql.Rows) error {
		var name, digest string
		err := row.Scan(&name, &digest)
		out[name] = digest
		return err
	})
}

// Facts are a node's facts by key.
func (s *Store) Facts(ctx context.Context, node string) (map[string]model.Fact, error) {
	out := map[string]model.Fact{}
	return out, s.facts(ctx, factsOf, node, func(row *sql.Rows) error {
		var f model.Fact
		err := row.Scan(&f.Key, &f.Digest, &f.Data)
		out[f.Key] = f
		return err
	})
}

// Fact is one of a node's facts.
func (s *Store) Fact(ctx context.Context, node, key string) (*model.Fact, error) {
	var r factRow
	if err := s.one(ctx, "fact", key, &r, "node = ? AND name = ?", node, key); err != nil {
		return nil, err
	}
	return &model.Fact{Key: r.Name, Digest: r.Digest, Data: r.Data}, nil
}

// NodesWithFacts are the nodes of a tenant ("" for all) that are not revoked and have any of some facts, with others of their facts.
func (s *Store) NodesWithFacts(ctx context.Context, tenant string, any, keys []string) ([]model.Member, map[string]map[string][]byte, error) {
	var rows []nodeRow
	q := s.conn(ctx).NewSelect().Model(&rows).Where("revoked = 0").
		Where("EXISTS (SELECT 1 FROM facts AS f WHERE f.node = t.id AND f.name IN (?))", bun.List(any)).Order("id")
	if tenant != "" {
		q = q.Where("tenant = ?", tenant)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, nil, s.fail("read nodes by their facts", err)
	}
	nodes, err := convert(rows, (*nodeRow).model)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	out, err := s.FactsOf(ctx, ids, keys)
	return nodes, out, err
}

// FactsOf are some facts of some nodes, by node and key.
func (s *Store) FactsOf(ctx context.Context, nodes, keys []string) (map[string]map[string][]byte, error) {
	out := make(map[string]map[string][]byte, len(nodes))
	for part := range slices.Chunk(nodes, rowsAtOnce) {
		var facts []factRow
		err := s.conn(ctx).NewSelect().Model(&facts).Column("node", "name", "data").
			Where("node IN (?)", bun.List(part)).Where("name IN (?)", bun.List(keys)).Scan(ctx)
		if err != nil {
			return nil, s.fail("read facts", err)
		}
		for _, f := range facts {
			if out[f.Node] == nil {
				out[f.Node] = map[string][]byte{}
			}
			out[f.Node][f.Name] = f.Data
		}
	}
	return out, nil
}

// facts gives the rows of a node's facts one by one. It has no limit: whoever applies updates bounds them.
func (s *Store) facts(ctx context.Context, text, node string, take func(*sql.Rows) error) error {
	rows, err := s.query(ctx, text, node)
	if err != nil {
		return s.fail("read facts", err)
	}
	for err == nil && rows.Next() {
		err = take(rows)
	}
	return s.fail("read facts", errors.Join(err, rows.Err(), rows.Close()))
}

// ApplyFacts writes an update that the caller has checked. It starts from what the node's facts are at this moment: another one
// that came in between is a conflict, and one that was applied before changes nothing. While more of a snapshot follows, the facts
// have no time at which they were taken, and nobody assesses them.
func (s *Store) ApplyFacts(ctx context.Context, node string, u *model.FactsUpdate, received time.Time) error {
	taken := us(u.Taken)
	if u.More {
		taken = 0
	} else if taken == 0 {
		taken = us(received)
	}
	return s.change(ctx, "node's facts", func(db bun.IDB) error {
		// The node's row is written first: it orders those who write the same node's facts.
		r, err := s.factsChanged(ctx, db, u.Digest, taken, us(received), node, u.Base)
		lost := errors.New("no row")
		if err := touched(r, err, lost); err != nil {
			if errors.Is(err, lost) {
				return alreadyApplied(ctx, db, node, u)
			}
			return err
		}
		removed, set := u.Removed, u.Set
		if u.Base == "" {
			if removed, set, err = s.instead(ctx, node, set); err != nil {
				return err
			}
		}
		if err := s.writeFacts(ctx, db, node, removed, set); err != nil {
			return err
		}
		return s.writeObjects(ctx, db, node, removed, set, us(received))
	})
}

func (s *Store) factsChanged(ctx context.Context, db bun.IDB, args ...any) (sql.Result, error) {
	if stmt := s.statement(ctx, factsChanged); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return db.NewRaw(`UPDATE nodes SET facts_digest = ?0, facts_taken = ?1, facts_received = ?2, objects_digest = `+objectsFollow+`?0`+objectsStay+`
		WHERE id = ?3 AND (?4 = '' OR facts_digest = ?4 AND facts_digest <> ?0)`, args...).Exec(ctx)
}

// alreadyApplied is nil where the node's facts are what the update makes of them.
func alreadyApplied(ctx context.Context, db bun.IDB, node string, u *model.FactsUpdate) error {
	var digest string
	err := db.NewRaw("SELECT facts_digest FROM nodes WHERE id = ?", node).Scan(ctx, &digest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return notFound("node", node)
	case err != nil:
		return err
	case digest == u.Digest:
		return nil
	}
	return conflict("node's facts")
}

// instead is what has to be removed and set so that the facts are these and no others.
func (s *Store) instead(ctx context.Context, node string, all []model.Fact) (removed []string, set []model.Fact, err error) {
	have, err := s.FactDigests(ctx, node)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range all {
		if have[f.Key] != f.Digest {
			set = append(set, f)
		}
		delete(have, f.Key)
	}
	for k := range have {
		removed = append(removed, k)
	}
	return removed, set, nil
}

func (s *Store) writeFacts(ctx context.Context, db bun.IDB, node string, removed []string, set []model.Fact) error {
	for part := range slices.Chunk(removed, rowsAtOnce) {
		if _, err := db.NewRaw("DELETE FROM facts WHERE node = ? AND name IN (?)", node, bun.List(part)).Exec(ctx); err != nil {
			return err
		}
	}
	if stmt := s.statement(ctx, putFact); stmt != nil {
		for _, f := range set {
			if _, err := stmt.ExecContext(ctx, node, f.Key, f.Digest, blob(f.Data)); err != nil {
				return err
			}
		}
		return nil
	}
	var rows []factRow
	size := 0
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		_, err := db.NewInsert().Model(&rows).On("CONFLICT (node, name) DO UPDATE").
			Set("digest = EXCLUDED.digest, data = EXCLUDED.data").Exec(ctx)
		rows, size = rows[:0], 0
		return err
	}
	for _, f := range set {
		rows = append(rows, factRow{Node: node, Name: f.Key, Digest: f.Digest, Data: blob(f.Data)})
		if size += len(f.Data); size > fillSize || len(rows) >= rowsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// NodesToAssess are nodes whose facts were received before a time and are not those of their newest assessment, those first that
// wait longest.
func (s *Store) NodesToAssess(ctx context.Context, before time.Time, limit int) ([]model.Member, error) {
	return s.someNodes(ctx, limit, "facts_received, id",
		"facts_digest <> assessed AND facts_digest <> '' AND facts_taken > 0 AND facts_received < ? AND revoked = 0", us(before))
}

// SetAssessed keeps which facts the newest assessment is of.
func (s *Store) SetAssessed(ctx context.Context, node, digest string, when time.Time) error {
	return s.change(ctx, "node", func(db bun.IDB) error {
		r, err := db.NewRaw("UPDATE nodes SET assessed = ?, assessed_at = ? WHERE id = ?", digest, us(when), node).Exec(ctx)
		return touched(r, err, notFound("node", node))
	})
}

// SettleAssessed does so for many, each where its newest assessment is still the one that was before, and says for which it did.
func (s *Store) SettleAssessed(ctx context.Context, all []model.Assessed) (map[string]bool, error) {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b model.Assessed) int { return cmp.Compare(a.Node, b.Node) })
	done := make(map[string]bool, len(all))
	err := s.change(ctx, "node", func(db bun.IDB) error {
		for part := range slices.Chunk(sorted, rowsAtOnce) {
			if err := s.settleSome(ctx, db, part, done); err != nil {
				return err
			}
		}
		return nil
	})
	return done, err
}

func (s *Store) settleSome(ctx context.Context, db bun.IDB, part []model.Assessed, done map[string]bool) error {
	ids, marks, values := make([]string, len(part)), make([]string, len(part)), make([]any, 0, 4*len(part))
	for i, a := range part {
		ids[i], marks[i] = a.Node, "(?, ?, ?, ?)"
		values = append(values, a.Node, a.Digest, us(a.When), us(a.Was))
	}
	if err := s.lockNodes(ctx, db, ids); err != nil {
		return err
	}
	var written []string
	err := db.NewRaw(`WITH v (id, assessed, at, was) AS (VALUES `+strings.Join(marks, ", ")+`)
		UPDATE nodes SET assessed = v.assessed, assessed_at = v.at FROM v
		WHERE nodes.id = v.id AND nodes.assessed_at = v.was AND nodes.revoked = 0 RETURNING nodes.id`, values...).Scan(ctx, &written)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for _, id := range written {
		done[id] = true
	}
	return nil
}
