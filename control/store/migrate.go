package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
	"golang.org/x/sys/unix"
)

// migration brings the schema from the version before to Version. It never changes once it was released: a database that
// has it is not touched again. What it does must work on both databases, and keep what is there.
type migration struct {
	Version int
	About   string
	// Compatible says that the program of the version before can go on working on it. That holds for tables, columns and indexes
	// that are added; not for what is renamed, removed or means something else, nor for a new version of River's tables.
	Compatible bool
	Up         func(ctx context.Context, tx bun.Tx, kind string) error
}

// migrations are all, in order. Add the next one at the end, in a file schemaN.go, and save a database of the version
// before it in testdata (see upgrade_test.go). A column that it adds to a table needs a DEFAULT: a program of the version before
// inserts rows without it. A table that it adds must not be one that rows of older tables need.
func migrations() []migration {
	released := []migration{
		{Version: 1, About: "first", Up: schema1},
		{Version: 2, About: "former tenants, and who let accounts in", Up: schema2},
		{Version: 3, About: "the fleet", Compatible: true, Up: schema3},
		{Version: 4, About: "what the console shows and keeps", Compatible: true, Up: schema4},
		{Version: 5, About: "what guards refused is found at once", Compatible: true, Up: schema5},
	}
	return append(released, upcoming(len(released))...)
}

// lockKey is "bulkhead" in ASCII: PostgreSQL's advisory lock of whoever changes the schema.
const lockKey = 0x62756c6b68656164

// migrate brings the schema up to date. One process does it at a time; kill -9 leaves each step done or not done.
func (s *Store) migrate(ctx context.Context) error {
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if version > s.newest() {
		s.behind = true
		if err := s.worksOn(ctx, version); err != nil {
			return err
		}
		s.log.InfoContext(ctx, "the database is of the next version; its schema stays as it is", "schema", version, "own", s.newest())
		return nil
	}
	return s.migrateTo(ctx, s.options.migrateTo)
}

// mustBePresent refuses a database that Bulkhead did not make.
func (s *Store) mustBePresent(ctx context.Context) error {
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if version == 0 {
		return unavailable("the database is empty, or not Bulkhead's", "Start the server once, or correct server.database.", nil)
	}
	return s.worksOn(ctx, version)
}

// migrateTo runs the migrations up to a version; 0 means all.
func (s *Store) migrateTo(ctx context.Context, most int) error {
	set := migrate.NewMigrations()
	for _, m := range append(migrations(), s.options.also...) {
		if most > 0 && m.Version > most {
			break
		}
		set.Add(migrate.Migration{
			Name: fmt.Sprintf("%04d", m.Version), Comment: m.About,
			Up: func(ctx context.Context, _ *migrate.Migrator, as *migrate.Migration) error {
				return s.migrateOne(ctx, m, as)
			},
		})
	}
	// Up marks the migration in its own transaction, so that both happen or neither; marking it again changes nothing.
	migrator := migrate.NewMigrator(s.write, set, migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true))
	if err := migrator.Init(ctx); err != nil {
		return s.fail("prepare the database", err)
	}
	if _, err := migrator.Migrate(ctx); err != nil {
		return s.fail("bring the schema up to date", err)
	}
	return nil
}

func (s *Store) migrateOne(ctx context.Context, m migration, as *migrate.Migration) error {
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := m.Up(ctx, tx, s.kind); err != nil {
			return fmt.Errorf("schema %d: %w", m.Version, err)
		}
		if err := s.noteCompatibility(ctx, tx, m); err != nil {
			return fmt.Errorf("schema %d: %w", m.Version, err)
		}
		_, err := tx.NewRaw("INSERT INTO bun_migrations (name, group_id, migrated_at) VALUES (?, ?, ?)",
			as.Name, as.GroupID, time.Now().UTC()).Exec(ctx)
		if err == nil {
			s.log.InfoContext(ctx, "schema changed", "version", m.Version, "about", m.About)
		}
		return err
	})
}

// newest is the version that this program knows.
func (s *Store) newest() int {
	all := append(migrations(), s.options.also...)
	return all[len(all)-1].Version
}

// schemaVersion is that of the database, 0 for an empty one.
func (s *Store) schemaVersion(ctx context.Context) (int, error) {
	there, err := s.hasTable(ctx, "bun_migrations")
	if err != nil || !there {
		return 0, err
	}
	var name string
	err = s.conn(ctx).NewRaw("SELECT name FROM bun_migrations ORDER BY name DESC LIMIT 1").Scan(ctx, &name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, s.fail("read the version of the schema", err)
	}
	var version int
	if _, err := fmt.Sscanf(name, "%d", &version); err != nil {
		return 0, unavailable("the version of the schema can't be read", "Is this database Bulkhead's?", err)
	}
	return version, nil
}

func (s *Store) hasTable(ctx context.Context, name string) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if s.kind == KindPostgres {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?"
	}
	var n int
	err := s.conn(ctx).NewRaw(query, name).Scan(ctx, &n)
	return n > 0, s.fail("look at the schema", err)
}

// lockSchema keeps other processes from changing the schema. The lock ends with the process, also with kill -9.
func (s *Store) lockSchema(ctx context.Context) (func(), error) {
	if s.kind == KindPostgres {
		return s.lockPostgres(ctx, lockKey)
	}
	f, err := openPrivate(filepath.Join(s.options.Dir, FileName+".lock"))
	if err != nil {
		return nil, unavailable("the database can't be locked", "Check the owner and mode of the data directory.", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, unavailable("another process is changing the database's schema", "Wait for it, or end it.", errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lockPostgres takes an advisory lock on a connection of its own.
func (s *Store) lockPostgres(ctx context.Context, key int64) (func(), error) {
	c, err := s.jobs.pool.Acquire(ctx)
	if err != nil {
		return nil, s.fail("connect to PostgreSQL", err)
	}
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		c.Release()
		return nil, s.fail("lock the schema", err)
	}
	return func() {
		// A lock that can't be given back ends with its connection.
		free, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := c.Exec(free, "SELECT pg_advisory_unlock($1)", key); err != nil {
			_ = c.Hijack().Close(free)
			return
		}
		c.Release()
	}, nil
}

// types replaces the three types of columns by the database's own. PostgreSQL then sorts text by its bytes, as SQLite does.
func types(kind string) *strings.Replacer {
	if kind == KindPostgres {
		return strings.NewReplacer("{text}", `TEXT COLLATE "C" NOT NULL`, "{int}", "BIGINT NOT NULL", "{bytes}", "BYTEA NOT NULL", "{end}", "")
	}
	return strings.NewReplacer("{text}", "TEXT NOT NULL", "{int}", "INTEGER NOT NULL", "{bytes}", "BLOB NOT NULL", "{end}", "STRICT")
}

// run executes statements one by one.
func run(ctx context.Context, tx bun.Tx, kind string, statements ...string) error {
	r := types(kind)
	for _, q := range statements {
		if _, err := tx.ExecContext(ctx, r.Replace(q)); err != nil {
			return err
		}
	}
	return nil
}
