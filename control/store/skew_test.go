package store

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// additive is a migration of the kind that a program of the version before can live with.
func additive() migration {
	m := next()
	m.Compatible = true
	m.Up = func(ctx context.Context, tx bun.Tx, kind string) error {
		return run(ctx, tx, kind,
			"ALTER TABLE tenants ADD COLUMN country {text} DEFAULT 'xx'",
			"ALTER TABLE nodes ADD COLUMN rack {int} DEFAULT 0",
			"ALTER TABLE counters ADD COLUMN note {text} DEFAULT ''",
			"CREATE TABLE racks (id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE) {end}",
			"CREATE INDEX tenants_by_country ON tenants (country)",
			"INSERT INTO racks (id, tenant) VALUES ('r', 'system')")
	}
	return m
}

// A server of this version and one of the next work on one database at once, whichever came first.
func TestTwoVersionsOnOneDatabase(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			running := open(t, o) // before the schema changed
			tenant(t, running, "before")
			newer := o
			newer.also = []migration{additive()}
			after := open(t, newer)
			started := open(t, o) // after it
			present := o
			present.Present = true
			look := open(t, present)

			for i, s := range []*Store{running, started, after} {
				name := fmt.Sprint("t", i)
				ctx := t.Context()
				tenant(t, s, name)
				u := account(t, s, name, "alice")
				ok(t, s.CreateSession(ctx, session(u, name)))
				m := node(t, s, name, "n-"+name)
				m.Sensitivity = "high"
				ok(t, s.UpdateNode(ctx, m))
				ok(t, s.TouchNodes(ctx, []model.Contact{{Node: m.ID, Seen: now.Add(time.Minute)}}))
				ok(t, s.PutFindings(ctx, []model.Finding{finding(name, m.ID, "f")}))
				ok(t, s.PutBundle(ctx, bundle(model.BundlePolicies, name, "d"), signed))
				ok(t, s.UpdateTenant(ctx, &model.Tenant{ID: name, Name: "renamed", Version: 1}))
			}
			for _, s := range []*Store{running, started, after, look} {
				for i := range 3 {
					name := fmt.Sprint("t", i)
					m, err := s.Node(t.Context(), "n-"+name)
					ok(t, err)
					x, err := s.Tenant(t.Context(), name)
					ok(t, err)
					if m.Sensitivity != "high" || x.Name != "renamed" {
						t.Fatalf("%+v %+v", m, x)
					}
				}
				list, _, err := s.Nodes(t.Context(), model.Query{})
				ok(t, err)
				if len(list) != 3 {
					t.Fatal(len(list))
				}
				if f := s.checkSchema(t.Context()); !f.OK {
					t.Errorf("%+v", f)
				}
			}
			var country string
			ok(t, after.read.NewRaw("SELECT country FROM tenants WHERE id = 't1'").Scan(t.Context(), &country))
			if country != "xx" { // a row of the older program
				t.Fatal(country)
			}

			// A backup by the older program would leave out the racks, and its restore would not know them.
			var b bytes.Buffer
			code(t, started.Backup(t.Context(), &b), model.CodeUnavailable)
			code(t, look.Backup(t.Context(), &b), model.CodeUnavailable)
			code(t, started.Restore(t.Context(), bytes.NewReader(nil)), model.CodeUnavailable)
			ok(t, after.Backup(t.Context(), &b))
		})
	}
}

// The older program's queue works, too.
func TestJobsOnNextSchema(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			o := options(t, kind)
			newer := o
			newer.also = []migration{additive()}
			ok(t, open(t, newer).Close())
			s := open(t, o)
			done := make(chan struct{})
			ok(t, s.StartJobs(t.Context(), []model.Worker{{Kind: "work", Run: func(context.Context) (model.Text, error) {
				close(done)
				return model.Text{}, nil
			}}}))
			_, err := s.EnqueueJob(t.Context(), "work")
			ok(t, err)
			<-done
			ok(t, s.StopJobs(t.Context()))
		})
	}
}

// One that the program before can't work on, two versions at once, and one that says nothing are refused.
func TestTooNewIsRefused(t *testing.T) {
	second := func(compatible bool) migration {
		return migration{Version: len(migrations()) + 2, About: "test", Compatible: compatible, Up: func(context.Context, bun.Tx, string) error { return nil }}
	}
	for _, kind := range []string{KindSQLite, KindPostgres} {
		for name, c := range map[string]struct {
			also []migration
			then string
		}{
			"incompatible": {also: []migration{next()}},
			"two versions": {also: []migration{additive(), second(true)}},
			"no word":      {also: []migration{additive()}, then: "DELETE FROM schema_compatibility"},
			"before":       {also: []migration{additive()}, then: "DROP TABLE schema_compatibility"},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				o := options(t, kind)
				newer := o
				newer.also = c.also
				s := open(t, newer)
				if c.then != "" {
					_, err := s.write.ExecContext(t.Context(), c.then)
					ok(t, err)
				}
				for _, present := range []bool{false, true} {
					o.Present = present
					_, err := Open(t.Context(), o)
					code(t, err, model.CodeUnavailable)
				}
			})
		}
	}
}
