package fleet

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// notes are the changes of objects that watchers are told of.
func (w *world) notes() (tenants []string) {
	w.Helper()
	all, err := w.store.ChangesAfter(w.Context(), "", 0, 1000)
	w.ok(err)
	for _, c := range all {
		if c.Object.Type == "Inventory" {
			tenants = append(tenants, c.Tenant)
		}
	}
	return tenants
}

func TestWatchersAreToldOfObjectsOnceInAWhile(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "web"))
	a.send(w.f, snapshot("n1", "web", "db"))
	if n := w.notes(); len(n) != 0 {
		t.Fatalf("each report is told: %v", n)
	}
	w.ok(w.f.tellInventory(t.Context()))
	w.ok(w.f.tellInventory(t.Context())) // nothing since
	if n := w.notes(); len(n) != 1 || n[0] != "acme" {
		t.Fatal(n)
	}
	// What can't be told is told later.
	a.send(w.f, snapshot("n1", "web"))
	w.store.note.Store(true)
	if err := w.f.tellInventory(t.Context()); err == nil {
		t.Fatal("no error")
	}
	w.store.note.Store(false)
	w.ok(w.f.tellInventory(t.Context()))
	if n := w.notes(); len(n) != 2 {
		t.Fatal(n)
	}
	all, _, err := w.store.FleetObjects(t.Context(), model.ObjectContainer, model.Query{})
	w.ok(err)
	if len(all) != 2 || all[0].Gone.IsZero() == all[1].Gone.IsZero() {
		t.Fatal(all)
	}
}

func TestObjectsThatAreMissingAreMade(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	(&agent{w: w, id: "n1"}).send(w.f, snapshot("n1", "web"))
	before := len(w.notes())
	w.ok(w.f.fillObjects(t.Context()))
	if n := len(w.notes()); n != before {
		t.Fatalf("what was there was made again: %d", n)
	}
}
