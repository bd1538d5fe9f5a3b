package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Finding is one thing that was looked at, and how it is.
type Finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"` // where it is not
}

const clockSkew = 5 * time.Second

// Doctor looks whether the database is sound. It reads all of it, which takes a while on a large one.
func (s *Store) Doctor(ctx context.Context) []Finding {
	found := []Finding{s.checkAnswers(ctx)}
	if !found[0].OK {
		return found
	}
	found = append(found, s.checkSchema(ctx), s.checkIntegrity(ctx), s.checkReferences(ctx), s.checkSize(ctx), s.checkClock(ctx))
	return append(found, s.checkQueue(ctx))
}

func fine(check, format string, args ...any) Finding {
	return Finding{Check: check, OK: true, Detail: fmt.Sprintf(format, args...)}
}

func wrong(check, remedy, format string, args ...any) Finding {
	return Finding{Check: check, Detail: fmt.Sprintf(format, args...), Remedy: remedy}
}

const remedyRestore = "Stop the server, keep the damaged database aside and restore a backup into an empty one."

func (s *Store) checkAnswers(ctx context.Context) Finding {
	const check = "database"
	if err := s.Ping(ctx); err != nil {
		return wrong(check, "Start the database, or correct server.database.", "the database does not answer: %v", err)
	}
	query := "SELECT 'SQLite ' || sqlite_version()"
	if s.kind == KindPostgres {
		query = "SELECT 'PostgreSQL ' || current_setting('server_version')"
	}
	var version string
	if err := s.read.NewRaw(query).Scan(ctx, &version); err != nil {
		return wrong(check, "", "its version can't be read: %v", err)
	}
	return fine(check, "%s answers", version)
}

func (s *Store) checkSchema(ctx context.Context) Finding {
	const check = "schema"
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return wrong(check, "", "%v", err)
	}
	if version != s.newest() && s.worksOn(ctx, version) != nil || version < s.newest() {
		return wrong(check, "Run the version of Bulkhead that made it.", "schema %d, but this Bulkhead needs %d", version, s.newest())
	}
	for _, t := range tables() {
		there, err := s.hasTable(ctx, t)
		if err != nil || !there {
			return wrong(check, remedyRestore, "the table %s is missing", t)
		}
	}
	if version > s.newest() {
		return fine(check, "version %d, one newer than this Bulkhead, which can work on it", version)
	}
	return fine(check, "version %d", version)
}

// checkIntegrity reads every page of SQLite. PostgreSQL checks a page's sum whenever it reads it, so every row is read.
func (s *Store) checkIntegrity(ctx context.Context) Finding {
	const check = "integrity"
	if s.kind == KindSQLite {
		var problems []string
		if err := s.read.NewRaw("PRAGMA integrity_check(5)").Scan(ctx, &problems); err != nil {
			return wrong(check, remedyRestore, "it can't be checked: %v", err)
		}
		if len(problems) != 1 || problems[0] != "ok" {
			return wrong(check, remedyRestore, "SQLite found: %v", problems)
		}
		return fine(check, "no damage")
	}
	var all int64
	for _, t := range tables() {
		var n int64
		if err := s.read.NewRaw("SELECT count(t.*::text) FROM ? AS t", bun.Ident(t)).Scan(ctx, &n); err != nil {
			return wrong(check, remedyRestore, "the table %s can't be read: %v", t, err)
		}
		all += n
	}
	return fine(check, "all %d rows can be read", all)
}

func (s *Store) checkReferences(ctx context.Context) Finding {
	const check = "references"
	query := "SELECT count(*) FROM pragma_foreign_key_check"
	if s.kind == KindPostgres {
		// PostgreSQL never lets one dangle, unless a constraint was switched off.
		query = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND connamespace = current_schema()::regnamespace"
	}
	var n int
	if err := s.read.NewRaw(query).Scan(ctx, &n); err != nil {
		return wrong(check, "", "they can't be checked: %v", err)
	}
	if n > 0 {
		return wrong(check, remedyRestore, "%d rows refer to something that is not there", n)
	}
	return fine(check, "all lead somewhere")
}

func (s *Store) checkSize(ctx context.Context) Finding {
	const check = "size"
	query := "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
	if s.kind == KindPostgres {
		query = "SELECT pg_database_size(current_database())"
	}
	var n int64
	if err := s.read.NewRaw(query).Scan(ctx, &n); err != nil {
		return wrong(check, "", "it can't be read: %v", err)
	}
	return fine(check, "%.1f MiB", float64(n)/(1<<20))
}

// checkClock compares with the database's clock, since replicas judge by their own when something is over.
func (s *Store) checkClock(ctx context.Context) Finding {
	const check = "clock"
	query := "SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
	if s.kind == KindPostgres {
		query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
	}
	var there int64
	if err := s.read.NewRaw(query).Scan(ctx, &there); err != nil {
		return wrong(check, "", "it can't be read: %v", err)
	}
	off := time.Since(at(there)).Round(time.Millisecond)
	if off > clockSkew || off < -clockSkew {
		return wrong(check, "Let both machines take their time from NTP.", "%s apart from the database's", off)
	}
	last, err := s.newestTime(ctx)
	if err != nil {
		return wrong(check, "", "%v", err)
	}
	if ahead := time.Until(last); ahead > clockSkew {
		return wrong(check, "Correct the clock; what was written meanwhile has wrong times.", "the newest change is %s in the future", ahead.Round(time.Second))
	}
	return fine(check, "agrees with the database's")
}

func (s *Store) newestTime(ctx context.Context) (time.Time, error) {
	var n int64
	err := s.read.NewRaw("SELECT coalesce(max(time), 0) FROM changes").Scan(ctx, &n)
	return at(n), s.fail("read the changes", err)
}

func (s *Store) checkQueue(ctx context.Context) Finding {
	const check = "jobs"
	var n int
	err := s.read.NewRaw("SELECT count(*) FROM river_job WHERE state = 'discarded'").Scan(ctx, &n)
	if err != nil {
		return wrong(check, "", "they can't be read: %v", err)
	}
	if n > 0 {
		return wrong(check, "See `bulkhead jobs list --filter 'state = \"discarded\"'` for why.", "%d failed for good", n)
	}
	return fine(check, "none failed for good")
}
