package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// factsOfObjects are a container (with a state), an image and a network.
func factsOfObjects(state string) []model.Fact {
	return []model.Fact{
		{Key: "host", Digest: "h", Data: []byte(`{}`)},
		{Key: "containers", Digest: "l" + state, Data: []byte(`["c1"]`)},
		{Key: "containers/c1", Digest: "c" + state, Data: []byte(`{"id":"c1","name":"web","state":"` + state + `","created":"2026-01-02T03:04:05Z",` +
			`"workload":{"image":{"ref":"nginx:1","id":"sha256:aa"},"privileged":true,"root":true,"ports":[{"host_port":80,"container_port":8080,"protocol":"tcp"}]},` +
			`"endpoints":[{"network":"bridge","ipv4":"172.17.0.2"}]}`)},
		{Key: "images/sha256:aa", Digest: "i", Data: []byte(`{"id":"sha256:aa","tags":["nginx:1"],"size":5,"os":"linux","architecture":"amd64","used_by":["c1"]}`)},
		{Key: "networks/n1", Digest: "n", Data: []byte(`{"id":"n1","name":"bridge","driver":"bridge","icc":true,"subnets":["172.17.0.0/16"],"containers":["web"]}`)},
	}
}

func objectsOf(t *testing.T, s *Store, kind model.ObjectKind, where ...model.Condition) []model.FleetObject {
	t.Helper()
	got, _, err := s.FleetObjects(t.Context(), kind, model.Query{Where: where})
	ok(t, err)
	return got
}

func TestObjectsFollowFacts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Digest: "1", Set: factsOfObjects("running")}, now))
		want := model.FleetObject{
			Kind: model.ObjectContainer, ID: "c1", Tenant: "a", Node: "n1", NodeName: "name-n1", Name: "web", State: "running", Image: "sha256:aa",
			Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), First: now, Changed: now, Updated: now,
			ObjectSummary: model.ObjectSummary{
				ImageRef: "nginx:1", User: "root", Risks: []string{model.RiskPrivileged, model.RiskRoot}, Networks: []string{"bridge"},
				Addresses: []string{"172.17.0.2"}, Ports: []string{"*:80->8080/tcp"},
			},
		}
		m, err := s.Node(ctx, "n1")
		ok(t, err)
		want.NodeName = m.Name
		same(t, []model.FleetObject{want}, objectsOf(t, s, model.ObjectContainer))
		if i := objectsOf(t, s, model.ObjectImage); len(i) != 1 || i[0].Name != "nginx:1" || i[0].Platform != "linux/amd64" || i[0].Used != 1 {
			t.Fatal(i)
		}
		if n := objectsOf(t, s, model.ObjectNetwork); len(n) != 1 || n[0].Talk != "yes" || n[0].Subnets[0] != "172.17.0.0/16" {
			t.Fatal(n)
		}

		// What stays the same is not written again; what changed keeps when it was seen first.
		later := now.Add(time.Hour)
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Base: "1", Digest: "2", Set: factsOfObjects("exited")}, later))
		c := objectsOf(t, s, model.ObjectContainer)
		if len(c) != 1 || c[0].State != "exited" || !c[0].First.Equal(now) || !c[0].Changed.Equal(later) || !c[0].Updated.Equal(later) {
			t.Fatal(c)
		}
		if i := objectsOf(t, s, model.ObjectImage); !i[0].Updated.Equal(now) {
			t.Fatal(i)
		}

		// It goes, is kept, and comes back as what it was.
		gone := later.Add(time.Hour)
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Base: "2", Digest: "3", Removed: []string{"containers/c1", "containers"}}, gone))
		c = objectsOf(t, s, model.ObjectContainer)
		if len(c) != 1 || !c[0].Gone.Equal(gone) || !c[0].Updated.Equal(gone) || !c[0].Changed.Equal(later) {
			t.Fatal(c)
		}
		if here := objectsOf(t, s, model.ObjectContainer, model.Condition{Field: "gone", Op: "=", Value: "false"}); len(here) != 0 {
			t.Fatal(here)
		}
		back := gone.Add(time.Hour)
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Digest: "4", Set: factsOfObjects("exited")}, back))
		c = objectsOf(t, s, model.ObjectContainer)
		if len(c) != 1 || !c[0].Gone.IsZero() || !c[0].Updated.Equal(back) || !c[0].Changed.Equal(later) || !c[0].First.Equal(now) {
			t.Fatal(c)
		}
		// An answer that says that all of it is there, and nothing else.
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Digest: "5", Set: factsOfObjects("exited")[:1]}, back))
		for _, kind := range model.ObjectKinds() {
			if o := objectsOf(t, s, kind); len(o) != 1 || o[0].Gone.IsZero() {
				t.Fatal(kind, o)
			}
		}
		n, err := s.FillObjects(ctx, 10, back)
		ok(t, err)
		if n != 0 {
			t.Fatalf("%d nodes were filled that needed nothing", n)
		}
		// A node's objects go with it.
		ok(t, s.RevokeNode(ctx, "n1", "over", back))
		ok(t, s.DeleteNode(ctx, "n1"))
		if c := objectsOf(t, s, model.ObjectContainer); len(c) != 0 {
			t.Fatal(c)
		}
	})
}

func TestListObjects(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, name := range []string{"a", "b"} {
			tenant(t, s, name)
			for i := range 3 {
				id := fmt.Sprint(name, i)
				node(t, s, name, id)
				u := &model.FactsUpdate{Digest: "1"}
				for k := range 5 {
					u.Set = append(u.Set, model.Fact{Key: fmt.Sprint("containers/c", k), Digest: "x", Data: []byte(`{"name":"web","state":"running"}`)},
						model.Fact{Key: fmt.Sprint("images/i", k), Digest: "x", Data: []byte(`{}`)})
				}
				ok(t, s.ApplyFacts(ctx, id, u, now))
			}
		}
		read := func(tenant string, size int, where ...model.Condition) (ids []string) {
			t.Helper()
			q := model.Query{Tenant: tenant, Size: size, Where: where}
			for {
				got, next, err := s.FleetObjects(ctx, model.ObjectContainer, q)
				ok(t, err)
				for i := range got {
					ids = append(ids, got[i].Node+"/"+got[i].ID)
				}
				if next == "" {
					return ids
				}
				q.Token = next
			}
		}
		for _, size := range []int{1, 4, 100} {
			if got := read("", size); len(got) != 30 || got[0] != "a0/c0" || got[29] != "b2/c4" {
				t.Fatal(size, got)
			}
			if got := read("b", size); len(got) != 15 || got[0] != "b0/c0" {
				t.Fatal(size, got)
			}
		}
		same(t, []string{"a1/c3", "b1/c3"}, append(read("a", 0, model.Condition{Field: "node", Op: "=", Value: "a1"}, model.Condition{Field: "id", Op: "=", Value: "c3"}),
			read("", 0, model.Condition{Field: "node", Op: "=", Value: "b1"}, model.Condition{Field: "id", Op: "=", Value: "c3"})...))
		if got := read("", 0, model.Condition{Field: "updated", Op: ">", Value: now.Format(time.RFC3339Nano)}); len(got) != 0 {
			t.Fatal(got)
		}
		if got := read("", 0, model.Condition{Field: "updated", Op: ">=", Value: now.Format(time.RFC3339Nano)}); len(got) != 30 {
			t.Fatal(got)
		}
		_, err := s.FleetObject(ctx, "a0", model.ObjectContainer, "none")
		code(t, err, model.CodeNotFound)
		one, err := s.FleetObject(ctx, "a0", model.ObjectImage, "i1")
		ok(t, err)
		if one.ID != "i1" || one.Name != "i1" || one.Tenant != "a" {
			t.Fatal(one)
		}
	})
}

// Facts that a program of the version before wrote, or that were there before the schema, get their objects.
func TestFillObjects(t *testing.T) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			o := options(t, kind)
			o.migrateTo = 3
			s := open(t, o)
			tenant(t, s, "a")
			node(t, s, "a", "n1")
			node(t, s, "a", "empty")
			for _, f := range factsOfObjects("running") {
				ok(t, s.insert(ctx, "fact", &factRow{Node: "n1", Name: f.Key, Digest: f.Digest, Data: f.Data}))
			}
			_, err := s.write.NewRaw("UPDATE nodes SET facts_digest = '1', facts_taken = 1, facts_received = 1 WHERE id = 'n1'").Exec(ctx)
			ok(t, err)
			ok(t, s.Close())
			o.migrateTo = 0
			s = open(t, o)
			if c := objectsOf(t, s, model.ObjectContainer); len(c) != 0 {
				t.Fatal(c)
			}
			// A difference that comes before they were made makes its own; the others come all the same.
			u := &model.FactsUpdate{Base: "1", Digest: "2", Set: []model.Fact{{Key: "containers/c2", Digest: "2", Data: []byte(`{"name":"db"}`)}}}
			ok(t, s.ApplyFacts(ctx, "n1", u, now))
			if c := objectsOf(t, s, model.ObjectContainer); len(c) != 1 {
				t.Fatal(c)
			}
			fill := func(want int) {
				t.Helper()
				n, err := s.FillObjects(ctx, 10, now.Add(time.Minute))
				ok(t, err)
				if n != want {
					t.Fatalf("%d nodes were filled, want %d", n, want)
				}
			}
			fill(1)
			fill(0)
			c := objectsOf(t, s, model.ObjectContainer)
			if len(c) != 2 || c[0].Name != "web" || c[1].Name != "db" || !c[1].First.Equal(now) || c[0].Tenant != "a" {
				t.Fatal(c)
			}
			// The version before takes a container away and knows nothing of objects.
			_, err = s.write.NewRaw("DELETE FROM facts WHERE name = 'containers/c2'").Exec(ctx)
			ok(t, err)
			_, err = s.write.NewRaw("UPDATE nodes SET facts_digest = '3' WHERE id = 'n1'").Exec(ctx)
			ok(t, err)
			fill(1)
			if c := objectsOf(t, s, model.ObjectContainer); !c[0].Gone.IsZero() || c[1].Gone.IsZero() {
				t.Fatal(c)
			}
		})
	}
}

func TestPruneObjects(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		var keys []string
		for i := range 510 {
			keys = append(keys, fmt.Sprintf("containers/%04d", i))
		}
		ok(t, s.ApplyFacts(ctx, "n1", update("", "0", keys...), now))
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Base: "0", Digest: "1", Removed: keys[:1]}, now))
		ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Base: "1", Digest: "2", Removed: keys[1:509]}, now.Add(2*time.Hour)))
		prune := func(at time.Time, want int) {
			t.Helper()
			_, err := s.Prune(ctx, model.Retention{Objects: time.Hour}, at)
			ok(t, err)
			if n := len(readAll(t, s)); n != want {
				t.Fatalf("%d objects are left, want %d", n, want)
			}
		}
		prune(now.Add(30*time.Minute), 501)             // one is there, and of those that went 500 are kept
		prune(now.Add(2*time.Hour+30*time.Minute), 501) // none of them is gone for an hour
		prune(now.Add(3*time.Hour+time.Minute), 1)      // what is there stays
		if c := readAll(t, s); c[0].ID != keys[509][len("containers/"):] {
			t.Fatal(c)
		}
	})
}

func readAll(t *testing.T, s *Store) []model.FleetObject {
	t.Helper()
	got, _, err := s.FleetObjects(t.Context(), model.ObjectContainer, model.Query{Size: largestObjects})
	ok(t, err)
	return got
}
