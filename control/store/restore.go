package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// Restore fills an empty store from a backup, of this or the other kind of database and of this or an earlier schema. All
// of it is there afterwards, or nothing. Nobody else may use the store meanwhile.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.mustKnowAll(ctx); err != nil {
		return err
	}
	if err := s.mustBeEmpty(ctx); err != nil {
		return err
	}
	err = s.restore(ctx, r)
	// Back to this program's schema: behind the rows of an earlier one, or empty as it was.
	if err := s.migrateTo(ctx, s.options.migrateTo); err != nil {
		return err
	}
	return err
}

func (s *Store) restore(ctx context.Context, r io.Reader) error {
	failed := func(err error) error {
		var known *model.Error
		if err == nil || errors.As(err, &known) {
			return err
		}
		return &model.Error{
			Code: model.CodeInvalid, Message: "this backup can't be restored: " + err.Error(), Remedy: "Nothing was changed. Try another backup.",
		}
	}
	a, err := openArchive(r, archiveLimits())
	if err != nil {
		return failed(err)
	}
	defer a.close()
	if err := s.prepareSchema(ctx, a.manifest); err != nil {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		return failed(s.fill(ctx, a))
	})
}

func (s *Store) mustBeEmpty(ctx context.Context) error {
	for _, t := range tables() {
		query := "SELECT count(*) FROM (SELECT 1 FROM ? LIMIT 1) AS t"
		switch t {
		case "tenants":
			query = "SELECT count(*) FROM ? WHERE id <> 'system'"
		case "counters":
			query = "SELECT count(*) FROM ? WHERE value > 0"
		}
		var n int
		if err := s.conn(ctx).NewRaw(query, bun.Ident(t)).Scan(ctx, &n); err != nil {
			return s.fail("look into the store", err)
		}
		if n > 0 {
			return &model.Error{
				Code: model.CodeConflict, Message: "the store is not empty",
				Remedy: "Restore into an empty database: another data directory, or a new database of PostgreSQL.",
			}
		}
	}
	return nil
}

// prepareSchema makes the empty store one of the backup's schema.
func (s *Store) prepareSchema(ctx context.Context, m manifest) error {
	if m.Schema < 1 || m.Schema > s.newest() {
		return &model.Error{
			Code: model.CodeInvalid, Message: fmt.Sprintf("the backup has schema %d; this Bulkhead knows 1 to %d", m.Schema, s.newest()),
			Remedy: "Use the version of Bulkhead that made the backup, or a newer one.",
		}
	}
	version, err := s.schemaVersion(ctx)
	if err != nil || version == m.Schema {
		return err
	}
	all := tables()
	slices.Reverse(all)
	for _, t := range append(all, "bun_migrations", compatibilityTable) {
		if _, err := s.write.NewRaw("DROP TABLE IF EXISTS ?", bun.Ident(t)).Exec(ctx); err != nil {
			return s.fail("prepare the schema", err)
		}
	}
	return s.migrateTo(ctx, m.Schema)
}

// fill inserts rows. Tables and columns are those that the database has; values are never part of a statement's text.
func (s *Store) fill(ctx context.Context, a *archive) error {
	t := s.transaction(ctx)
	for _, table := range []string{"tenants", "counters"} { // what a new schema begins with is in the backup, too
		if _, err := t.NewRaw("DELETE FROM ?", bun.Ident(table)).Exec(ctx); err != nil {
			return s.fail("empty the store", err)
		}
	}
	f := &filler{store: s, tx: t, columns: map[string][]string{}}
	err := a.rows(func(table string, row map[string]any) error { return f.add(ctx, table, row) })
	if err != nil {
		return err
	}
	return f.flush(ctx)
}

// filler inserts rows of one table together.
type filler struct {
	store   *Store
	tx      *transaction
	columns map[string][]string // by table
	table   string
	marks   []string
	values  []any
	size    int
}

const fillSize = 1 << 20 // bytes of one statement, roughly

func (f *filler) add(ctx context.Context, table string, row map[string]any) error {
	columns, err := f.columnsOf(ctx, table)
	if err != nil {
		return err
	}
	if len(row) != len(columns) {
		return fmt.Errorf("a row of the table %.40q has %d columns, not %d", table, len(row), len(columns))
	}
	if f.table != table || f.size > fillSize || len(f.marks) >= 500 {
		if err := f.flush(ctx); err != nil {
			return err
		}
		f.table = table
	}
	for _, c := range columns {
		v, ok := row[c]
		if !ok {
			return fmt.Errorf("a row of the table %.40q has no column %q", table, c)
		}
		f.values = append(f.values, v)
		switch v := v.(type) {
		case string:
			f.size += len(v)
		case []byte:
			f.size += 2 * len(v)
		}
	}
	f.marks = append(f.marks, "("+strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")+")")
	return nil
}

func (f *filler) flush(ctx context.Context) error {
	if len(f.marks) == 0 {
		return nil
	}
	query := fmt.Sprintf(`INSERT INTO "%s" ("%s") VALUES %s`, f.table, strings.Join(f.columns[f.table], `", "`), strings.Join(f.marks, ", "))
	_, err := f.tx.NewRaw(query, f.values...).Exec(ctx)
	f.marks, f.values, f.size = nil, nil, 0
	if kind := kindOf(err); kind == taken || kind == dangling || kind == breaksRule {
		return fmt.Errorf("the rows of the table %q contradict themselves", f.table)
	}
	return f.store.fail("fill the store", err)
}

// columnsOf asks the database. The table is one of ours before it becomes part of a statement.
func (f *filler) columnsOf(ctx context.Context, table string) ([]string, error) {
	if c, ok := f.columns[table]; ok {
		return c, nil
	}
	if !slices.Contains(tables(), table) {
		return nil, fmt.Errorf("there is no table %.40q", table)
	}
	rows, err := f.tx.QueryContext(ctx, "SELECT * FROM ? LIMIT 0", bun.Ident(table))
	if err != nil {
		return nil, f.store.fail("look at the schema", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	columns, err := rows.Columns()
	if err != nil {
		return nil, f.store.fail("look at the schema", err)
	}
	f.columns[table] = columns
	return columns, f.store.fail("look at the schema", rows.Err())
}
