package facts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// recorded are the snapshots that other packages are tested with.
func recorded(t testing.TB) map[string]*model.Snapshot {
	t.Helper()
	out := map[string]*model.Snapshot{}
	cases, err := filepath.Glob("../../framework/assess/testdata/cases/*.txtar")
	if err != nil || len(cases) < 5 {
		t.Fatalf("recorded snapshots: %v, %v", cases, err)
	}
	for _, path := range cases {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if f.Name != "snapshot.json" {
				continue
			}
			s, err := model.DecodeSnapshot(strings.NewReader(string(f.Data)))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			out[filepath.Base(path)] = s
		}
	}
	hosts, err := filepath.Glob("../../host/testdata/*.json")
	if err != nil || len(hosts) == 0 {
		t.Fatalf("recorded hosts: %v, %v", hosts, err)
	}
	for _, path := range hosts {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := &model.Snapshot{}
		if err := json.Unmarshal(b, s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		s.Schema = model.SnapshotSchema
		out[filepath.Base(path)] = s
	}
	return out
}

func split(t testing.TB, s *model.Snapshot) facts.Set {
	t.Helper()
	set, err := facts.Split(s)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func same(t *testing.T, want, got *model.Snapshot) {
	t.Helper()
	w, g := *want, *got
	w.Taken, g.Taken = at, at
	wb, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	gb, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(wb), string(gb)); d != "" {
		t.Errorf("(-want +got):\n%.2000s", d)
	}
}

func TestSplitAndJoinGiveTheSnapshotBack(t *testing.T) {
	for name, s := range recorded(t) {
		t.Run(name, func(t *testing.T) {
			set := split(t, s)
			got, err := facts.Join(set, at)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Taken.Equal(at) {
				t.Errorf("taken %s", got.Taken)
			}
			same(t, s, got)
			later := *s
			later.Taken = at.Add(time.Hour)
			if facts.Digest(split(t, &later).Digests()) != facts.Digest(set.Digests()) {
				t.Error("the time alone makes another digest")
			}
		})
	}
}

func TestElementsWithoutGoodIDs(t *testing.T) {
	var list []model.Container
	for i, id := range []string{"#1", "", "a", "a", "x\ny", "x/y", "#3", strings.Repeat("l", 400), "b"} {
		list = append(list, model.Container{ID: id, Name: fmt.Sprint("c", i)})
	}
	s := &model.Snapshot{Schema: model.SnapshotSchema, Containers: list}
	set := split(t, s)
	if len(set) != len(list)+3 { // and the order, the schema, the node
		t.Errorf("%d facts", len(set))
	}
	got, err := facts.Join(set, at)
	if err != nil {
		t.Fatal(err)
	}
	same(t, s, got)
	u := facts.Diff(nil, set, at, 1<<20)
	if len(u) != 1 {
		t.Fatalf("%d updates", len(u))
	}
	if _, o, err := facts.Apply(nil, &u[0]); err != nil || o != facts.Applied {
		t.Errorf("%v, %v", o, err)
	}
}

// change makes another set of it: some facts are gone, some other, some new.
func change(r *rand.Rand, set facts.Set) facts.Set {
	next := facts.Set{}
	for _, k := range slices.Sorted(maps.Keys(set)) {
		switch r.IntN(4) {
		case 0:
		case 1:
			next[k] = fact(k, fmt.Sprintf(`{"n":%d}`, r.Int()))
		default:
			next[k] = set[k]
		}
	}
	for range r.IntN(5) + 1 {
		k := fmt.Sprintf("new/%d", r.IntN(100))
		next[k] = fact(k, fmt.Sprint(r.IntN(1000)))
	}
	return next
}

func fact(key, data string) model.Fact {
	f, err := facts.Of(key, []byte(data))
	if err != nil {
		panic(err)
	}
	return f
}

func TestDiffAndApply(t *testing.T) {
	all := recorded(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := rand.New(rand.NewPCG(7, uint64(len(name))))
		server := map[string]string{}
		node := facts.Set{}
		next := split(t, all[name])
		for round := range 20 {
			updates := facts.Diff(node.Digests(), next, at, 2000)
			if round == 0 && len(updates) < 2 {
				t.Errorf("%s: in %d updates", name, len(updates))
			}
			for i := range updates {
				u := &updates[i]
				if u.More != (i < len(updates)-1) || !u.Taken.Equal(at) {
					t.Fatalf("update %d of %d: more %v", i, len(updates), u.More)
				}
				after, o, err := facts.Apply(server, u)
				if err != nil || o != facts.Applied || facts.Digest(after) != u.Digest {
					t.Fatalf("%s, update %d: %v, %v", name, i, o, err)
				}
				if again, o, err := facts.Apply(after, u); err != nil || o != facts.Already || len(again) != len(after) {
					t.Fatalf("%s, update %d again: %v, %v", name, i, o, err)
				}
				if i+1 < len(updates) && len(updates) > 2 {
					if _, o, err := facts.Apply(server, &updates[i+1]); err != nil || o != facts.Resync {
						t.Fatalf("%s, update %d before %d: %v, %v", name, i+1, i, o, err)
					}
				}
				server = after
			}
			if d := cmp.Diff(next.Digests(), server); d != "" {
				t.Fatalf("%s, round %d: %s", name, round, d)
			}
			if more := facts.Diff(server, next, at, 2000); len(more) > 0 {
				t.Fatalf("%s: %d updates where nothing changed", name, len(more))
			}
			// Whoever has something else is asked for all of it, and all of it works for anybody.
			lost := maps.Clone(server)
			for k := range lost {
				delete(lost, k)
				break
			}
			node, next = next, change(r, next)
			for i, u := range facts.Diff(node.Digests(), next, at, 2000) {
				if _, o, err := facts.Apply(lost, &u); err != nil || o != facts.Resync {
					t.Fatalf("%s, update %d of what is not there: %v, %v", name, i, o, err)
				}
			}
			for _, u := range facts.Diff(nil, node, at, 2000) {
				var err error
				if lost, _, err = facts.Apply(lost, &u); err != nil {
					t.Fatal(err)
				}
			}
			if facts.Digest(lost) != facts.Digest(server) {
				t.Fatalf("%s: sending all again gives something else", name)
			}
		}
	}
}

func TestUpdatesAreBounded(t *testing.T) {
	many := facts.Set{}
	for i := range 25_000 {
		k := fmt.Sprintf("containers/%d", i)
		many[k] = model.Fact{Key: k, Data: []byte("1"), Digest: fmt.Sprint(i)}
	}
	few := facts.Set{"node": fact("node", `{}`)}
	for _, u := range slices.Concat(facts.Diff(nil, many, at, 64<<20), facts.Diff(many.Digests(), few, at, 64<<20)) {
		if n := len(u.Set) + len(u.Removed); n == 0 || n > 10_000 {
			t.Errorf("an update of %d facts", n)
		}
		if u.Digest == "" {
			t.Error("an update leaves nothing, which has no digest")
		}
	}
	long := facts.Set{}
	for i := range 100 {
		k := fmt.Sprintf("%0300d", i)
		long[k] = fact(k, "1")
	}
	for _, u := range facts.Diff(nil, long, at, 3010) {
		if len(u.Set) > 10 {
			t.Errorf("keys are not counted: %d facts", len(u.Set))
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	have := map[string]string{"node": fact("node", "{}").Digest}
	good := facts.Diff(have, facts.Set{"node": fact("node", "{}"), "host": fact("host", "{}")}, at, 1<<20)[0]
	for name, spoil := range map[string]func(*model.FactsUpdate){
		"other digest":   func(u *model.FactsUpdate) { u.Digest = strings.Repeat("0", 64) },
		"other data":     func(u *model.FactsUpdate) { u.Set[0].Data = []byte(`{"os":{}}`) },
		"one more":       func(u *model.FactsUpdate) { u.Set = append(u.Set, fact("x", "1")) },
		"one less":       func(u *model.FactsUpdate) { u.Set = nil },
		"removed too":    func(u *model.FactsUpdate) { u.Removed = []string{"node"} },
		"no JSON":        func(u *model.FactsUpdate) { u.Set[0].Data = []byte(`{`) },
		"empty key":      func(u *model.FactsUpdate) { u.Set[0].Key = "" },
		"key of lines":   func(u *model.FactsUpdate) { u.Set[0].Key = "a\nb" },
		"long key":       func(u *model.FactsUpdate) { u.Set[0].Key = strings.Repeat("k", 301) },
		"when it was":    func(u *model.FactsUpdate) { u.Set[0].Key = "taken" },
		"forged in full": func(u *model.FactsUpdate) { u.Base, u.Set[0].Digest = "", strings.Repeat("1", 64) },
	} {
		u := good
		u.Set = slices.Clone(good.Set)
		spoil(&u)
		after, o, err := facts.Apply(have, &u)
		if err == nil || o == facts.Applied || facts.Digest(after) != facts.Digest(have) {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	// What the node says the digest of a fact is does not count.
	u := good
	u.Set = []model.Fact{{Key: "host", Digest: strings.Repeat("1", 64), Data: []byte("{}")}}
	if after, o, err := facts.Apply(have, &u); err != nil || o != facts.Applied || after["host"] != fact("host", "{}").Digest {
		t.Errorf("%v, %v, %v", after, o, err)
	}
}

func TestJoinRefuses(t *testing.T) {
	for name, set := range map[string]facts.Set{
		"nothing":          {},
		"element only":     {"schema": fact("schema", `"bulkhead.snapshot/v1"`), "containers/a": fact("containers/a", `{"id":"a"}`)},
		"order of more":    {"schema": fact("schema", `"bulkhead.snapshot/v1"`), "containers": fact("containers", `["a","b"]`), "containers/a": fact("containers/a", `{"id":"a"}`)},
		"order of others":  {"schema": fact("schema", `"bulkhead.snapshot/v1"`), "containers": fact("containers", `["b"]`), "containers/a": fact("containers/a", `{"id":"a"}`)},
		"twice in order":   {"schema": fact("schema", `"bulkhead.snapshot/v1"`), "containers": fact("containers", `["a","a"]`), "containers/a": fact("containers/a", `{"id":"a"}`), "containers/b": fact("containers/b", `{}`)},
		"parts of a whole": {"schema": fact("schema", `"bulkhead.snapshot/v1"`), "node": fact("node", `{}`), "node/name": fact("node/name", `"x"`)},
		"other version":    {"schema": fact("schema", `"bulkhead.snapshot/v9"`)},
	} {
		if s, err := facts.Join(set, at); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A newer agent may know more than this server.
func TestJoinLeavesOutWhatIsNotKnown(t *testing.T) {
	s, err := facts.Join(facts.Set{
		"schema": fact("schema", `"bulkhead.snapshot/v1"`), "wishes": fact("wishes", `[]`), "host": fact("host", "{}"), "host/warp": fact("host/warp", "9"),
		"containers": fact("containers", `["a"]`), "containers/a": fact("containers/a", `{"id":"a","warp":{"of":9}}`),
	}, at)
	if err != nil || s.Host == nil || len(s.Containers) != 1 || s.Containers[0].ID != "a" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestBound(t *testing.T) {
	s := &model.Snapshot{Schema: model.SnapshotSchema, Gaps: []model.Gap{{Path: "/swarm", Reason: model.GapAbsent}}}
	for i := range 2000 {
		s.HostPart().Processes = append(s.HostPart().Processes, model.Process{PID: i, Name: "process"})
	}
	s.Containers = []model.Container{{ID: "a"}, {ID: "b", Name: strings.Repeat("n", 5000)}, {ID: "c"}}
	set := split(t, s)
	if err := set.Bound(4000); err != nil {
		t.Fatal(err)
	}
	got, err := facts.Join(set, at)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, g := range got.Gaps {
		paths = append(paths, string(g.Reason)+" "+g.Path)
	}
	if d := cmp.Diff([]string{"absent /swarm", "limit /containers/b", "limit /host/processes"}, paths); d != "" {
		t.Error(d)
	}
	if len(got.Containers) != 2 || got.Host == nil || len(got.Host.Processes) > 0 {
		t.Errorf("%+v", got)
	}
	before := facts.Digest(set.Digests())
	if err := set.Bound(1 << 20); err != nil || facts.Digest(set.Digests()) != before {
		t.Errorf("small facts were changed: %v", err)
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("schema", `"bulkhead.snapshot/v1"`, "containers", `["a"]`, "containers/a", `{"id":"a"}`)
	f.Add("schema", `"bulkhead.snapshot/v1"`, "host", `{}`, "host/os", `{"id":"debian"}`)
	f.Add("schema", `null`, "host/", `[`, "/", `{"":[[[]]]}`)
	f.Fuzz(func(t *testing.T, k1, d1, k2, d2, k3, d3 string) {
		set := facts.Set{}
		for _, p := range [][2]string{{k1, d1}, {k2, d2}, {k3, d3}} {
			set[p[0]] = model.Fact{Key: p[0], Data: []byte(p[1])}
		}
		s, err := facts.Join(set, at)
		if err != nil {
			return
		}
		again, err := facts.Split(s)
		if err != nil {
			t.Fatalf("joined but not to be cut: %v", err)
		}
		back, err := facts.Join(again, at)
		if err != nil {
			t.Fatalf("joined, cut, and not to be joined again: %v", err)
		}
		same(t, s, back)
	})
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"Set":[{"Key":"host","Data":"e30="}],"Removed":["node"]}`), true)
	f.Add([]byte(`{"Base":"x","Digest":"y","Set":[{"Key":"a\nb","Data":"MQ=="},{"Key":"a","Data":"MQ=="}]}`), false)
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		var u model.FactsUpdate
		if json.Unmarshal(b, &u) != nil {
			return
		}
		have := map[string]string{"node": fact("node", "{}").Digest}
		before := maps.Clone(have)
		if known {
			u.Base = facts.Digest(have)
		}
		after, o, err := facts.Apply(have, &u)
		if !maps.Equal(have, before) {
			t.Fatal("it changed what there is")
		}
		if err == nil && o == facts.Applied && facts.Digest(after) != u.Digest {
			t.Fatal("applied, and not what its digest says")
		}
		if o != facts.Applied && !maps.Equal(after, before) {
			t.Fatal("not applied, and changed")
		}
	})
}

// hundred is a node with a hundred containers.
func hundred() *model.Snapshot {
	s := &model.Snapshot{Schema: model.SnapshotSchema, Node: model.Node{Name: "n"}}
	for i := range 400 {
		s.HostPart().Processes = append(s.HostPart().Processes, model.Process{PID: i, Name: fmt.Sprint("process-", i)})
		s.HostPart().Packages = append(s.HostPart().Packages, model.Package{Name: fmt.Sprint("package-", i), Version: "1.2.3-4"})
	}
	for i := range 100 {
		c := model.Container{ID: fmt.Sprintf("%064d", i), Name: fmt.Sprint("app-", i), PID: i + 1}
		for j := range 10 {
			c.Workload.Mounts = append(c.Workload.Mounts, model.Mount{Source: fmt.Sprintf("/srv/%d/%d", i, j), Resolved: fmt.Sprintf("/srv/%d/%d", i, j)})
		}
		s.Containers = append(s.Containers, c)
	}
	return s
}

func BenchmarkSplitAndDiff(b *testing.B) {
	s := hundred()
	have := split(b, s).Digests()
	s.Containers[50].Name = "other"
	b.ReportAllocs()
	for b.Loop() {
		set, err := facts.Split(s)
		if err != nil {
			b.Fatal(err)
		}
		if u := facts.Diff(have, set, at, 2<<20); len(u) != 1 || len(u[0].Set) != 1 {
			b.Fatalf("%d updates", len(u))
		}
	}
}
