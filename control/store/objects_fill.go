package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// FillObjects makes the objects of nodes whose facts they do not show, because the facts are from before there were objects, or were
// written by a program of the version before. It says of how many nodes.
func (s *Store) FillObjects(ctx context.Context, limit int, now time.Time) (int, error) {
	var ids []string
	err := s.conn(ctx).NewRaw("SELECT id FROM nodes WHERE objects_digest <> facts_digest ORDER BY id LIMIT ?", limit).Scan(ctx, &ids)
	if err != nil {
		return 0, s.fail("find nodes without objects", err)
	}
	for i, id := range ids {
		if err := s.InTx(ctx, func(ctx context.Context) error { return s.fillObjects(ctx, id, us(now)) }); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

func (s *Store) fillObjects(ctx context.Context, node string, now int64) error {
	db := s.conn(ctx)
	if err := s.lockNodes(ctx, db, []string{node}); err != nil {
		return s.fail("lock a node", err)
	}
	var of struct {
		Tenant        string `bun:"tenant"`
		FactsDigest   string `bun:"facts_digest"`
		ObjectsDigest string `bun:"objects_digest"`
	}
	err := db.NewRaw("SELECT tenant, facts_digest, objects_digest FROM nodes WHERE id = ?", node).Scan(ctx, &of)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && of.FactsDigest == of.ObjectsDigest:
		return nil // it went, or another replica was faster
	case err != nil:
		return s.fail("read a node", err)
	}
	set, removed, err := s.objectsToFill(ctx, db, node)
	if err != nil {
		return s.fail("read facts", err)
	}
	if err := s.writeObjects(ctx, db, node, removed, set, now); err != nil {
		return s.fail("write objects", err)
	}
	t := s.transaction(ctx)
	t.changes = append(t.changes, changed(updated, "Inventory", of.Tenant, of.Tenant))
	_, err = db.NewRaw("UPDATE nodes SET objects_digest = ? WHERE id = ?", of.FactsDigest, node).Exec(ctx)
	return s.fail("write objects", err)
}

// objectsToFill are the facts that objects are made of, and the keys of those that are shown and have no fact any more.
func (s *Store) objectsToFill(ctx context.Context, db bun.IDB, node string) (set []model.Fact, removed []string, err error) {
	there := map[string]bool{}
	for _, kind := range model.ObjectKinds() {
		var rows []factRow
		first := string(kind) + "/"
		err := db.NewSelect().Model(&rows).Column("name", "data").
			Where("node = ?", node).Where("name >= ?", first).Where("name < ?", string(kind)+"0").Scan(ctx) // 0 comes after /
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			there[r.Name] = true
			set = append(set, model.Fact{Key: r.Name, Data: r.Data})
		}
	}
	var shown []string
	if err := db.NewRaw("SELECT kind || '/' || id FROM objects WHERE node = ? AND gone = 0", node).Scan(ctx, &shown); err != nil {
		return nil, nil, err
	}
	for _, key := range shown {
		if !there[key] {
			removed = append(removed, key)
		}
	}
	return set, removed, nil
}
