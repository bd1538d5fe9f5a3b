// Package store keeps what the control plane knows, in SQLite on one machine or in PostgreSQL for several replicas: one
// Store, one set of models and migrations, one behaviour. It keeps and finds; it does not decide, hash or encrypt.
// Secrets come here as hashes or sealed, and leave the same way.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// Options say where the store is.
type Options struct {
	// Dir has the database bulkhead.db, where URL is empty.
	Dir string
	// URL is postgres://user:password@host:port/database; empty means SQLite.
	URL string
	Log *slog.Logger
	// Present takes the database as it is: it is neither made nor brought to this program's schema, and a server may be
	// running on it. It is for who looks at it or saves it.
	Present bool

	// migrateTo stops at a version of the schema, and also adds migrations; both are for tests and Restore.
	migrateTo int
	also      []migration
}

// Kinds of databases.
const (
	KindSQLite   = "sqlite"
	KindPostgres = "postgres"
)

// FileName is SQLite's database in Options.Dir.
const FileName = "bulkhead.db"

// Store is the database. It is safe for concurrent use. A transaction travels in the context, see InTx.
type Store struct {
	kind    string
	options Options
	log     *slog.Logger
	// write is for transactions, with a single connection on SQLite; read sees what is committed. On PostgreSQL they are
	// the same.
	write, read *bun.DB
	jobs        jobs
	behind      bool // the database is of the next version
	listeners   listeners
	prepared    prepared
	closed      chan struct{}
	closers     []func() error
}

// Open opens the database, creates it where there is none, and brings its schema to this program's version.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{options: o, log: o.Log, closed: make(chan struct{})}
	open := s.openSQLite
	if o.URL != "" {
		open = s.openPostgres
	}
	if err := open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	schema := s.migrate
	if o.Present {
		schema = s.mustBePresent
	}
	if err := schema(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.jobs.open(ctx, s); err != nil {
		return nil, errors.Join(s.fail("open the queue of jobs", err), s.Close())
	}
	return s, nil
}

// Kind is "sqlite" or "postgres".
func (s *Store) Kind() string { return s.kind }

// Ping asks the database whether it answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.fail("ask the database", s.conn(ctx).NewSelect().ColumnExpr("1").Scan(ctx, &one))
}

// Close ends all connections. Background work must have been stopped with StopJobs.
func (s *Store) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	if s.closers != nil {
		close(s.closed)
	}
	s.closers = nil
	return errors.Join(errs...)
}

// dataDir makes the directory of the database, for its owner only.
func dataDir(dir string) error {
	if dir == "" {
		return errors.New("the store needs a directory or a postgres:// URL")
	}
	if strings.ContainsAny(dir, "?#%") {
		return fmt.Errorf("the data directory %q must not contain ?, # or %%", dir)
	}
	return os.MkdirAll(dir, 0o700)
}

func unavailable(message, remedy string, err error) error {
	return &model.Error{Code: model.CodeUnavailable, Message: message, Remedy: remedy, Err: err}
}
