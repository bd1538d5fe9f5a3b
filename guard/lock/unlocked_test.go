package lock_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// leftOver locks, unlocks as ada and locks again, with all of it in the audit log, and then has the second lock end where a crash can end it:
// before it took away what the unlock had left behind.
func leftOver(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, "{}")
	notes := &notebook{}
	stop := s.watch(t, false, notes)
	s.lock(t)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	s.unlock(t, 0)
	word := filepath.Join(s.o.StateDir, "unlocked.json")
	var text []byte
	eventually(t, "the unlock is recorded", func() bool {
		var err error
		text, err = os.ReadFile(word)
		return err == nil && strings.Contains(string(text), `"recorded": true`)
	})
	s.lock(t)
	eventually(t, "both are recorded", func() bool { return len(notes.actions()) == 3 })
	state := filepath.Join(s.o.StateDir, "lock.json")
	eventually(t, "and that is kept", func() bool {
		b, err := os.ReadFile(state)
		return err == nil && strings.Contains(string(b), `"recorded": true`)
	})
	stop()
	must(t, os.WriteFile(word, text, 0o600))
	return s
}

// TestLeftOverWordIsNotRecordedAgain: to lock once more after a crash adds no unlock.
func TestLeftOverWordIsNotRecordedAgain(t *testing.T) {
	s := leftOver(t)
	word := filepath.Join(s.o.StateDir, "unlocked.json")
	text, err := os.ReadFile(word) // as it is where nobody watched when it was unlocked
	must(t, err)
	must(t, os.WriteFile(word, []byte(strings.Replace(string(text), `"recorded": true`, `"recorded": false`, 1)), 0o600))
	s.lock(t)
	notes := s.watched(t, false)
	time.Sleep(500 * time.Millisecond)
	if got := notes.actions(); len(got) > 0 {
		t.Errorf("recorded again: %q", got)
	}
	if _, err := os.Stat(word); !os.IsNotExist(err) {
		t.Errorf("what the unlock left behind is still there: %v", err)
	}
}

// TestLeftOverWordIsNobodysUnlock: an unlock that ends before it left its own word is not said to be somebody else's, and what it ended is not lost.
func TestLeftOverWordIsNobodysUnlock(t *testing.T) {
	s := leftOver(t)
	state := filepath.Join(s.o.StateDir, "lock.json")
	text, err := os.ReadFile(state) // as it is where nobody watched when it was locked
	must(t, err)
	must(t, os.WriteFile(state, []byte(strings.Replace(string(text), "  \"recorded\": true,\n", "", 1)), 0o600))
	s.crashed(t, "eve")
	notes := &notebook{}
	stop := s.watch(t, false, notes)
	eventually(t, "it is told", func() bool {
		return notes.has(model.FindingUnlocked, "An unlock of the engines' sockets was begun and did not end")
	})
	stop()
	if notes.has(model.FindingUnlocked, "ada") {
		t.Errorf("ada is said to have unlocked: %q", notes.kinds())
	}
	s.unlock(t, 0)
	after := s.watched(t, false)
	eventually(t, "the lock and its end are recorded", func() bool { return len(after.actions()) >= 2 })
	if got := after.actions(); !slices.Equal(got, []string{"EngineLock the test", "EngineUnlock ada"}) {
		t.Errorf("recorded: %q", got)
	}
}

// crashed is an unlock that ends after the state says that it was begun, and before it says who began it.
func (s *scene) crashed(t *testing.T, by string) {
	t.Helper()
	o := s.o
	o.Now = func() time.Time {
		text, err := os.ReadFile(filepath.Join(o.StateDir, "lock.json"))
		if err == nil && strings.Contains(string(text), `"phase": "unlocking"`) {
			panic("the power is gone")
		}
		return time.Now()
	}
	l, err := lock.New(o)
	must(t, err)
	defer func() {
		if recover() == nil {
			t.Error("it came to its end")
		}
	}()
	_, _, err = l.Unlock(context.Background(), by)
	t.Errorf("it ended with %v", err)
}
