package fleet

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// A node is asked for a recording when its stream opens, too: it was open nowhere, or at a replica that died.
func TestAskedWhenItConnects(t *testing.T) {
	w := newWorld(t)
	m := w.join("n1")
	asked := func(id string, expires time.Duration) {
		w.ok(w.store.CreateTransfer(t.Context(), &model.Transfer{
			ID: id, Tenant: m.Tenant, Node: m.ID, Recording: "r1", Created: w.clock.now(), Expires: w.clock.now().Add(expires),
		}, 9, 9))
	}
	asked("over", 0)
	asked("waits", time.Minute)
	x := w.follow(w.f, "n1", Have{Recordings: true})
	if i := x.until(func(i Item) bool { return i.Wanted != nil }); i.Wanted.ID != "waits" {
		t.Errorf("%+v", i.Wanted)
	}
}
