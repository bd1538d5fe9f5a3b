package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bulkhead-security/bulkhead/model"
)

// fail gives a database's error a code. What the database said goes to the log with Err, never into the message: it holds
// statements and values.
func (s *Store) fail(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *model.Error
	if errors.As(err, &known) {
		return err
	}
	e := &model.Error{Code: model.CodeInternal, Message: "the store could not " + doing, Err: err}
	switch kindOf(err) {
	case taken:
		e.Code, e.Message = model.CodeExists, "there is one with this name or id already"
	case dangling:
		e.Code, e.Message = model.CodeNotFound, "something that it refers to does not exist, or belongs to another tenant"
	case breaksRule:
		e.Code, e.Message = model.CodeInvalid, "a value breaks a rule of the store"
	case raced:
		e.Code, e.Message, e.Remedy = model.CodeConflict, "another change came in between", "Read it again and repeat the change."
	case away:
		e.Code, e.Remedy = model.CodeUnavailable, "Try again; if it stays so, see `bulkhead doctor` and the server's log."
	case full:
		e.Code, e.Remedy = model.CodeUnavailable, "The database's disk is full: free space or make it larger. Nothing was changed."
	case damaged:
		e.Code, e.Remedy = model.CodeUnavailable, "The database is damaged or can't be written: run `bulkhead doctor`, restore a backup."
	case missing:
		e.Code, e.Message = model.CodeNotFound, "there is no such object"
	}
	return e
}

// failKind is what happened, in the same terms for both databases.
type failKind int

const (
	other failKind = iota
	taken
	dangling
	breaksRule
	raced
	away
	full
	damaged
	missing
)

func kindOf(err error) failKind {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case err == nil:
		return other
	case errors.Is(err, sql.ErrNoRows):
		return missing
	case errors.As(err, &lite):
		return sqliteKind(lite.Code())
	case errors.As(err, &pg):
		return postgresKind(pg.Code)
	case errors.Is(err, syscall.ENOSPC):
		return full
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, driver.ErrBadConn),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone), errors.As(err, &network),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		pgconn.Timeout(err), pgconn.SafeToRetry(err), isConnect(err), strings.Contains(err.Error(), "conn closed"),
		strings.Contains(err.Error(), "unexpected EOF"), strings.Contains(err.Error(), "closed pool"),
		strings.Contains(err.Error(), "database is closed"):
		return away
	}
	return other
}

func isConnect(err error) bool {
	var c *pgconn.ConnectError
	return errors.As(err, &c)
}

// sqliteKind reads SQLite's result codes (https://sqlite.org/rescode.html).
func sqliteKind(code int) failKind {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return taken
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return dangling
	}
	switch code & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return breaksRule
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM:
		return away
	case sqlite3.SQLITE_FULL:
		return full
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_PERM:
		return damaged
	}
	return other
}

// postgresKind reads PostgreSQL's codes (appendix A of its manual).
func postgresKind(code string) failKind {
	switch code {
	case "23505":
		return taken
	case "23503":
		return dangling
	case "40001", "40P01":
		return raced
	case "53100":
		return full
	case "57014", "57P01", "57P02", "57P03", "55P03", "25P03", "28000", "28P01", "3D000", "25006": // the last is of a standby
		return away
	case "XX001", "XX002", "58030":
		return damaged
	}
	switch {
	case strings.HasPrefix(code, "23"), strings.HasPrefix(code, "22"), code == "42804":
		return breaksRule
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"):
		return away
	}
	return other
}

func notFound(what, id string) error {
	return &model.Error{Code: model.CodeNotFound, Message: fmt.Sprintf("there is no %s %q", what, id)}
}

func conflict(what string) error {
	return &model.Error{Code: model.CodeConflict, Message: "this " + what + " was changed in between", Remedy: "Read it again and repeat the change."}
}

func invalid(field, format string, args ...any) error {
	return &model.Error{Code: model.CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}
