package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestFacts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		node(t, s, "a", "n2")
		is := func(digest string, taken, received time.Time, keys ...string) {
			t.Helper()
			want, digests := map[string]model.Fact{}, map[string]string{}
			for _, f := range update("", "", keys...).Set {
				want[f.Key], digests[f.Key] = f, f.Digest
			}
			got, err := s.Facts(ctx, "n1")
			ok(t, err)
			same(t, want, got)
			gotDigests, err := s.FactDigests(ctx, "n1")
			ok(t, err)
			same(t, digests, gotDigests)
			m, err := s.Node(ctx, "n1")
			ok(t, err)
			if m.FactsDigest != digest || !m.FactsTaken.Equal(taken) || !m.FactsReceived.Equal(received) {
				t.Fatal(m.FactsDigest, m.FactsTaken, m.FactsReceived)
			}
		}
		is("", time.Time{}, time.Time{})
		ok(t, s.ApplyFacts(ctx, "n2", update("", "x", "kept"), now))
		first := update("", "1", "host", "containers", "containers/a")
		ok(t, s.ApplyFacts(ctx, "n1", first, now))
		is("1", now, now, "host", "containers", "containers/a")

		second := update("1", "2", "containers", "containers/b")
		second.Set[0].Data, second.Set[0].Digest = []byte(`["b"]`), "changed"
		second.Removed = []string{"containers/a", "none"}
		second.Taken = now.Add(time.Minute)
		later := now.Add(time.Hour)
		ok(t, s.ApplyFacts(ctx, "n1", second, later))
		got, err := s.Facts(ctx, "n1")
		ok(t, err)
		if len(got) != 3 || got["containers"].Digest != "changed" || string(got["containers"].Data) != `["b"]` || got["containers/b"].Key == "" || got["host"].Key == "" {
			t.Fatal(got)
		}
		ok(t, s.ApplyFacts(ctx, "n1", second, later.Add(time.Hour))) // the same again is harmless
		m, err := s.Node(ctx, "n1")
		ok(t, err)
		if m.FactsDigest != "2" || !m.FactsReceived.Equal(later) || !m.FactsTaken.Equal(second.Taken) {
			t.Fatalf("%+v", m)
		}
		code(t, s.ApplyFacts(ctx, "n1", update("1", "3", "other"), now), model.CodeConflict) // it starts from what is gone
		code(t, s.ApplyFacts(ctx, "none", update("", "1", "host"), now), model.CodeNotFound)
		code(t, s.ApplyFacts(ctx, "none", update("1", "2", "host"), now), model.CodeNotFound)

		// All of it: what is not named is gone.
		ok(t, s.ApplyFacts(ctx, "n1", update("", "4", "host", "new"), now))
		is("4", now, now, "host", "new")
		ok(t, s.ApplyFacts(ctx, "n1", update("", "4", "host", "new"), now))
		is("4", now, now, "host", "new")
		other, err := s.FactDigests(ctx, "n2")
		ok(t, err)
		same(t, map[string]string{"kept": "of kept"}, other)

		// A part of a snapshot was taken at no time, and is not assessed.
		part := update("4", "5", "part")
		part.More = true
		ok(t, s.ApplyFacts(ctx, "n1", part, now))
		is("5", time.Time{}, now, "host", "new", "part")
		waiting, err := s.NodesToAssess(ctx, later, 0)
		ok(t, err)
		same(t, []string{"n2"}, ids(waiting, func(m model.Member) string { return m.ID }))
	})
}

func TestManyFacts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		u := &model.FactsUpdate{Digest: "1", Taken: now}
		for i := range mostRows + 100 { // more than other lists have
			u.Set = append(u.Set, model.Fact{Key: fmt.Sprint("containers/", i), Digest: "d", Data: []byte("{}")})
		}
		u.Set[0].Data = []byte(`"` + strings.Repeat("x", 2*fillSize) + `"`)
		ok(t, s.ApplyFacts(ctx, "n1", u, now))
		got, err := s.Facts(ctx, "n1")
		ok(t, err)
		if len(got) != len(u.Set) || len(got["containers/0"].Data) != 2*fillSize+2 {
			t.Fatal(len(got))
		}
		rest := &model.FactsUpdate{Base: "1", Digest: "2", Taken: now}
		for k := range got {
			rest.Removed = append(rest.Removed, k)
		}
		ok(t, s.ApplyFacts(ctx, "n1", rest, now))
		digests, err := s.FactDigests(ctx, "n1")
		ok(t, err)
		if len(digests) != 0 {
			t.Fatal(len(digests))
		}
	})
}

// Of several differences from the same facts one is applied: the digest says what the facts are.
func TestApplyFactsRace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		ok(t, s.ApplyFacts(ctx, "n1", update("", "0", "host"), now))
		var n counter
		won := race(8, func() error {
			i := fmt.Sprint(n.next())
			err := s.ApplyFacts(ctx, "n1", update("0", i, "from "+i), now)
			if err != nil && model.CodeOf(err) != model.CodeConflict {
				t.Error(err)
			}
			return err
		})
		m, err := s.Node(ctx, "n1")
		ok(t, err)
		got, err := s.FactDigests(ctx, "n1")
		ok(t, err)
		if won != 1 || len(got) != 2 || got["from "+m.FactsDigest] == "" {
			t.Fatal(won, m.FactsDigest, got)
		}
	})
}

func TestNodesToAssess(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "none") // without facts
		for i := range 5 {
			name := fmt.Sprint("n", i)
			node(t, s, "a", name)
			ok(t, s.ApplyFacts(ctx, name, update("", "d", "host"), now.Add(-time.Duration(i)*time.Minute)))
		}
		ok(t, s.RevokeNode(ctx, "n3", "", now))
		waiting := func(limit int) []string {
			t.Helper()
			got, err := s.NodesToAssess(ctx, now, limit)
			ok(t, err)
			return ids(got, func(m model.Member) string { return m.ID })
		}
		same(t, []string{"n4", "n2", "n1"}, waiting(0))
		same(t, []string{"n4"}, waiting(1))
		ok(t, s.SetAssessed(ctx, "n4", "d", now))
		ok(t, s.SetAssessed(ctx, "n2", "older", now)) // something came meanwhile
		same(t, []string{"n2", "n1"}, waiting(0))
		code(t, s.SetAssessed(ctx, "gone", "d", now), model.CodeNotFound)
		m, err := s.Node(ctx, "n4")
		ok(t, err)
		if m.Assessed != "d" || !m.AssessedAt.Equal(now) {
			t.Fatalf("%+v", m)
		}
		ok(t, s.ApplyFacts(ctx, "n4", update("d", "e", "more"), now.Add(-time.Hour)))
		same(t, []string{"n4", "n2", "n1"}, waiting(0))
		// Several at once, each where nobody was faster.
		later := now.Add(time.Minute)
		done, err := s.SettleAssessed(ctx, []model.Assessed{
			{Node: "n4", Digest: "e", When: later, Was: now},
			{Node: "n2", Digest: "e", When: later, Was: later},
			{Node: "n1", Digest: "d", When: later},
			{Node: "n3", Digest: "d", When: later},
			{Node: "gone", Digest: "d", When: later},
		})
		ok(t, err)
		if len(done) != 2 || !done["n4"] || !done["n1"] {
			t.Fatal(done)
		}
		same(t, []string{"n2"}, waiting(0))
	})
}

func TestNodesWithFacts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, id := range []string{"a", "b"} {
			tenant(t, s, id)
			for _, n := range []string{"1", "2", "3"} {
				node(t, s, id, id+n)
			}
			ok(t, s.ApplyFacts(ctx, id+"1", update("", id, "host", "swarm/node_id", "swarm/manager"), now))
			ok(t, s.ApplyFacts(ctx, id+"2", update("", id, "host", "swarm/manager"), now))
			ok(t, s.ApplyFacts(ctx, id+"3", update("", id, "swarm/node_id"), now))
			ok(t, s.RevokeNode(ctx, id+"3", "", now))
		}
		for scope, want := range map[string]string{"": "a1 b1", "a": "a1", "none": ""} {
			nodes, facts, err := s.NodesWithFacts(ctx, scope, []string{"swarm/node_id", "maintenance"}, []string{"swarm/node_id", "swarm/manager"})
			ok(t, err)
			var got []string
			for i := range nodes {
				got = append(got, nodes[i].ID)
				if f := facts[nodes[i].ID]; len(f) != 2 || len(f["swarm/manager"]) == 0 {
					t.Errorf("facts of %s: %v", nodes[i].ID, f)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("of %q: %v", scope, got)
			}
		}
	})
}
