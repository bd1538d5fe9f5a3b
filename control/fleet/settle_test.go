package fleet

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// What says the same is settled without writing it again, until findings would be seen again; and not where something else came in between.
func TestUnchangedIsSettled(t *testing.T) {
	w := newWorld(t)
	w.verdict = bad
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "bad1"))
	same := func(f *Fleet) bool {
		t.Helper()
		u, err := f.assess(t.Context(), "n1")
		w.ok(err)
		if u != nil {
			w.ok(f.settle(t.Context(), []unchanged{*u}))
		}
		return u != nil
	}
	if same(w.f) {
		t.Fatal("the first is not there yet")
	}
	w.clock.forward(time.Minute)
	a.send(w.f, snapshot("n1", "bad1", "web"))
	if !same(w.f) {
		t.Fatal("it says the same")
	}
	if m := w.node("n1"); m.Assessed != m.FactsDigest || !m.AssessedAt.Equal(w.clock.now()) || len(w.assessments("n1")) != 1 {
		t.Fatalf("%+v", m)
	}
	w.clock.forward(time.Second)
	two := w.replica("two")
	if same(two) {
		t.Fatal("another replica knows not what was written")
	}
	if same(w.f) {
		t.Fatal("another replica was there meanwhile")
	}
	u, err := w.f.assess(t.Context(), "n1")
	w.ok(err)
	w.clock.forward(time.Second)
	w.assess(two, "n1")
	w.ok(w.f.settle(t.Context(), []unchanged{*u}))
	if m := w.node("n1"); !m.AssessedAt.Equal(w.clock.now()) {
		t.Fatal("the newer one was overwritten")
	}
	w.assess(w.f, "n1")
	w.ok(w.store.CreateException(t.Context(), &model.StoredException{
		ID: "e1", Tenant: "acme", Exception: model.Exception{Check: "x", Owner: "o", Reason: "r", Expires: "2099-01-01"}, Created: w.clock.now(),
	}))
	if same(w.f) || !same(w.f) {
		t.Fatal("with another exception all is looked at once more")
	}
	w.clock.forward(sawAgain)
	if same(w.f) {
		t.Fatal("the findings are seen again")
	}
	if f := w.findings("n1")["8.1.a/check bad1"]; !f.Last.Equal(w.clock.now()) {
		t.Fatalf("%+v", f)
	}
}

func TestWorkIsSpaced(t *testing.T) {
	now := newClock()
	w := newWork(now.now, 10*time.Second)
	w.add("a")
	w.add("a")
	if got := w.take(5); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	w.add("a")
	w.add("b")
	if got := w.take(5); len(got) != 1 || got[0] != "b" {
		t.Fatalf("%v: a is being worked on, and had its turn", got)
	}
	now.forward(10 * time.Second)
	if got := w.take(5); len(got) != 0 {
		t.Fatalf("%v: two at once", got)
	}
	w.done("a")
	if got := w.take(5); len(got) != 1 || w.waiting() != 0 {
		t.Fatalf("%v", got)
	}
}

// Who waits longest is first, and assessing rests while nobody waits for long.
func TestWorkIsInOrderAndRests(t *testing.T) {
	w := newWorld(t)
	f := w.f
	for _, id := range []string{"c", "a", "b"} {
		f.work.add(id)
		w.clock.forward(time.Second)
	}
	f.work.add("c") // it has its place
	if late := f.work.late(); late != 3*time.Second {
		t.Fatal(late)
	}
	if got := f.work.take(2); len(got) != 2 || got[0] != "c" || got[1] != "a" || f.work.waiting() != 1 {
		t.Fatal(got)
	}
	if r := f.rest(time.Second, 2); r != 9*time.Second {
		t.Fatal(r)
	}
	w.clock.forward(f.o.Times.AssessWithin)
	if r := f.rest(time.Second, 2); r != 0 {
		t.Fatal(r)
	}
	f.work.take(2)
	if late := f.work.late(); late != 0 {
		t.Fatal(late)
	}
}
