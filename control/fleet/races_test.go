package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/model"
)

// What happens between two steps of this replica must count.

// A stream that is open is contact also before it is written down.
func TestAnOpenStreamCountsBeforeItIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.follow(w.f, "n1", Have{})
	w.f.contacts.takeAll()
	for range 20 {
		w.clock.forward(2 * time.Second)
		w.ok(w.f.look(t.Context()))
	}
	w.same(w.events("n1"))
}

// A node of which another replica hears just as this one judges it is not silent.
func TestHeardWhileJudged(t *testing.T) {
	w := newWorld(t)
	m := w.join("n1")
	w.clock.forward(time.Minute)
	w.ok(w.store.TouchNodes(t.Context(), []model.Contact{{Node: "n1", Seen: w.clock.now()}}))
	found := []*silence{{m: m, unseen: w.clock.now().Add(-20 * time.Second)}} // as it was read before
	w.ok(w.f.silent(t.Context(), found, w.clock.now()))
	if w.node("n1").Health != model.HealthUp || found[0].won {
		t.Fatal("it is judged by what was")
	}
	w.same(w.events("n1"))
}

// What was read before a change is not kept after it.
func TestReadsThatAreOvertakenAreNotKept(t *testing.T) {
	w := newWorld(t)
	kept := map[string]*int{}
	n := 0
	look := func() int {
		v, err := read(w.f.docs, "x", kept, "x", func(context.Context) (*int, error) {
			v := n
			if n++; n == 1 {
				w.f.docs.forget(model.BundleSettings, "acme/x")
			}
			return &v, nil
		})
		w.ok(err)
		return *v
	}
	if got := [...]int{look(), look(), look()}; got != [...]int{0, 1, 1} {
		t.Fatalf("%v", got)
	}
}

// Two replicas that assess the same node at once tell of it once.
func TestAssessedByTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.verdict = bad
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "web"))
	w.assess(w.f, "n1")
	w.clock.forward(time.Minute)
	a.send(w.f, snapshot("n1", "bad1"))
	two := w.replica("two")
	inner := w.f.o.Assess
	w.f.o.Assess = func(s *model.Snapshot, set assess.Settings) model.Assessment {
		w.assess(two, "n1")
		return inner(s, set)
	}
	w.assess(w.f, "n1")
	if n := len(w.assessments("n1")); n != 2 {
		t.Fatalf("%d assessments", n)
	}
	w.same(w.events("n1"), "status high met>not_met")
}

// A node that has the settings of a roll-out that was superseded keeps them until it is its turn: nothing older is brought to it.
func TestNothingOlderWhileARolloutIsOnItsWay(t *testing.T) {
	w := newWorld(t)
	w.nodes(10)
	w.pool(w.f, "default", failing(1))
	w.takes(w.f)
	w.pool(w.f, "default", inSteps(2))
	had := w.takes(w.f)
	second := w.rollouts()[0].To
	w.pool(w.f, "default", inSteps(3))
	all := w.rollouts()
	third := all[0]
	if third.To < all[1].To {
		third = all[1]
	}
	w.f.docs.forget("", "")
	for id, v := range had {
		w.follow(w.f, id, Have{Settings: v, Assignment: 1})
		w.ok(w.f.met(t.Context(), w.f.hub.get(id))) // it has been met by then
		if has := w.f.hub.get(id).has(model.BundleSettings); has != v && has != third.To {
			t.Errorf("%s has %d (second is %d) and is offered %d", id, v, second, has)
		}
	}
}
