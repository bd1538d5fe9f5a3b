package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const minPostgres = 150000

// openPostgres opens two pools: bun writes values into the statement, so its statements must not be prepared and cached;
// River's take arguments and need the types that preparing finds out.
func (s *Store) openPostgres(ctx context.Context) error {
	s.kind = KindPostgres
	own, err := pgxpool.ParseConfig(s.options.URL)
	if err != nil {
		// pgx leaves the password out of this message, but not everything else that may be secret.
		return unavailable("server.database is no valid postgres:// URL", "Write postgres://user@host:5432/database?sslmode=verify-full.", nil)
	}
	own.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if own.MaxConns < 16 {
		own.MaxConns = 16
	}
	river := own.Copy()
	river.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	river.MinConns, river.MaxConns = 0, 6
	pool, err := s.pool(ctx, own)
	if err != nil {
		return err
	}
	if s.jobs.pool, err = s.pool(ctx, river); err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	db.SetMaxOpenConns(int(own.MaxConns))
	s.write = bun.NewDB(db, pgdialect.New(), bun.WithDiscardUnknownColumns())
	s.read = s.write
	s.closers = append(s.closers, s.write.Close)
	var version int
	if err := s.write.NewRaw("SELECT current_setting('server_version_num')::int").Scan(ctx, &version); err != nil {
		return s.fail("connect to PostgreSQL", err)
	}
	if version < minPostgres {
		return unavailable(fmt.Sprintf("PostgreSQL %d is too old", version/10000), "Use PostgreSQL 15 or newer.", nil)
	}
	return nil
}

func (s *Store) pool(ctx context.Context, c *pgxpool.Config) (*pgxpool.Pool, error) {
	c.MaxConnIdleTime = 5 * time.Minute
	for name, value := range map[string]string{
		"application_name":   "bulkhead",
		"synchronous_commit": "on",    // an acknowledged write survives
		"timezone":           "UTC",   // as all times are
		"lock_timeout":       "15000", // milliseconds
		// A replica that stands still must not hold locks for ever.
		"idle_in_transaction_session_timeout": "60000",
	} {
		if _, given := c.ConnConfig.RuntimeParams[name]; !given {
			c.ConnConfig.RuntimeParams[name] = value
		}
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, s.fail("connect to PostgreSQL", err)
	}
	s.closers = append(s.closers, func() error { pool.Close(); return nil })
	return pool, nil
}
