package fleet

import (
	"fmt"
	"testing"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// inSwarm is the snapshot of a node of a swarm.
func inSwarm(node, id string, manager bool) *model.Snapshot {
	s := snapshot(node)
	s.Swarm = &model.Swarm{State: "active", NodeID: id, Cluster: "C1", Manager: manager}
	return s
}

// swarmWorld has a manager and a worker of acme, and a manager of the same swarm in another tenant.
func swarmWorld(t *testing.T) *world {
	w := newWorld(t)
	w.writes(w.f)
	w.join("m1")
	w.join("w1")
	w.join("theirs", func(m *model.Member) { m.Tenant = "other" })
	for id, s := range map[string]*model.Snapshot{
		"m1": inSwarm("m1", "M1", true), "w1": inSwarm("w1", "W1", false), "theirs": inSwarm("theirs", "M2", true),
	} {
		(&agent{w: w, id: id}).all(w.f, s)
	}
	w.ok(w.f.maintainTenant(t.Context(), ""))
	return w
}

func (w *world) drain(id string) {
	w.Helper()
	m := w.node(id)
	m.Cordoned, m.Drained = true, true
	w.ok(w.store.UpdateNode(w.Context(), m))
}

// wants reads the next document of the swarm, and says what is in it.
func (x *following) wants(scope string, have int64) (string, int64) {
	x.w.Helper()
	b := x.document(model.BundleMaintenance, scope, have)
	var d bundle.Maintenance
	x.w.ok(bundle.Decode(b.Document, &d))
	out := fmt.Sprint(d.Managers)
	for _, n := range d.Nodes {
		out += fmt.Sprintf(" %s:%s", n.ID, n.Want)
	}
	return out, b.Version
}

func TestManagersLearnWhatIsWanted(t *testing.T) {
	w := swarmWorld(t)
	x := w.follow(w.f, "m1", Have{Maintains: true})
	got, version := x.wants("acme/C1", 0)
	if got != "[m1] M1: W1:" {
		t.Fatal(got)
	}
	feed := w.feeds(w.f)
	<-w.f.upkeep.wake // all of it, at the start
	w.f.upkeep.take()
	w.drain("w1")
	w.ok(feed.look(t.Context()))
	if tenants := w.f.upkeep.take(); len(tenants) != 1 || tenants[0] != "acme" {
		t.Fatalf("a wish has %v looked at", tenants)
	}
	w.ok(w.f.maintainTenant(t.Context(), "acme"))
	w.ok(w.f.maintainTenant(t.Context(), "acme")) // the same again is no new version
	if got, version = x.wants("acme/C1", version); got != "[m1] W1:drain M1:" {
		t.Fatal(got)
	}
	// Another replica makes the same of it, and no other version.
	two := w.replica("two")
	w.ok(two.maintainTenant(t.Context(), ""))
	if b := two.upkeep.of("m1"); b == nil || b.Version != version {
		t.Fatalf("another replica has %+v, not version %d", b, version)
	}
	// An engine that is down says nothing of its swarm: then nothing is said of its node either.
	(&agent{w: w, id: "w1"}).all(w.f, snapshot("w1"))
	w.ok(w.f.maintainTenant(t.Context(), "acme"))
	if got, _ = x.wants("acme/C1", version); got != "[m1] M1:" {
		t.Fatal(got)
	}
}

func TestWhoDoesNotLearnIt(t *testing.T) {
	w := swarmWorld(t)
	w.drain("w1")
	w.ok(w.f.maintainTenant(t.Context(), ""))
	for id, have := range map[string]Have{"w1": {Maintains: true}, "m1": {}} {
		w.follow(w.f, id, have)
		if s := w.f.hub.get(id); s.has(model.BundleMaintenance) != 0 {
			t.Errorf("%s gets a document", id)
		}
	}
	if got, _ := w.follow(w.f, "theirs", Have{Maintains: true}).wants("other/C1", 0); got != "[theirs] M2:" {
		t.Errorf("another tenant learns %s", got)
	}
}

func TestWhatIsTold(t *testing.T) {
	w := swarmWorld(t)
	w.drain("w1")
	tell := func(id string) string {
		w.Helper()
		told, err := w.f.Maintenance(t.Context(), []model.Member{*w.node(id)})
		w.ok(err)
		if told[id] == nil {
			return ""
		}
		return fmt.Sprint(told[id].State, " ", told[id].By)
	}
	if got := tell("w1"); got != "pending m1" {
		t.Error(got)
	}
	s := inSwarm("m1", "M1", true)
	s.Maintenance = &model.Maintenance{Orchestrator: "swarm", Cluster: "C1", Acts: true, Nodes: []model.MaintenanceOf{
		{ID: "W1", Want: "drain", State: model.MaintenanceApplied, Is: "drain", Since: w.clock.now()},
	}}
	(&agent{w: w, id: "m1"}).all(w.f, s)
	if got := tell("w1"); got != "applied m1" {
		t.Error(got)
	}
	if got := tell("m1"); got != "" {
		t.Errorf("of a node of which nothing is wanted: %s", got)
	}
	w.join("plain")
	w.drain("plain")
	if got := tell("plain"); got != "shown " {
		t.Error(got)
	}
	// The word of another tenant's manager does not count.
	w.ok(w.store.RevokeNode(t.Context(), "m1", "", w.clock.now()))
	if got := tell("w1"); got != "nobody " {
		t.Error(got)
	}
}
