package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestPostgresErrors: what PostgreSQL says becomes what callers may do about it. A standby that is not promoted yet says 25006 to
// whoever writes: that passes, so that callers try again and agents keep what they have.
func TestPostgresErrors(t *testing.T) {
	s := &Store{kind: KindPostgres}
	for sqlstate, want := range map[string]model.Code{
		"25006": model.CodeUnavailable, // read-only transaction
		"25001": model.CodeInternal,    // another one of its class: a mistake of ours
		"57P01": model.CodeUnavailable, // the server stops
		"57P03": model.CodeUnavailable, // the server starts
		"08006": model.CodeUnavailable, // the connection broke
		"53300": model.CodeUnavailable, // too many connections
		"53100": model.CodeUnavailable, // disk full
		"XX001": model.CodeUnavailable, // damaged
		"40001": model.CodeConflict,    // serialization
		"23505": model.CodeExists,
		"23503": model.CodeNotFound,
		"23514": model.CodeInvalid,
		"42601": model.CodeInternal, // syntax
	} {
		err := s.fail("write it", fmt.Errorf("exec: %w", &pgconn.PgError{Code: sqlstate, Message: "hunter2"}))
		var e *model.Error
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("%s: %v, want %s", sqlstate, err, want)
			continue
		}
		if want == model.CodeUnavailable && e.Remedy == "" {
			t.Errorf("%s has no remedy", sqlstate)
		}
	}
	if kind := postgresKind("25006"); kind != away {
		t.Errorf("a read-only transaction is %d, not as if the database were away", kind)
	}
}
