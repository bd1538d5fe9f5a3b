package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// A backup is a gzipped tar: manifest.json, then tables/NAME.jsonl with a row per line, where large tables go on in
// tables/NAME.2.jsonl and so on, and end.json with the count of rows, which shows that it is whole. It is the same for
// both databases, so that it also moves from one to the other.
const (
	backupFormat = "bulkhead.store/v1"
	manifestName = "manifest.json"
	endName      = "end.json"
	partSize     = 4 << 20 // bytes of a part, before the row that fills it
)

type manifest struct {
	Format  string    `json:"format"`
	Schema  int       `json:"schema"`
	Kind    string    `json:"kind"`
	Created time.Time `json:"created"`
}

type ending struct {
	Rows map[string]int64 `json:"rows"`
}

// encoded is how bytes are written, to tell them from text.
type encoded struct {
	Base64 string `json:"base64"`
}

// tables are all of this schema's, those before others that refer to them. The queue of jobs is not part of a backup.
func tables() []string {
	return []string{
		"tenants", "former_tenants", "accounts", "account_groups", "memberships", "passwords", "factors", "sessions", "tokens", "tickets",
		"throttles", "answers", "secrets", "policies", "policy_proposals", "access_requests", "records", "positions", "logs", "checkpoints",
		"assessments", "nodes", "node_keys", "join_tokens", "facts", "findings", "finding_notes", "events", "exceptions", "pools", "bundles", "rollouts", "objects",
		"exception_requests", "drill_results", "reports", "report_parts",
		"changes", "counters",
	}
}

// Backup writes everything as it is at one moment, while others go on.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.readTx(ctx, func(tx bun.Tx) error {
		z := gzip.NewWriter(w)
		b := &backup{store: s, tx: tx, tar: tar.NewWriter(z), now: time.Now().UTC(), end: ending{Rows: map[string]int64{}}}
		ctx := context.WithValue(ctx, transactionKey{s}, &transaction{of: s, Tx: tx})
		version, err := s.schemaVersion(ctx)
		if err != nil {
			return err
		}
		if err := s.notNewer(version); err != nil { // it would leave out the tables that it does not know
			return err
		}
		if err := b.json(manifestName, manifest{Format: backupFormat, Schema: version, Kind: s.kind, Created: b.now}); err != nil {
			return err
		}
		for _, t := range tables() {
			if err := b.table(ctx, t); err != nil {
				return err
			}
		}
		if err := b.json(endName, b.end); err != nil {
			return err
		}
		if err := b.tar.Close(); err != nil {
			return fmt.Errorf("write the backup: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("write the backup: %w", err)
		}
		return nil
	})
}

type backup struct {
	store *Store
	tx    bun.Tx
	tar   *tar.Writer
	now   time.Time
	end   ending
}

func (b *backup) json(name string, v any) error {
	return b.file(name, []byte(text(v)))
}

func (b *backup) file(name string, content []byte) error {
	h := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), ModTime: b.now, Format: tar.FormatPAX}
	if err := b.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if _, err := b.tar.Write(content); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

func (b *backup) table(ctx context.Context, name string) error {
	// An earlier schema that was opened as it is has fewer.
	if there, err := b.store.hasTable(ctx, name); err != nil || !there {
		return err
	}
	b.end.Rows[name] = 0 // also where there are none
	rows, err := b.tx.QueryContext(ctx, "SELECT * FROM ? ORDER BY 1, 2", bun.Ident(name))
	if err != nil {
		return b.store.fail("read for the backup", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	columns, err := rows.Columns()
	if err != nil {
		return b.store.fail("read for the backup", err)
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	var part bytes.Buffer
	parts := 0
	flush := func() error {
		parts++
		err := b.file(partName(name, parts), part.Bytes())
		part.Reset()
		return err
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return b.store.fail("read for the backup", err)
		}
		if err := writeRow(&part, columns, values); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
		b.end.Rows[name]++
		if part.Len() >= partSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return b.store.fail("read for the backup", err)
	}
	if part.Len() > 0 || parts == 0 {
		return flush()
	}
	return nil
}

func partName(table string, part int) string {
	if part == 1 {
		return "tables/" + table + ".jsonl"
	}
	return fmt.Sprintf("tables/%s.%d.jsonl", table, part)
}

// tableOf is the table of a part, "" for what is none.
func tableOf(name string) string {
	rest, ok := strings.CutPrefix(name, "tables/")
	rest, ends := strings.CutSuffix(rest, ".jsonl")
	if !ok || !ends {
		return ""
	}
	table, _, _ := strings.Cut(rest, ".")
	return table
}

func writeRow(w *bytes.Buffer, columns []string, values []any) error {
	row := make(map[string]any, len(columns))
	for i, c := range columns {
		switch v := values[i].(type) {
		case int64, string:
			row[c] = v
		case []byte:
			row[c] = encoded{base64.StdEncoding.EncodeToString(v)}
		default:
			return fmt.Errorf("column %s has a value of type %T", c, v)
		}
	}
	return json.NewEncoder(w).Encode(row)
}
