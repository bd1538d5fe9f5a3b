package store

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"
)

// Statements that every report of a node needs. SQLite parses a statement for longer than it runs these, so they are parsed once for
// each connection. On PostgreSQL they take the way of all others.
const (
	nodeByID     = "SELECT * FROM nodes WHERE id = ?"
	factsOf      = "SELECT name, digest, data FROM facts WHERE node = ?"
	digestsOf    = "SELECT name, digest FROM facts WHERE node = ?"
	putFact      = "INSERT INTO facts (node, name, digest, data) VALUES (?, ?, ?, ?) ON CONFLICT (node, name) DO UPDATE SET digest = EXCLUDED.digest, data = EXCLUDED.data"
	factsChanged = `UPDATE nodes SET facts_digest = ?1, facts_taken = ?2, facts_received = ?3, objects_digest = ` + objectsFollow + `?1` + objectsStay + `
		WHERE id = ?4 AND (?5 = '' OR facts_digest = ?5 AND facts_digest <> ?1)`
	putObject = `INSERT INTO objects AS t (node, kind, id, tenant, node_name, name, state, image, created, first_seen, changed, updated, gone, summary)
		SELECT ?1, ?2, ?3, n.tenant, n.name, ?4, ?5, ?6, ?7, ?8, ?8, ?8, 0, ?9 FROM nodes AS n WHERE n.id = ?1
		ON CONFLICT (node, kind, id) DO UPDATE SET ` + objectAnew + ` WHERE ` + objectDiffers
)

// objectGone is one; PostgreSQL takes many at once.
const objectGone = "UPDATE objects SET gone = ?1, updated = ?1 WHERE node = ?2 AND kind = ?3 AND id = ?4 AND gone = 0"

// Parts of statements that both databases have. Objects that show the facts before show those that are written with them; others wait
// for FillObjects.
const (
	objectsFollow = `CASE WHEN objects_digest = facts_digest THEN `
	objectsStay   = ` ELSE objects_digest END`
	objectSame    = `(t.name, t.state, t.image, t.created, t.summary) = (EXCLUDED.name, EXCLUDED.state, EXCLUDED.image, EXCLUDED.created, EXCLUDED.summary)`
	objectDiffers = `t.gone <> 0 OR NOT ` + objectSame
	objectAnew    = `name = EXCLUDED.name, state = EXCLUDED.state, image = EXCLUDED.image, created = EXCLUDED.created, summary = EXCLUDED.summary,
		gone = 0, updated = EXCLUDED.updated, changed = CASE WHEN ` + objectSame + ` THEN t.changed ELSE EXCLUDED.changed END`
)

// prepared are statements by their text, for those that read outside of transactions and for those within them.
type prepared struct{ read, write map[string]*sql.Stmt }

// withObjects is the first schema that has what the statements are about. A store that is taken as it is may have an earlier one, and
// does without.
const withObjects = 4

// prepare makes them. The one connection that writes must be free.
func (s *Store) prepare(ctx context.Context) error {
	if s.kind != KindSQLite {
		return nil
	}
	if version, err := s.schemaVersion(ctx); err != nil || version < withObjects {
		return err
	}
	p := prepared{map[string]*sql.Stmt{}, map[string]*sql.Stmt{}}
	for _, text := range []string{nodeByID, factsOf, digestsOf, putFact, factsChanged, putObject, objectGone} {
		for _, x := range []struct {
			db *bun.DB
			to map[string]*sql.Stmt
		}{{s.read, p.read}, {s.write, p.write}} {
			if x.db == s.read && text != nodeByID && text != factsOf && text != digestsOf {
				continue
			}
			stmt, err := x.db.DB.PrepareContext(ctx, text)
			if err != nil {
				return s.fail("prepare a statement", err)
			}
			x.to[text] = stmt
			s.closers = append(s.closers, stmt.Close)
		}
	}
	s.prepared = p
	return nil
}

// statement is the prepared one for a context; nil where there is none.
func (s *Store) statement(ctx context.Context, text string) *sql.Stmt {
	if t := s.transaction(ctx); t != nil {
		if stmt := s.prepared.write[text]; stmt != nil {
			return t.StmtContext(ctx, stmt)
		}
		return nil
	}
	return s.prepared.read[text]
}

// query gives rows by a statement that is prepared, or by its text.
func (s *Store) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if stmt := s.statement(ctx, text); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return s.conn(ctx).QueryContext(ctx, text, args...)
}
