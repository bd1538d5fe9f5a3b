package store

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// A database of every schema that was ever released is kept in testdata, filled by populate of its time:
// schema-N.sqlite, schema-N.postgres.sql (pg_dump), schema-N.backup.tar.gz, and schema-N.json with what it must hold
// afterwards. When a migration is added, save the schema before it first:
//
//	go test ./control/store -run TestSaveSchema -save
//
// and, where the migration changes what rows look like, correct schema-N.json by hand: it is what upgrades must keep.
var save = flag.Bool("save", false, "save databases of the present schema into testdata")

func saved(n int, ending string) string {
	return filepath.Join("testdata", fmt.Sprintf("schema-%d%s", n, ending))
}

func TestSaveSchema(t *testing.T) {
	newest := migrations()[len(migrations())-1].Version
	if !*save {
		for _, ending := range []string{".sqlite", ".postgres.sql", ".backup.tar.gz", ".json"} {
			if _, err := os.Stat(saved(newest, ending)); err != nil {
				t.Errorf("the schema %d is not saved, so nobody will know whether it can be upgraded: %v", newest, err)
			}
		}
		return
	}
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	ok(t, err)
	populate(t, s)
	all := content(t, s)
	complete(t, all)
	b, err := json.MarshalIndent(all, "", " ")
	ok(t, err)
	ok(t, os.WriteFile(saved(newest, ".json"), append(b, '\n'), 0o644))
	ok(t, os.WriteFile(saved(newest, ".backup.tar.gz"), backupOf(t, s), 0o644))
	file, err := filepath.Abs(saved(newest, ".sqlite"))
	ok(t, err)
	_ = os.Remove(file)
	_, err = s.write.NewRaw("VACUUM INTO ?", file).Exec(t.Context())
	ok(t, err)
	ok(t, s.Close())
	url := postgresURL(t)
	p := open(t, Options{URL: url})
	populate(t, p)
	found, err := filepath.Glob("/usr/lib/postgresql/15/bin/pg_dump")
	ok(t, err)
	out, err := exec.CommandContext(t.Context(), found[0], "--inserts", "--no-owner", url).Output()
	ok(t, err)
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\`) { // for psql only
			lines = append(lines, line)
		}
	}
	ok(t, os.WriteFile(saved(newest, ".postgres.sql"), []byte(strings.Join(lines, "")), 0o644))
}

// next is a migration that comes after all others, so that the way up is tested before there is a second one.
func next() migration {
	return migration{Version: len(migrations()) + 1, About: "test", Up: func(ctx context.Context, tx bun.Tx, kind string) error {
		add := "ALTER TABLE tenants ADD COLUMN country {text} DEFAULT 'xx'"
		return run(ctx, tx, kind, add, `UPDATE tenants SET country = 'de' WHERE id = 'acme'`)
	}}
}

func TestUpgradeFromEverySchema(t *testing.T) {
	for n := 1; n <= len(migrations()); n++ {
		var want map[string][]string
		b, err := os.ReadFile(saved(n, ".json"))
		ok(t, err)
		ok(t, json.Unmarshal(b, &want))
		for name, from := range map[string]func(t *testing.T, o Options) *Store{
			"sqlite": func(t *testing.T, o Options) *Store {
				o.Dir = t.TempDir()
				b, err := os.ReadFile(saved(n, ".sqlite"))
				ok(t, err)
				ok(t, os.WriteFile(filepath.Join(o.Dir, FileName), b, 0o600))
				return open(t, o)
			},
			"postgres": func(t *testing.T, o Options) *Store {
				o.URL = postgresURL(t)
				load(t, o.URL, saved(n, ".postgres.sql"))
				return open(t, o)
			},
			"backup into sqlite": func(t *testing.T, o Options) *Store {
				o.Dir = t.TempDir()
				return restored(t, o, saved(n, ".backup.tar.gz"))
			},
			"backup into postgres": func(t *testing.T, o Options) *Store {
				o.URL, o.Dir = postgresURL(t), t.TempDir()
				return restored(t, o, saved(n, ".backup.tar.gz"))
			},
		} {
			t.Run(fmt.Sprintf("%d/%s", n, name), func(t *testing.T) {
				s := from(t, Options{})
				if d := cmp.Diff(want, content(t, s)); d != "" {
					t.Fatal(d)
				}
				fresh := open(t, options(t, s.kind))
				if d := cmp.Diff(schema(t, fresh), schema(t, s)); d != "" {
					t.Errorf("the upgraded schema is not the fresh one: %s", d)
				}
			})
			t.Run(fmt.Sprintf("%d/%s and one more", n, name), func(t *testing.T) {
				s := from(t, Options{also: []migration{next()}})
				var country string
				ok(t, s.read.NewRaw("SELECT country FROM tenants WHERE id = 'acme'").Scan(t.Context(), &country))
				if country != "de" {
					t.Fatal(country)
				}
				o := s.options
				o.also = nil
				ok(t, s.Close())
				_, err := Open(t.Context(), o)
				code(t, err, model.CodeUnavailable) // an older program leaves a newer database alone
			})
		}
	}
}

func restored(t *testing.T, o Options, file string) *Store {
	s := open(t, o)
	f, err := os.Open(file)
	ok(t, err)
	defer f.Close()
	ok(t, s.Restore(t.Context(), f))
	return s
}

// load runs a dump.
func load(t *testing.T, url, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	ok(t, err)
	c, err := pgx.Connect(t.Context(), url)
	ok(t, err)
	defer func() { ok(t, c.Close(t.Context())) }()
	_, err = c.PgConn().Exec(t.Context(), string(b)).ReadAll()
	ok(t, err)
}

// schema is what the tables look like.
func schema(t *testing.T, s *Store) []string {
	t.Helper()
	query := `SELECT m.name || ' ' || coalesce(m.sql, '') FROM sqlite_master AS m WHERE m.name NOT LIKE 'river%' ORDER BY m.name`
	if s.kind == KindPostgres {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
			FROM information_schema.columns WHERE table_schema = current_schema() AND table_name NOT LIKE 'river%'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename NOT LIKE 'river%' ORDER BY 1`
	}
	var lines []string
	ok(t, s.read.NewRaw(query).Scan(t.Context(), &lines))
	if len(lines) < 21 {
		t.Fatal(lines)
	}
	return lines
}

// Tenants that were deleted before their ids were kept are known by their audit records.
func TestUpgradeFindsFormerTenants(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			o.migrateTo = 1
			s := open(t, o)
			ok(t, s.IndexRecords(t.Context(), []model.LogRecord{record("one", 0, "old"), record("one", 1, "system")}))
			ok(t, s.Close())
			o.migrateTo = 0
			s = open(t, o)
			code(t, s.CreateTenant(t.Context(), &model.Tenant{ID: "old"}), model.CodeExists)
			ok(t, s.CreateTenant(t.Context(), &model.Tenant{ID: "new"}))
		})
	}
}

// A failed migration leaves the database as it was.
func TestFailedMigration(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			ok(t, open(t, o).Close())
			bad := next()
			bad.Up = func(ctx context.Context, tx bun.Tx, kind string) error {
				return run(ctx, tx, kind, "ALTER TABLE tenants ADD COLUMN country {text} DEFAULT ''", "SELECT nonsense")
			}
			o.also = []migration{bad}
			if _, err := Open(t.Context(), o); err == nil {
				t.Fatal("no error")
			}
			o.also = []migration{next()}
			ok(t, open(t, o).Close())
		})
	}
}

// Many that open a new database at once all find it ready.
func TestOpenAtOnce(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			won := race(4, func() error {
				s, err := Open(t.Context(), o)
				if err != nil {
					t.Error(err)
					return err
				}
				return s.Close()
			})
			if won != 4 {
				t.Fatal(won)
			}
		})
	}
}
