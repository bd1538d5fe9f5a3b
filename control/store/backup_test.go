package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// populate puts something into every table, always the same.
func populate(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	tenant(t, s, "acme")
	tenant(t, s, "gone")
	ok(t, s.DeleteTenant(ctx, "gone"))
	ok(t, s.CreateGroup(ctx, &model.AccountGroup{ID: "g1", Tenant: "acme", Name: "ops", Roles: []string{"operator"}, Hosts: []string{"h1"}, Created: now}))
	a := &model.Account{
		ID: "u1", Tenant: "acme", Name: "alice", DisplayName: "Ali'ce \"ü\" 容器", Email: "a@x", Roles: []string{"owner"},
		Groups: []string{"g1"}, Issuer: "https://i", Subject: "s", Created: now, LastSignIn: now,
	}
	ok(t, s.CreateAccount(ctx, a))
	ok(t, s.SetPassword(ctx, &model.Password{User: "u1", Hash: "$argon2id$v=19$x", Changed: now}))
	ok(t, s.CreateFactor(ctx, &model.Factor{ID: "f1", User: "u1", Kind: model.FactorTOTP, Name: "phone", Data: []byte{0, 1, 255}, Created: now, Counter: 7}))
	se := session(a, "\x00secret\xff")
	se.ID = "s1"
	ok(t, s.CreateSession(ctx, se))
	to := token(a, "ci")
	to.ID = "t1"
	ok(t, s.CreateToken(ctx, to))
	ok(t, s.CreateTicket(ctx, &model.Ticket{ID: "k1", Kind: model.TicketDevice, User: "u1", Lookup: "l", Data: []byte("d"), Created: now, Expires: now.Add(time.Hour)}))
	_, err := s.AddFailure(ctx, "sign-in", now)
	ok(t, err)
	ok(t, s.KeepAnswer(ctx, &model.Answer{Key: "key", Digest: []byte{1}, Body: []byte("{}"), Created: now}))
	ok(t, s.CreateSecret(ctx, "ca", []byte{9, 0}))
	ok(t, s.CreatePolicies(ctx, &model.Policies{Tenant: "acme", Version: 1, Files: []model.PolicyFile{{Name: "a.cedar", Text: "permit(principal, action, resource);\n"}}, Author: "u1", Created: now, Digest: "d", Signature: "sig"}))
	ok(t, s.CreateProposal(ctx, &model.Proposal{ID: "pp1", Tenant: "acme", Base: 1, Files: []model.PolicyFile{{Name: "a.cedar", Text: "x\n"}}, Note: "why", Author: "u1", State: model.ProposalPending, Check: []byte("{}"), Created: now}))
	ok(t, s.CreateAccess(ctx, &model.Access{ID: "a1", Tenant: "acme", User: "u1", Action: "TenantDelete", Resource: model.Ref{Type: "Tenant", ID: "acme"}, Duration: time.Hour, State: model.AccessApproved, Created: now, Expires: now.Add(time.Hour)}))
	r := record("one", 0, "acme")
	r.Record.ID = "r1"
	ok(t, s.IndexRecords(ctx, []model.LogRecord{r}))
	ok(t, s.RegisterLog(ctx, "one", "key"))
	c := model.Checkpoint{Origin: "one", Size: 1, Root: []byte{7}, Note: "n", Keeper: "k", Time: now}
	ok(t, s.PublishLog(ctx, &c, nil))
	ok(t, s.SetLogVerified(ctx, "one", now))
	ok(t, s.KeepCheckpoint(ctx, &c))
	ok(t, s.CreateAssessment(ctx, &model.Published{ID: "p1", Tenant: "acme", Node: "n", NodeName: "node", Time: now, Published: now, Publisher: "u1", Statuses: map[string]model.Status{"8.1.a": model.Met}, Document: []byte(`{"x":1}`)}))
	populateFleet(t, s)
}

// content is every row as text, without the times of changes and secrets, which are those of the test's run.
func content(t testing.TB, s *Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range tables() {
		ok(t, s.readTx(t.Context(), func(tx bun.Tx) error {
			rows, err := tx.QueryContext(t.Context(), "SELECT * FROM ? ORDER BY 1, 2", bun.Ident(table))
			if err != nil {
				return err
			}
			defer rows.Close()
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			values, places := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				places[i] = &values[i]
			}
			for rows.Next() {
				if err := rows.Scan(places...); err != nil {
					return err
				}
				var row []string
				for i, c := range columns {
					if table == "changes" && c == "time" || table == "secrets" && c == "created" || table == "former_tenants" && c == "deleted" {
						continue
					}
					row = append(row, fmt.Sprintf("%s=%q", c, fmt.Sprint(values[i])))
				}
				all[table] = append(all[table], strings.Join(row, " "))
			}
			return rows.Err()
		}))
	}
	return all
}

// complete fails where a table has nothing: then populate has to be extended.
func complete(t testing.TB, all map[string][]string) {
	t.Helper()
	for _, table := range tables() {
		if len(all[table]) == 0 {
			t.Errorf("nothing in the table %s", table)
		}
	}
}

func backupOf(t testing.TB, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	ok(t, s.Backup(t.Context(), &b))
	return b.Bytes()
}

func TestBackupMovesBetweenDatabases(t *testing.T) {
	kinds := []string{KindSQLite, KindPostgres}
	for _, from := range kinds {
		source := open(t, options(t, from))
		populate(t, source)
		want := content(t, source)
		complete(t, want)
		saved := backupOf(t, source)
		for _, to := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				s := open(t, options(t, to))
				ok(t, s.Restore(t.Context(), bytes.NewReader(saved)))
				if d := cmp.Diff(want, content(t, s)); d != "" {
					t.Fatal(d)
				}
				tenant(t, s, "next") // numbers of changes go on
				last, err := s.LastChange(t.Context())
				ok(t, err)
				before, err := source.LastChange(t.Context())
				ok(t, err)
				if last != before+1 {
					t.Fatal(last, before)
				}
				code(t, s.Restore(t.Context(), bytes.NewReader(saved)), model.CodeConflict)
			})
		}
	}
}

// A backup made under load is of one moment: every transaction is in it whole or not at all.
func TestBackupUnderLoad(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx, stop := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() {
				for ctx.Err() == nil {
					_ = s.InTx(t.Context(), func(ctx context.Context) error {
						name := id()
						if err := s.CreateTenant(ctx, &model.Tenant{ID: name}); err != nil {
							return err
						}
						return s.CreateAccount(ctx, &model.Account{ID: name, Tenant: name, Name: "x"})
					})
				}
			})
		}
		for range 3 {
			to := open(t, Options{Dir: t.TempDir()})
			ok(t, to.Restore(t.Context(), bytes.NewReader(backupOf(t, s))))
			var lonely, changes, last int64
			ok(t, to.read.NewRaw("SELECT count(*) FROM tenants WHERE id <> 'system' AND id NOT IN (SELECT id FROM accounts)").Scan(t.Context(), &lonely))
			ok(t, to.read.NewRaw("SELECT count(*) FROM changes").Scan(t.Context(), &changes))
			last, err := to.LastChange(t.Context())
			ok(t, err)
			if lonely != 0 || changes != last {
				t.Fatal(lonely, changes, last)
			}
		}
		stop()
		wait.Wait()
	})
}

func TestLargeTablesHaveParts(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	tenant(t, s, "a")
	for i := range 5 {
		ok(t, s.CreateAssessment(t.Context(), &model.Published{ID: fmt.Sprint(i), Tenant: "a", Document: bytes.Repeat([]byte{byte(i)}, partSize/2)}))
	}
	saved := backupOf(t, s)
	var names []string
	rewrite(t, saved, func(name string, _ []byte) []byte {
		names = append(names, name)
		return nil
	})
	if !slices.Contains(names, "tables/assessments.2.jsonl") {
		t.Fatal(names)
	}
	to := open(t, Options{Dir: t.TempDir()})
	ok(t, to.Restore(t.Context(), bytes.NewReader(saved)))
	p, err := to.Assessment(t.Context(), "4")
	ok(t, err)
	if len(p.Document) != partSize/2 || p.Document[0] != 4 {
		t.Fatal(len(p.Document))
	}
}

// rewrite makes an archive of what f makes of each file; nil leaves it out.
func rewrite(t testing.TB, archive []byte, f func(name string, content []byte) []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	ok(t, err)
	in := tar.NewReader(z)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	out := tar.NewWriter(w)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		ok(t, err)
		c, err := io.ReadAll(in)
		ok(t, err)
		if c = f(h.Name, c); c != nil {
			h.Size = int64(len(c))
			ok(t, out.WriteHeader(h))
			_, err = out.Write(c)
			ok(t, err)
		}
	}
	ok(t, out.Close())
	ok(t, w.Close())
	return b.Bytes()
}

func TestHostileBackups(t *testing.T) {
	source := open(t, Options{Dir: t.TempDir()})
	populate(t, source)
	saved := backupOf(t, source)
	replace := func(file, from, to string) []byte {
		return rewrite(t, saved, func(name string, c []byte) []byte {
			if name != file {
				return c
			}
			if !bytes.Contains(c, []byte(from)) {
				t.Fatalf("%s has no %s: %s", file, from, c)
			}
			return bytes.ReplaceAll(c, []byte(from), []byte(to))
		})
	}
	for name, archive := range map[string][]byte{
		"nothing":          nil,
		"no archive":       []byte("hello"),
		"cut off":          saved[:len(saved)/2],
		"end cut off":      saved[:len(saved)-9],
		"without manifest": rewrite(t, saved, func(n string, c []byte) []byte { return map[bool][]byte{false: c}[n == manifestName] }),
		"without end":      rewrite(t, saved, func(n string, c []byte) []byte { return map[bool][]byte{false: c}[n == endName] }),
		"without a table":  rewrite(t, saved, func(n string, c []byte) []byte { return map[bool][]byte{false: c}[n == "tables/throttles.jsonl"] }),
		"other format":     replace(manifestName, backupFormat, "x"),
		"newer schema":     replace(manifestName, fmt.Sprintf(`"schema":%d`, len(migrations())), `"schema":999`),
		"other table":      replace("tables/accounts.jsonl", `"id"`, `"id\"; DROP TABLE accounts; --"`),
		"a row less":       replace(endName, `"accounts":1`, `"accounts":2`),
		"null":             replace("tables/accounts.jsonl", `"disabled":0`, `"disabled":null`),
		"a fraction":       replace("tables/accounts.jsonl", `"disabled":0`, `"disabled":0.5`),
		"other type":       replace("tables/factors.jsonl", `{"base64":"AAH/"}`, `7`),
		"no base64":        replace("tables/factors.jsonl", `AAH/`, `!`),
		"dangling":         replace("tables/accounts.jsonl", `"tenant":"acme"`, `"tenant":"none"`),
		"other tenant":     replace("tables/memberships.jsonl", `"tenant":"acme"`, `"tenant":"system"`),
		"zero byte":        replace("tables/accounts.jsonl", `"alice"`, `"al\u0000ice"`),
	} {
		for _, kind := range []string{KindSQLite, KindPostgres} {
			s := open(t, options(t, kind))
			err := s.Restore(t.Context(), bytes.NewReader(archive))
			if model.CodeOf(err) != model.CodeInvalid {
				t.Errorf("%s on %s: %v", name, kind, err)
			}
			// Nothing was changed: the good one still fits.
			if err := s.mustBeEmpty(t.Context()); err != nil {
				t.Errorf("%s on %s: %v", name, kind, err)
			}
			ok(t, s.Close())
		}
	}
}

func FuzzArchive(f *testing.F) {
	s := open(f, Options{Dir: f.TempDir()})
	populate(f, s)
	f.Add(backupOf(f, s), []byte(`{"a":1,"b":"x","c":{"base64":"AA=="}}`))
	f.Add([]byte("x"), []byte(`{"a":`))
	small := limits{entries: 50, line: 1 << 16, bytes: 1 << 20}
	f.Fuzz(func(t *testing.T, archive, line []byte) {
		if a, err := openArchive(bytes.NewReader(archive), small); err == nil {
			var read int64
			_ = a.rows(func(_ string, row map[string]any) error {
				read += int64(len(row))
				return nil
			})
			a.close()
			if read > small.bytes {
				t.Fatal(read)
			}
		}
		row, err := readRow(line)
		if err != nil {
			return
		}
		for _, v := range row {
			switch v.(type) {
			case string, int64, []byte:
			default:
				t.Fatalf("%T", v)
			}
		}
	})
}

func TestArchiveLimits(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	populate(t, s)
	saved := backupOf(t, s)
	for name, l := range map[string]limits{
		"files": {entries: 3, line: 1 << 20, bytes: 1 << 20},
		"row":   {entries: 99, line: 20, bytes: 1 << 20},
		"bytes": {entries: 99, line: 1 << 20, bytes: 4096},
	} {
		a, err := openArchive(bytes.NewReader(saved), l)
		if err == nil {
			err = a.rows(func(string, map[string]any) error { return nil })
		}
		if err == nil {
			t.Errorf("no limit of %s", name)
		}
	}
}

func TestDoctor(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		populate(t, s)
		for _, f := range s.Doctor(t.Context()) {
			if !f.OK {
				t.Errorf("%+v", f)
			}
		}
		_, err := s.write.ExecContext(t.Context(), "DROP TABLE answers")
		ok(t, err)
		if f := s.checkSchema(t.Context()); f.OK || f.Remedy == "" {
			t.Errorf("%+v", f)
		}
		ok(t, s.change(t.Context(), "change", func(db bun.IDB) error {
			_, err := db.NewRaw("UPDATE changes SET time = ?", us(time.Now().Add(time.Hour))).Exec(t.Context())
			return err
		}))
		if f := s.checkClock(t.Context()); f.OK {
			t.Errorf("%+v", f)
		}
	})
}
