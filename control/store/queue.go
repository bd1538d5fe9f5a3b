package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// queue is River's client without the type of its transactions. A nil transaction means none.
type queue interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	insert(ctx context.Context, t *transaction, args jobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	cancel(ctx context.Context, t *transaction, id int64) (*rivertype.JobRow, error)
	get(ctx context.Context, t *transaction, id int64) (*rivertype.JobRow, error)
	list(ctx context.Context, t *transaction, p *river.JobListParams) (*river.JobListResult, error)
	remove(ctx context.Context, ids []int64) (int64, error)
}

// client is a queue on one of the databases.
type client[TTx any] struct {
	*river.Client[TTx]
	tx func(*transaction) TTx
}

// openQueue migrates River's own tables and makes a client. Without workers in the configuration it works on nothing.
func (s *Store) openQueue(ctx context.Context, c *river.Config, migrate bool) (queue, error) {
	if s.kind == KindPostgres {
		return newQueue(ctx, riverpgxv5.New(s.jobs.pool), c, migrate, func(t *transaction) pgx.Tx { return &joined{conn: t.pg} })
	}
	return newQueue(ctx, riversqlite.New(s.write.DB), c, migrate, func(t *transaction) *sql.Tx { return t.Tx.Tx })
}

func newQueue[TTx any](ctx context.Context, d riverdriver.Driver[TTx], c *river.Config, migrate bool, tx func(*transaction) TTx) (queue, error) {
	if migrate {
		m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: c.Logger})
		if err != nil {
			return nil, fmt.Errorf("prepare the queue: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return nil, fmt.Errorf("prepare the queue's tables: %w", err)
		}
	}
	r, err := river.NewClient(d, c)
	if err != nil {
		return nil, fmt.Errorf("prepare the queue: %w", err)
	}
	return &client[TTx]{Client: r, tx: tx}, nil
}

func (c *client[TTx]) insert(ctx context.Context, t *transaction, args jobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error) {
	if t != nil {
		return c.InsertTx(ctx, c.tx(t), args, opts)
	}
	return c.Insert(ctx, args, opts)
}

func (c *client[TTx]) cancel(ctx context.Context, t *transaction, id int64) (*rivertype.JobRow, error) {
	if t != nil {
		return c.JobCancelTx(ctx, c.tx(t), id)
	}
	return c.JobCancel(ctx, id)
}

func (c *client[TTx]) get(ctx context.Context, t *transaction, id int64) (*rivertype.JobRow, error) {
	if t != nil {
		return c.JobGetTx(ctx, c.tx(t), id)
	}
	return c.JobGet(ctx, id)
}

func (c *client[TTx]) list(ctx context.Context, t *transaction, p *river.JobListParams) (*river.JobListResult, error) {
	if t != nil {
		return c.JobListTx(ctx, c.tx(t), p)
	}
	return c.JobList(ctx, p)
}

func (c *client[TTx]) remove(ctx context.Context, ids []int64) (int64, error) {
	r, err := c.JobDeleteMany(ctx, river.NewJobDeleteManyParams().IDs(ids...).First(len(ids)))
	if err != nil {
		return 0, err
	}
	return int64(len(r.Jobs)), nil
}

// joined lets River take part in a transaction that database/sql began on the same connection. Parts of it are
// savepoints; its end is not River's to decide.
type joined struct {
	pgx.Tx // nil: River calls nothing but what is below
	conn   *pgx.Conn
	name   string
	made   int
}

func (j *joined) Begin(ctx context.Context) (pgx.Tx, error) {
	j.made++
	inner := &joined{conn: j.conn, name: fmt.Sprintf("%s_%d", "river"+j.name, j.made)}
	_, err := j.conn.Exec(ctx, "SAVEPOINT "+inner.name)
	return inner, err
}

func (j *joined) Commit(ctx context.Context) error { return j.end(ctx, "RELEASE SAVEPOINT ") }

func (j *joined) Rollback(ctx context.Context) error { return j.end(ctx, "ROLLBACK TO SAVEPOINT ") }

func (j *joined) end(ctx context.Context, how string) error {
	if j.name == "" {
		return nil
	}
	_, err := j.conn.Exec(ctx, how+j.name)
	j.name = ""
	return err
}

// described: River's arguments need the types that the database says they have.
func described(args []any) []any { return append([]any{pgx.QueryExecModeCacheDescribe}, args...) }

func (j *joined) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return j.conn.Exec(ctx, query, described(args)...)
}

func (j *joined) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	return j.conn.Query(ctx, query, described(args)...)
}

func (j *joined) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return j.conn.QueryRow(ctx, query, described(args)...)
}

func (j *joined) Conn() *pgx.Conn { return j.conn }
