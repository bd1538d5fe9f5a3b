package images

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

const (
	private = "registry.example/private:1"
	pulls   = "/images/create?fromImage=registry.example/private&tag=1"
	pulled  = `{"status":"Status: Downloaded newer image for registry.example/private:1"}`
)

// begins makes a call whose end is called later, or never.
func (h *house) begins(who *call.Subject, target, name string) (say func(string), end func(context.Context) error) {
	h.Helper()
	c, err := route.New().Match("POST", target)
	if err != nil {
		h.Fatal(err)
	}
	said, end, err := h.kept.Watch(h.Context(), &call.Ask{Subject: who, Call: c, Object: &call.Object{Kind: route.Image, Name: name, New: true}})
	if err != nil {
		h.Fatal(err)
	}
	return func(text string) {
		if _, err := said.Write([]byte(text + "\n")); err != nil {
			h.Fatal(err)
		}
	}, end
}

// killed ends the guard, and begins another.
func (h *house) killed() {
	h.Helper()
	path := h.kept.file.path
	if err := h.kept.Close(); err != nil {
		h.Fatal(err)
	}
	kept, err := Open(path, h.engine, model.SystemTenant)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = kept.Close() })
	h.kept = kept
}

// looks has the guard look at what there is, which every call does that brings something.
func (h *house) looks() {
	h.Helper()
	h.brings(someone("carol", "initech"), "POST", "/images/create?fromImage=c&tag=1", []string{"c:1"}, func() string { return `{"error":"no"}` })
}

// is checks whose an image is, for each of those who ask.
func (h *house) is(id, name, want string, who ...*call.Subject) {
	h.Helper()
	for _, one := range who {
		if got := h.of(one, id, name); got.Owner != want {
			h.Errorf("%s: it is %+v's, and not %q's", one.Principal.ID, got, want)
		}
	}
}

func (h *house) calls() int {
	h.Helper()
	n := 0
	if err := h.kept.file.view(func(tx *bbolt.Tx) error {
		list, err := expected(tx)
		n = len(list)
		return err
	}); err != nil {
		h.Fatal(err)
	}
	return n
}

// TestPullWhoseListFails: what somebody pulled is that one's, also when the engine can't list its images then, or says nothing at all.
func TestPullWhoseListFails(t *testing.T) {
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	for name, mute := range map[string][]string{"list": {"/images/json"}, "all": {"/images/", "/containers/"}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			say, end := h.begins(alice, pulls, private)
			h.engine[id(5)], h.engine["MUTE"] = []string{private}, mute
			say(pulled)
			if err := end(t.Context()); err == nil {
				t.Error("that its images can't be listed was not told")
			}
			h.is(id(5), private, "alice", alice, bob)
			delete(h.engine, "MUTE")
			// Another's pull does not find it to be the host's, and takes nobody's part away.
			h.brings(bob, "POST", pulls, []string{private}, func() string { return pulled })
			h.is(id(5), private, "alice", alice)
			h.is(id(5), private, "bob", bob)
		})
	}
}

// TestKilledWhilePulling: a guard that is killed between a pull and its end leaves what the engine pulled to who asked for it.
func TestKilledWhilePulling(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	h.engine[id(6)] = []string{"busybox:2"}
	h.begins(alice, pulls, private)
	h.begins(alice, "/images/create?fromImage=busybox&tag=latest", "busybox:latest")
	h.begins(alice, "/build?t=acme/app:1", "acme/app:1")
	h.is(id(6), "busybox:2", "", alice, bob)
	h.killed()
	h.engine[id(5)] = []string{private}
	h.engine[id(6)] = []string{"busybox:2", "busybox:latest"} // the host's own by another name
	h.engine[id(7)] = []string{"acme/app:1", "LABEL " + call.BuiltBy("acme", "alice")}
	h.engine[id(8)] = []string{"LABEL " + call.BuiltBy("acme", "alice")}
	for range 2 { // before and after it is settled
		h.is(id(5), private, "alice", alice, bob)
		h.is(id(7), "acme/app:1", "alice", alice, bob)
		h.is(id(6), "busybox:latest", "", alice, bob)
		h.looks()
	}
	h.is(id(8), "", "alice", bob)
	h.is(id(5), "", "alice", bob) // by id, too
	h.is(id(99), "acme/app:1", "alice", bob)
	if n := h.calls(); n != 3 {
		t.Errorf("%d calls are looked after", n)
	}
	for key := range h.kept.waits.since {
		h.kept.waits.since[key] = time.Now().Add(-2 * lingers)
	}
	h.looks()
	if n := h.calls(); n != 0 {
		t.Errorf("%d calls are looked after for ever", n)
	}
	h.engine[id(9)] = []string{"busybox:latest"}
	h.is(id(9), "busybox:latest", "", bob)
	h.is(id(5), private, "alice", bob)
}

// TestSeveralMayHavePulled: what may be one's or another's is neither's before it is known.
func TestSeveralMayHavePulled(t *testing.T) {
	h := newHouse(t)
	alice, eve := someone("alice", "acme"), someone("eve", "other")
	say, end := h.begins(alice, pulls, private)
	h.begins(eve, pulls, private)
	h.engine[id(5)] = []string{private}
	h.is(id(5), private, "eve", alice)
	h.is(id(5), private, "alice", eve)
	say(pulled)
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.is(id(5), private, "alice", alice, eve)
	h.killed()
	h.looks()
	h.is(id(5), private, "alice", alice, eve)
	h.begins(alice, pulls, private)
	h.killed()
	h.engine[id(5)], h.engine[id(6)] = nil, []string{private}
	h.looks()
	h.is(id(6), private, nobody().Owner, alice, eve)
	h.brings(alice, "POST", pulls, []string{private}, func() string { return pulled })
	h.is(id(6), private, "alice", alice)
}

// TestPullThatIsLeft: the engine may end a pull whose caller is gone; what ended leaves nothing to look after.
func TestPullThatIsLeft(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	h.brings(alice, "POST", pulls, []string{private}, func() string { return `{"status":"Extracting","id":"0"}` })
	h.engine[id(5)] = []string{private}
	h.is(id(5), private, "alice", bob)
	h.looks()
	h.is(id(5), private, "alice", alice, bob)
	h = newHouse(t)
	for _, text := range []string{pulled, `{"message":"denied"}`, `{"errorDetail":{"message":"x"},"error":"x"}`} {
		h.brings(alice, "POST", pulls, []string{private}, func() string { return text })
		if n := h.calls(); n != 0 {
			t.Errorf("%s: %d calls are looked after", text, n)
		}
	}
	// So it is with what has a name given: it ended where the engine said so.
	for text, want := range map[string]int{`{"aux":{"ID":"` + id(6) + `"}}`: 0, `{"error":"x"}`: 0, `{"stream":"Step 1"}`: 1} {
		h := newHouse(t)
		h.brings(alice, "POST", "/build?t=acme/app:1", []string{"acme/app:1"}, func() string { return text })
		if n := h.calls(); n != want {
			t.Errorf("%s: %d calls are looked after", text, n)
		}
		h.engine[id(6)] = []string{"acme/app:1"}
		h.looks()
		if h.looks(); want > 0 {
			h.is(id(6), "acme/app:1", "alice", alice, bob)
		}
	}
	for range mostLinger + 5 {
		h.brings(alice, "POST", pulls, []string{private}, func() string { return `{}` })
	}
	h.looks()
	if n := h.calls(); n != mostLinger {
		t.Errorf("%d calls are looked after", n)
	}
}

// TestSharedSettlesNothing: while another process has calls under way, nobody says that they have no end.
func TestSharedSettlesNothing(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	_, end := h.begins(alice, pulls, private)
	if err := h.kept.Share(); err != nil {
		t.Fatal(err)
	}
	earlier := h.kept
	later, err := OpenShared(filepath.Clean(earlier.file.path), h.engine, model.SystemTenant)
	if err != nil {
		t.Fatal(err)
	}
	h.kept = later
	h.engine[id(5)] = []string{private}
	h.looks()
	h.is(id(5), private, "alice", bob)
	if len(later.waits.since) != 0 {
		t.Error("another's call was taken for one without an end")
	}
	delete(h.engine, id(5))
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := later.Keep(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = later.Close() })
	h.engine[id(5)] = []string{private}
	h.looks()
	h.is(id(5), private, "alice", bob)
}
