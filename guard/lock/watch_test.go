package lock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// watched is a notebook of a watch that ends with the test.
func (s *scene) watched(t *testing.T, keep bool) *notebook {
	t.Helper()
	notes := &notebook{}
	s.watch(t, keep, notes)
	return notes
}

func (s *scene) watch(t *testing.T, keep bool, notes *notebook) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.l.Watch(ctx, lock.Watcher{Keep: keep, Found: notes.found, Record: notes.record, Every: time.Second})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestWatchOnlyTells does not close what was opened, and says when it is over.
func TestWatchOnlyTells(t *testing.T) {
	s := newScene(t, "{}")
	notes := s.watched(t, false)
	time.Sleep(300 * time.Millisecond) // nothing is locked yet, and nothing is wrong
	s.lock(t)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "the test") })
	if k := notes.kinds(); len(k) > 0 {
		t.Errorf("found %q", k)
	}
	must(t, os.Chmod(s.socket, 0o622))
	eventually(t, "a finding", func() bool { return notes.has(model.FindingSocketOpen, "0622") })
	time.Sleep(300 * time.Millisecond)
	if got := modeOf(s.socket); got != "0622 0:0" {
		t.Errorf("it was changed to %s", got)
	}
	if notes.recorded("EngineSocketRepair", "") {
		t.Error("a repair was recorded")
	}
	s.unlock(t, 0)
	eventually(t, "it is over", func() bool {
		notes.mu.Lock()
		defer notes.mu.Unlock()
		return slices.ContainsFunc(notes.findings, func(f model.Finding) bool {
			return f.Kind == model.FindingSocketOpen && !f.Over.IsZero() && f.ID == notes.findings[0].ID
		})
	})
	eventually(t, "the unlocking is recorded", func() bool { return notes.recorded("EngineUnlock", "ada") })
	eventually(t, "that it is open, and by whom, is a finding", func() bool { return notes.has(model.FindingUnlocked, "by ada") })
	eventually(t, "that it is recorded is kept", func() bool {
		text, err := os.ReadFile(filepath.Join(s.o.StateDir, "unlocked.json"))
		return err == nil && strings.Contains(string(text), `"recorded": true`)
	})
	again := s.watched(t, false) // a guard that starts while it is open
	eventually(t, "it is told again", func() bool { return again.has(model.FindingUnlocked, "by ada") })
	if again.recorded("EngineUnlock", "ada") {
		t.Error("one unlocking is recorded twice")
	}
	s.lock(t)
	time.Sleep(300 * time.Millisecond)
	third := s.watched(t, false)
	time.Sleep(300 * time.Millisecond)
	if third.has(model.FindingUnlocked, "ada") {
		t.Error("it is locked, and said to be open")
	}
	s.unlock(t, 0)
}

// TestWatchSeesTheEngineAnew closes a socket that an engine makes with other rights, without a finding, and a listener with one.
func TestWatchSeesTheEngineAnew(t *testing.T) {
	s := newScene(t, "{}", "--group=users") // so that no setting keeps the lock
	s.o.Now = slowed()
	s.reopen(t)
	s.lock(t)
	notes := s.watched(t, true)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	must(t, os.Remove(s.socket))
	stop := startEngine(t, s.dockerd, s.socket, "127.0.0.1:0", "--group=users")
	must(t, os.Chmod(s.socket, 0o666)) // as this engine does
	eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	eventually(t, "that is recorded", func() bool { return notes.recorded("EngineSocketRepair", "made its socket anew") })
	eventually(t, "a finding of the listener", func() bool { return notes.has(model.FindingTCPListener, "127.0.0.1:") })
	if notes.has(model.FindingSocketOpen, "may connect") {
		t.Errorf("a new socket is a finding: %q", notes.kinds())
	}
	stop()
}

// TestWhoMayUseIt tells programs that guard.direct names from others.
func TestWhoMayUseIt(t *testing.T) {
	s := newScene(t, "{}")
	allowed, other := copyOf(t, filepath.Join(s.dir, "bin", "kubelet")), copyOf(t, filepath.Join(s.dir, "bin", "docker"))
	s.o.Direct = []string{allowed}
	s.reopen(t)
	s.lock(t)
	own := ask(t, "/proc/self/exe", s.socket, 0) // root's own bulkhead
	good, bad := ask(t, allowed, s.socket, 0), ask(t, other, s.socket, 0)
	for _, a := range []asking{own, good, bad} {
		if !strings.HasPrefix(a.answer, "HTTP/1.1 200 OK") {
			t.Fatalf("answer %q", a.answer)
		}
	}
	st, err := s.l.Status(context.Background())
	must(t, err)
	if len(st.Problems) != 1 || st.Problems[0].Kind != model.FindingDirectUse || st.Problems[0].Subject != s.socket+": "+other+" (uid 0)" || st.Problems[0].Text.ZH == "" {
		t.Errorf("problems %+v", st.Problems)
	}
	bad.end()
	eventually(t, "the status is good again", func() bool { st, err := s.l.Status(context.Background()); return err == nil && st.OK() })
}

// TestWatchSeesWhatIsOver: an unlock that is over when the watch looks is recorded, with who did it, and is a finding.
func TestWatchSeesWhatIsOver(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	s.unlock(t, 0)
	s.lock(t) // and nobody has looked yet
	notes := s.watched(t, false)
	eventually(t, "the last lock is recorded", func() bool { return notes.recorded("EngineLock", "the guard's alone") })
	eventually(t, "the unlock is a finding", func() bool { return notes.has(model.FindingUnlocked, "by ada") })
	if got := notes.actions(); !slices.Equal(got, []string{"EngineLock the test", "EngineUnlock ada", "EngineLock the test"}) {
		t.Errorf("recorded: %q", got)
	}
	again := s.watched(t, false)
	time.Sleep(500 * time.Millisecond)
	if got := again.actions(); len(got) > 0 || again.has(model.FindingUnlocked, "") {
		t.Errorf("told twice: %q %q", got, again.kinds())
	}
	s.unlock(t, 0)
}

// TestRecordsThatFail are made when the audit log takes records again.
func TestRecordsThatFail(t *testing.T) {
	s := newScene(t, "{}")
	notes := &notebook{fail: errors.New("the disk is full")}
	s.watch(t, false, notes)
	s.lock(t)
	time.Sleep(500 * time.Millisecond)
	s.unlock(t, 0)
	eventually(t, "that it is open is a finding", func() bool { return notes.has(model.FindingUnlocked, "by ada") })
	time.Sleep(300 * time.Millisecond)
	notes.mu.Lock()
	notes.fail = nil
	notes.mu.Unlock()
	eventually(t, "both are recorded", func() bool { return slices.Equal(notes.actions(), []string{"EngineLock the test", "EngineUnlock ada"}) })
	time.Sleep(300 * time.Millisecond)
	if got := notes.actions(); len(got) != 2 {
		t.Errorf("recorded: %q", got)
	}
}

// TestWordThatCannotBeTrusted: who may have been given the file changes nothing about that it is open.
func TestWordThatCannotBeTrusted(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	notes := s.watched(t, false)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	s.unlock(t, 0)
	eventually(t, "a finding", func() bool { return notes.has(model.FindingUnlocked, "by ada") })
	eventually(t, "it says so", func() bool {
		must(t, os.Chmod(filepath.Join(s.o.StateDir, "unlocked.json"), 0o644)) // the watch may just have written it anew: that the unlock is recorded
		return notes.has(model.FindingUnlocked, "can't be trusted")
	})
	notes.mu.Lock()
	last := notes.findings[len(notes.findings)-1]
	notes.mu.Unlock()
	if !last.Over.IsZero() {
		t.Error("the finding is over")
	}
	s.lock(t)
	eventually(t, "it is locked again", func() bool {
		n := len(notes.actions())
		return n > 0 && notes.actions()[n-1] == "EngineLock the test" && n > 2
	})
	if !notes.recorded("EngineUnlock", "can't be trusted") {
		t.Errorf("recorded: %q", notes.actions())
	}
	s.unlock(t, 0)
}

// TestRepairThatFails is tried again after pauses that grow; the finding says so, and the record says how often.
func TestRepairThatFails(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	notes := s.watched(t, true)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	held := filepath.Join(s.o.StateDir, "lock.lock") // without it nothing may be changed
	must(t, os.Remove(held))
	must(t, os.Mkdir(held, 0o700))
	must(t, os.Chmod(s.socket, 0o666))
	eventually(t, "a finding says that it failed", func() bool { return notes.has(model.FindingSocketOpen, "to close it failed (") })
	eventually(t, "and that the pause grew", func() bool { return notes.has(model.FindingSocketOpen, "is tried again within 400ms") })
	if got := modeOf(s.socket); got != "0666 0:0" || notes.recorded("EngineSocketRepair", "") {
		t.Errorf("the socket is %s; recorded %q", got, notes.actions())
	}
	must(t, os.Remove(held))
	eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	eventually(t, "that is recorded", func() bool { return notes.recorded("EngineSocketRepair", "times in vain") })
	must(t, os.Chmod(s.socket, 0o666))
	took := eventually(t, "the next one is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	t.Logf("it took %s", took)
	eventually(t, "that is recorded", func() bool { return len(notes.actions()) == 3 })
	notes.mu.Lock()
	defer notes.mu.Unlock()
	if why := notes.records[2].Reason; strings.Contains(why, "in vain") {
		t.Errorf("it was not closed at once: %s", why)
	}
}

// TestRecordOfARepair that fails is made when the audit log takes records again, once.
func TestRecordOfARepair(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	notes := &notebook{}
	s.watch(t, true, notes)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	fails := func(err error) {
		notes.mu.Lock()
		defer notes.mu.Unlock()
		notes.fail = err
	}
	fails(errors.New("the disk is full"))
	must(t, os.Chmod(s.socket, 0o666))
	eventually(t, "it is closed all the same", func() bool { return modeOf(s.socket) == "0600 0:0" })
	time.Sleep(1200 * time.Millisecond)
	fails(nil)
	eventually(t, "it is recorded", func() bool { return notes.recorded("EngineSocketRepair", "closed again") })
	time.Sleep(300 * time.Millisecond)
	notes.mu.Lock()
	defer notes.mu.Unlock()
	if n := len(notes.records); n != 2 || notes.records[1].Changes["since"] == "" {
		t.Errorf("recorded: %+v", notes.records)
	}
}

// TestHalf: an unlock that did not come to its end is told, with who began it, by a watch that runs and by one that begins; it is recorded once,
// and both ways out of it are open.
func TestHalf(t *testing.T) {
	for _, out := range []string{"unlock", "lock"} {
		s := newScene(t, "{}")
		s.lock(t)
		notes := &notebook{}
		stop := s.watch(t, true, notes)
		eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
		must(t, os.Remove(s.daemonJSON))
		must(t, os.Mkdir(s.daemonJSON, 0o755)) // so that it stops there, as it would with the power
		if _, _, err := s.l.Unlock(context.Background(), "eve"); err == nil {
			t.Fatal("it came to its end")
		}
		if st, err := s.l.Status(context.Background()); err != nil || st.Phase != "unlocking" {
			t.Fatalf("%+v %v", st, err)
		}
		told := func(n *notebook) func() bool {
			return func() bool { return n.has(model.FindingUnlocked, "An unlock of the engines' sockets that eve began") }
		}
		eventually(t, "it is told", told(notes))
		eventually(t, "it is recorded", func() bool { return notes.recorded("EngineUnlock", "did not end") })
		stop()
		again := s.watched(t, true)
		eventually(t, "it is told after a start", told(again))
		must(t, os.Remove(s.daemonJSON))
		must(t, os.WriteFile(s.daemonJSON, []byte("{}"), 0o644))
		want := []string{"EngineLock the test", "EngineUnlock eve", "EngineLock the test"}
		if out == "lock" {
			s.lock(t)
		} else {
			_, _, err := s.l.Unlock(context.Background(), "ada")
			must(t, err)
			want[2] = "EngineUnlock ada"
		}
		var got []string
		eventually(t, "what came of it is recorded", func() bool { got = append(notes.actions(), again.actions()...); return len(got) >= 3 })
		time.Sleep(300 * time.Millisecond)
		if got = append(notes.actions(), again.actions()...); !slices.Equal(got, want) {
			t.Errorf("%s: recorded %q", out, got)
		}
		if out == "lock" {
			s.unlock(t, 0)
		}
	}
}

// TestHalfLock: a lock that did not come to its end is told.
func TestHalfLock(t *testing.T) {
	s := newScene(t, "{}")
	must(t, os.Remove(s.daemonJSON))
	s.lock(t)
	must(t, os.Chmod(filepath.Join(s.o.StateDir, "lock.json"), 0o600))
	text, err := os.ReadFile(filepath.Join(s.o.StateDir, "lock.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.o.StateDir, "lock.json"), []byte(strings.Replace(string(text), `"phase": "locked"`, `"phase": "locking"`, 1)), 0o600))
	notes := s.watched(t, true)
	eventually(t, "it is told", func() bool {
		return notes.has(model.FindingUnlocked, "A lock of the engines' sockets that the test began did not end")
	})
	if len(notes.actions()) > 0 {
		t.Errorf("recorded: %q", notes.actions())
	}
	s.lock(t) // it goes on
	eventually(t, "it is recorded", func() bool { return slices.Equal(notes.actions(), []string{"EngineLock the test"}) })
	s.unlock(t, 0)
}
