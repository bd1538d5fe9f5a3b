package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// compatibilityTable says of each version of the schema which is the oldest program that can work on it. A program of the version
// before reads there what it can't know itself. It is about this database, so it is in no backup.
const compatibilityTable = "schema_compatibility"

// noteCompatibility is part of the migration's transaction.
func (s *Store) noteCompatibility(ctx context.Context, tx bun.Tx, m migration) error {
	oldest := m.Version
	if m.Compatible {
		oldest--
	}
	if err := run(ctx, tx, s.kind, "CREATE TABLE IF NOT EXISTS "+compatibilityTable+" (version {int} PRIMARY KEY, oldest {int}) {end}"); err != nil {
		return err
	}
	_, err := tx.NewRaw("INSERT INTO "+compatibilityTable+" (version, oldest) VALUES (?, ?)", m.Version, oldest).Exec(ctx)
	return err
}

// worksOn says whether this program can work on a database of a version: its own, an earlier one that is brought up to date, or the
// next one if that says so. Then several servers can be brought to the next version one by one.
func (s *Store) worksOn(ctx context.Context, version int) error {
	newest := s.newest()
	if version <= newest {
		return nil
	}
	oldest := version
	if version == newest+1 {
		var err error
		if oldest, err = s.oldestProgram(ctx, version); err != nil {
			return err
		}
	}
	if oldest <= newest {
		return nil
	}
	return s.notNewer(version)
}

// oldestProgram is the oldest version of programs that can work on a version, which is that version where nothing is said.
func (s *Store) oldestProgram(ctx context.Context, version int) (int, error) {
	there, err := s.hasTable(ctx, compatibilityTable)
	if err != nil || !there {
		return version, err
	}
	oldest := version
	err = s.conn(ctx).NewRaw("SELECT oldest FROM "+compatibilityTable+" WHERE version = ?", version).Scan(ctx, &oldest)
	if errors.Is(err, sql.ErrNoRows) {
		return version, nil
	}
	return oldest, s.fail("read the version of the schema", err)
}

// notNewer refuses a database of a newer schema, for what needs to know all of it.
func (s *Store) notNewer(version int) error {
	if newest := s.newest(); version > newest {
		return unavailable(
			fmt.Sprintf("the database has schema %d, made by a newer Bulkhead; this one knows %d", version, newest),
			"Run the newer version, or restore a backup of the older one into an empty database.", nil)
	}
	return nil
}

// mustKnowAll refuses to go on where the database has more than this program knows.
func (s *Store) mustKnowAll(ctx context.Context) error {
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	return s.notNewer(version)
}
