package lock_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// slowLog is an audit log whose disk hangs until it is mended.
type slowLog struct {
	notebook
	mended   chan struct{}
	patience time.Duration // after which a record has failed
	mu       sync.Mutex
	tried    []model.Record
}

func (l *slowLog) record(ctx context.Context, r model.Record) error {
	l.mu.Lock()
	l.tried = append(l.tried, r)
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.patience)
	defer cancel()
	select {
	case <-l.mended:
		return l.notebook.record(ctx, r)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *slowLog) tries(action string) (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.tried {
		if r.Action == action {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (s *scene) watchSlowly(t *testing.T, patience time.Duration) (l *slowLog, stop func()) {
	t.Helper()
	l = &slowLog{mended: make(chan struct{}), patience: patience}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.l.Watch(ctx, lock.Watcher{Keep: true, Found: l.found, Record: l.record, Every: time.Second})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l, stop
}

// TestSlowLog: no socket stays open because a record waits, and what is tried again is the same record.
func TestSlowLog(t *testing.T) {
	s := newScene(t, "{}", "--group=users")
	s.lock(t)
	l, _ := s.watchSlowly(t, 3*time.Second)
	eventually(t, "the lock is to be recorded", func() bool { return len(l.tries("EngineLock")) > 0 })
	closed := func() {
		t.Helper()
		eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	}
	for range 3 {
		must(t, os.Chmod(s.socket, 0o666))
		closed()
		time.Sleep(50 * time.Millisecond)
	}
	must(t, os.Remove(s.socket))
	startEngine(t, s.dockerd, s.socket, "", "--group=users")
	must(t, os.Chmod(s.socket, 0o666))
	closed()
	eventually(t, "a record is tried again", func() bool { return len(l.tries("EngineSocketRepair")) > 1 })
	must(t, os.Chmod(s.socket, 0o666))
	closed()
	if s.keeps(t) {
		t.Error("the state was written, on a disk that may hang as well")
	}
	close(l.mended)
	eventually(t, "which socket it is is kept", func() bool { return s.keeps(t) })
	tried := func() map[string]bool { // one more where the watch was quicker than this test with a socket that was made anew
		ids := map[string]bool{}
		for _, id := range append(l.tries("EngineLock"), l.tries("EngineSocketRepair")...) {
			ids[id] = true
		}
		return ids
	}
	eventually(t, "all are recorded", func() bool { n := len(l.actions()); return n >= 6 && n == len(tried()) })
	time.Sleep(300 * time.Millisecond)
	ids := map[string]bool{}
	l.notebook.mu.Lock()
	for _, r := range l.records {
		ids[r.ID] = true
	}
	l.notebook.mu.Unlock()
	if n := len(l.actions()); n < 6 || n > 7 || len(ids) != n || ids[""] {
		t.Errorf("%d records: %q, ids %v", n, l.actions(), ids)
	}
	for id := range tried() {
		if !ids[id] {
			t.Errorf("what was tried as %s is recorded under another id", id)
		}
	}
}

// TestRecordAfterARestart is the one that the watch before tried, which the log may have all the same; a repair that only the watch knows of is
// written before it ends.
func TestRecordAfterARestart(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	first, stop := s.watchSlowly(t, 3*time.Second)
	eventually(t, "the lock is to be recorded", func() bool { return len(first.tries("EngineLock")) > 0 })
	stop()
	second, stop := s.watchSlowly(t, time.Minute)
	eventually(t, "the lock is to be recorded", func() bool { return len(second.tries("EngineLock")) > 0 })
	must(t, os.Chmod(s.socket, 0o666))
	eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	close(second.mended)
	stop()
	if one, other := first.tries("EngineLock"), second.tries("EngineLock"); !slices.Equal(one, other) {
		t.Errorf("one lock has the ids %q and %q", one, other)
	}
	if got := second.actions(); !slices.Equal(got, []string{"EngineLock the test", "EngineSocketRepair " + s.socket}) {
		t.Errorf("recorded: %q", got)
	}
	s.unlock(t, 0)
	s.lock(t)
	third := s.watched(t, true)
	eventually(t, "the next is recorded", func() bool { return third.recorded("EngineLock", "") })
	third.mu.Lock()
	defer third.mu.Unlock()
	for _, r := range third.records {
		if slices.Contains(first.tries("EngineLock"), r.ID) {
			t.Errorf("%s has the id of the lock before", r.Action)
		}
	}
}
