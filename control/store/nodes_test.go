package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func fieldOf(err error) string {
	var e *model.Error
	errors.As(err, &e)
	if e == nil {
		return ""
	}
	return e.Field
}

// operations are the changes of objects of a type, as "operation id@tenant".
func operations(t testing.TB, s *Store, objectType string) (out []string) {
	t.Helper()
	changes, err := s.ChangesAfter(t.Context(), "", 0, 0)
	ok(t, err)
	for _, c := range changes {
		if c.Object.Type == objectType {
			out = append(out, c.Operation+" "+c.Object.ID+"@"+c.Tenant)
		}
	}
	return out
}

func same(t testing.TB, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestNodes(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		m := member("a", "n1")
		m.Labels, m.Sensitivity, m.Cordoned, m.Drained = map[string]string{"x": "y'"}, "high", true, true
		m.Previous, m.HealthReason, m.Flapping, m.AgentVersion, m.Addresses, m.Run = "0", "r", true, "1", []string{"::1"}, "run"
		m.Policies, m.Settings, m.Assignment, m.Spooled, m.Dropped = 1, 2, 3, 4, 5
		m.FactsDigest, m.FactsTaken, m.FactsReceived, m.Assessed, m.AssessedAt, m.LogKey = "d", now, now, "d", now, "k"
		ok(t, s.CreateNode(ctx, m))
		got, err := s.Node(ctx, "n1")
		ok(t, err)
		same(t, m, got)
		if m.Version != 1 {
			t.Fatal(m.Version)
		}
		got, err = s.NodeByName(ctx, "a", "name-n1")
		ok(t, err)
		same(t, m, got)
		_, err = s.NodeByName(ctx, "b", "name-n1")
		code(t, err, model.CodeNotFound)
		_, err = s.Node(ctx, "none")
		code(t, err, model.CodeNotFound)

		for field, change := range map[string]func(*model.Member){
			"csr":     func(x *model.Member) { x.ID, x.Name, x.Tenant = "n2", "other", "b" },
			"machine": func(x *model.Member) { x.KeyHash, x.Name, x.Tenant = []byte("other"), "other", "b" },
			"name":    func(x *model.Member) { x.ID, x.KeyHash = "n2", []byte("other") },
		} {
			x := *m
			change(&x)
			err := s.CreateNode(ctx, &x)
			code(t, err, model.CodeExists)
			if fieldOf(err) != field {
				t.Errorf("%s: %q", field, fieldOf(err))
			}
		}
		code(t, s.CreateNode(ctx, member("none", "n9")), model.CodeNotFound)
		x := member("b", "n2") // what was refused left no key behind, and names are the tenant's own
		x.Name, x.KeyHash = "name-n1", []byte("other")
		ok(t, s.CreateNode(ctx, x))

		stale := *m
		m.Pool, m.Labels, m.Sensitivity, m.Cordoned, m.Drained = "edge", nil, "", false, false
		m.Serial, m.Tenant, m.Name = "stolen", "b", "stolen" // nothing that people decide
		ok(t, s.UpdateNode(ctx, m))
		got, err = s.Node(ctx, "n1")
		ok(t, err)
		want := stale
		want.Pool, want.Labels, want.Sensitivity, want.Cordoned, want.Drained, want.Version = "edge", nil, "", false, false, 2
		same(t, &want, got)
		if m.Version != 2 {
			t.Fatal(m.Version)
		}
		code(t, s.UpdateNode(ctx, &stale), model.CodeConflict)
		code(t, s.UpdateNode(ctx, member("a", "none")), model.CodeNotFound)

		code(t, s.DeleteNode(ctx, "n1"), model.CodeConflict)
		ok(t, s.RevokeNode(ctx, "n1", "stolen", now))
		ok(t, s.RevokeNode(ctx, "n1", "again", now.Add(time.Hour)))
		got, err = s.Node(ctx, "n1")
		ok(t, err)
		if !got.Revoked.Equal(now) || got.RevokedReason != "stolen" || got.Health != model.HealthRevoked || !got.HealthSince.Equal(now) || got.Version != 3 {
			t.Fatalf("%+v", got)
		}
		code(t, s.UpdateNode(ctx, m), model.CodeConflict)
		code(t, s.RevokeNode(ctx, "none", "", now), model.CodeNotFound)

		ok(t, s.ApplyFacts(ctx, "n2", update("", "d1", "host"), now))
		ok(t, s.PutFindings(ctx, []model.Finding{finding("b", "n2", "f")}))
		ok(t, s.AddEvents(ctx, []model.Event{event("b", "n2", "e")}))
		e := exception("b", "q")
		e.Node = "n2"
		ok(t, s.CreateException(ctx, e))
		ok(t, s.CreateException(ctx, exception("b", "kept")))
		ok(t, s.RevokeNode(ctx, "n2", "", now))
		ok(t, s.DeleteNode(ctx, "n2"))
		code(t, s.DeleteNode(ctx, "n2"), model.CodeNotFound)
		facts, err := s.Facts(ctx, "n2")
		ok(t, err)
		found, _, err := s.Findings(ctx, model.Query{})
		ok(t, err)
		happened, _, err := s.Events(ctx, model.Query{})
		ok(t, err)
		excepted, err := s.ExceptionsOf(ctx, "b")
		ok(t, err)
		if len(facts) != 0 || len(found) != 0 || len(happened) != 1 || len(excepted) != 1 || excepted[0].ID != "kept" {
			t.Fatal(facts, found, happened, excepted)
		}
		err = s.CreateNode(ctx, x) // its key stays taken
		code(t, err, model.CodeExists)
		if fieldOf(err) != "csr" {
			t.Fatal(err)
		}
		same(t, []string{"created n1@a", "created n2@b", "updated n1@a", "updated n1@a", "updated n2@b", "deleted n2@b"}, operations(t, s, "Node"))
	})
}

func TestNodesRace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		tenant(t, s, "a")
		var n counter
		for field, change := range map[string]func(m *model.Member, i int){
			"csr":     func(m *model.Member, _ int) { m.KeyHash = []byte("one key") },
			"machine": func(m *model.Member, _ int) { m.ID = "one machine" },
			"name":    func(m *model.Member, _ int) { m.Name = "one name" },
		} {
			won := race(8, func() error {
				i := n.next()
				m := member("a", fmt.Sprintf("%s-%d", field, i))
				change(m, i)
				err := s.CreateNode(t.Context(), m)
				if err != nil && (model.CodeOf(err) != model.CodeExists || fieldOf(err) != field) {
					t.Errorf("%s: %q %v", field, fieldOf(err), err)
				}
				return err
			})
			if won != 1 {
				t.Errorf("%s: %d", field, won)
			}
		}
	})
}

func TestReplaceNode(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		old := member("a", "0123456789abcdef")
		old.Name = strings.Repeat("n", 253)
		ok(t, s.CreateNode(ctx, old))
		code(t, s.ReplaceNode(ctx, old.ID, member("b", "n2")), model.CodeNotFound) // another tenant's
		code(t, s.ReplaceNode(ctx, "none", member("a", "n2")), model.CodeNotFound)
		twin := member("a", "n2")
		twin.KeyHash = old.KeyHash
		code(t, s.ReplaceNode(ctx, old.ID, twin), model.CodeExists)
		got, err := s.Node(ctx, old.ID)
		ok(t, err)
		same(t, old, got) // a refused one changes nothing
		ok(t, s.ReplaceNode(ctx, old.ID, member("a", "n2")))
		got, err = s.Node(ctx, old.ID)
		ok(t, err)
		if got.Name != strings.Repeat("n", 244)+"~01234567" || got.Health != model.HealthRevoked || !got.Revoked.Equal(now) ||
			got.RevokedReason != "replaced by n2" || got.Version <= old.Version {
			t.Fatalf("%+v", got)
		}
		got, err = s.NodeByName(ctx, "a", old.Name)
		ok(t, err)
		if got.ID != "n2" || !got.Revoked.IsZero() {
			t.Fatalf("%+v", got)
		}
		ok(t, s.ReplaceNode(ctx, "n2", member("a", "n3"))) // again, under the same name
		if got, err = s.Node(ctx, "n3"); err != nil || got.Name != old.Name {
			t.Fatal(got, err)
		}
		won := race(8, func() error {
			err := s.ReplaceNode(ctx, "n3", member("a", id()))
			if err != nil && model.CodeOf(err) != model.CodeConflict {
				t.Error(err)
			}
			return err
		})
		list, _, err := s.Nodes(ctx, model.Query{Where: []model.Condition{{Field: "health", Op: "=", Value: "up"}}})
		ok(t, err)
		if won != 1 || len(list) != 1 || list[0].Name != old.Name {
			t.Fatal(won, list)
		}
	})
}

func TestNodeCertificates(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		now := now
		is := func(serial, previous string) {
			t.Helper()
			m, err := s.Node(ctx, "n1")
			ok(t, err)
			if m.Serial != serial || m.Previous != previous || !m.CertificateEnds.Equal(now) {
				t.Fatal(m.Serial, m.Previous, m.CertificateEnds)
			}
		}
		renew := func(serial, next string) error {
			now = now.Add(time.Hour)
			err := s.RenewNode(ctx, "n1", serial, next, now)
			if err != nil {
				now = now.Add(-time.Hour)
			}
			return err
		}
		ok(t, renew("1", "2"))
		is("2", "1")
		ok(t, renew("1", "3")) // the answer with 2 was lost
		is("3", "1")
		code(t, renew("2", "4"), model.CodeConflict)
		ok(t, s.UseCertificate(ctx, "n1", "1")) // not the newest: nothing happens
		is("3", "1")
		ok(t, s.UseCertificate(ctx, "n1", "3"))
		is("3", "")
		code(t, renew("1", "4"), model.CodeConflict)
		code(t, renew("", "4"), model.CodeConflict)
		ok(t, renew("3", "4"))
		is("4", "3")
		code(t, s.RenewNode(ctx, "none", "4", "5", now), model.CodeNotFound)
		ok(t, s.RevokeNode(ctx, "n1", "", now))
		code(t, renew("4", "5"), model.CodeConflict)

		ok(t, s.SetLogKey(ctx, "n1", "k"))
		ok(t, s.SetLogKey(ctx, "n1", "k"))
		code(t, s.SetLogKey(ctx, "n1", "other"), model.CodeConflict)
		code(t, s.SetLogKey(ctx, "none", "k"), model.CodeNotFound)
	})
}

// Whoever shows the newest certificate at the same time as others wins as often as one that lost the answer; whoever shows an older
// one than the two never does.
func TestRenewNodeRace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		ok(t, s.RenewNode(t.Context(), "n1", "1", "2", now))
		ok(t, s.UseCertificate(t.Context(), "n1", "2"))
		var n counter
		if won := race(8, func() error { return s.RenewNode(t.Context(), "n1", "2", fmt.Sprint("x", n.next()), now) }); won != 8 {
			t.Fatal(won)
		}
		if won := race(8, func() error { return s.RenewNode(t.Context(), "n1", "1", "y", now) }); won != 0 {
			t.Fatal(won)
		}
		m, err := s.Node(t.Context(), "n1")
		ok(t, err)
		if !strings.HasPrefix(m.Serial, "x") || m.Previous != "2" {
			t.Fatal(m.Serial, m.Previous)
		}
	})
}

func TestNodeLists(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		for i := range 7 {
			m := member("a", fmt.Sprint("n", i))
			m.Cordoned = i == 1
			if i == 2 {
				m.Pool, m.Sensitivity, m.Health = "edge", "high", model.HealthSilent
			}
			ok(t, s.CreateNode(ctx, m))
		}
		node(t, s, "b", "other")
		where := func(field, value string) []string {
			got, _, err := s.Nodes(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: field, Op: "=", Value: value}}})
			ok(t, err)
			return ids(got, func(m model.Member) string { return m.ID })
		}
		same(t, []string{"n1"}, where("cordoned", "true"))
		same(t, []string{"n2"}, where("pool", "edge"))
		same(t, []string{"n2"}, where("sensitivity", "high"))
		same(t, []string{"n2"}, where("health", "silent"))
		same(t, []string{"n3"}, where("name", "name-n3"))
		same(t, []string{"n4"}, where("id", "n4"))
		walk(t, s.Nodes, model.Query{Tenant: "a"}, func(m model.Member) string { return m.ID }, "n0", "n1", "n2", "n3", "n4", "n5", "n6")
	})
}
