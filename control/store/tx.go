package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
)

// transaction is one that is under way. Like the context that carries it, it belongs to one goroutine.
type transaction struct {
	of *Store
	bun.Tx
	pg      *pgx.Conn   // PostgreSQL's connection, for River
	changes []changeRow // written just before the commit
}

type transactionKey struct{ of *Store }

func (s *Store) transaction(ctx context.Context) *transaction {
	t, _ := ctx.Value(transactionKey{s}).(*transaction)
	return t
}

// conn is what reads: the transaction of the context, so that it sees its own writes, or any connection.
func (s *Store) conn(ctx context.Context) bun.IDB {
	if t := s.transaction(ctx); t != nil {
		return t.Tx
	}
	return s.read
}

// InTx runs f in a transaction, which is in f's context: all calls with that context belong to it. An error or panic of f
// undoes what f did. Inside another transaction f joins it, and its error undoes only what f did, so that whoever called
// may go on.
func (s *Store) InTx(ctx context.Context, f func(context.Context) error) error {
	if t := s.transaction(ctx); t != nil {
		return s.inSavepoint(ctx, t, f)
	}
	return s.inConn(ctx, func(c bun.Conn, pg *pgx.Conn) error {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			return s.fail("begin a transaction", err)
		}
		t := &transaction{of: s, Tx: tx, pg: pg}
		defer rollback(tx) // does nothing after a commit
		if err := f(context.WithValue(ctx, transactionKey{s}, t)); err != nil {
			return err
		}
		if err := s.writeChanges(ctx, t); err != nil {
			return err
		}
		err = tx.Commit()
		if err == nil && len(t.changes) > 0 {
			s.listeners.wake()
		}
		return s.fail("commit", err)
	})
}

func (s *Store) inSavepoint(ctx context.Context, outer *transaction, f func(context.Context) error) error {
	tx, err := outer.BeginTx(ctx, nil)
	if err != nil {
		return s.fail("begin a part of a transaction", err)
	}
	t := &transaction{of: s, Tx: tx, pg: outer.pg}
	done := false
	defer func() {
		if !done {
			rollback(tx)
		}
	}()
	if err := f(context.WithValue(ctx, transactionKey{s}, t)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.fail("commit a part of a transaction", err)
	}
	done = true
	outer.changes = append(outer.changes, t.changes...)
	return nil
}

// inConn holds one connection, since River needs to join a transaction below database/sql.
func (s *Store) inConn(ctx context.Context, f func(bun.Conn, *pgx.Conn) error) error {
	c, err := s.write.Conn(ctx)
	if err != nil {
		return s.fail("get a connection", err)
	}
	defer func() { _ = c.Close() }() // gives the connection back
	if s.kind != KindPostgres {
		return f(c, nil)
	}
	var pg *pgx.Conn
	err = c.Raw(func(driver any) error {
		p, ok := driver.(*stdlib.Conn)
		if !ok {
			return errors.New("not a connection of pgx")
		}
		pg = p.Conn()
		return nil
	})
	if err != nil {
		return s.fail("get a connection", err)
	}
	return f(c, pg)
}

// rollback ends a transaction that failed. Its error says nothing new: the connection is gone or the work is undone.
func rollback(tx bun.Tx) { _ = tx.Rollback() }

// readTx runs f in a transaction that sees one state of the database from its first to its last statement.
func (s *Store) readTx(ctx context.Context, f func(bun.Tx) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: s.snapshotLevel(), ReadOnly: s.kind == KindPostgres})
	if err != nil {
		return s.fail("begin reading", err)
	}
	defer rollback(tx)
	return f(tx)
}

// snapshotLevel: SQLite's transactions always see one state, and its driver knows no other level.
func (s *Store) snapshotLevel() sql.IsolationLevel {
	if s.kind == KindPostgres {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}
