package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hang has the log's disk not answer until it is ended: it holds the lock that is taken for each batch.
func hang(t *testing.T, dir string) (end func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, ".state", "treeState.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	// Of this descriptor, unlike the log's own, which is the process's.
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// TestTriedAgain: a record that was not written in time, and is tried again until it is, is there once.
func TestTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := open(t, options(dir, newKeys(t, origin)))
	fill(t, l, 1)
	end := hang(t, dir)
	short := func(id string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := l.Append(ctx, sample(id))
		return err
	}
	for range 3 {
		for _, id := range []string{"again", "again too"} {
			if err := short(id); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s on a disk that hangs: %v", id, err)
			}
		}
	}
	end()
	for i, id := range []string{"again", "again too", "another"} {
		r, err := l.Append(t.Context(), sample(id))
		if err != nil || r.Record.ID != id || r.Origin != origin || r.Index != uint64(i+1) {
			t.Errorf("%s is at %s/%d (%s): %v", id, r.Origin, r.Index, r.Record.ID, err)
		}
	}
	if n := l.Size(); n != 4 {
		t.Errorf("the log has %d entries", n)
	}
	closeLog(t, l)
}

// TestLeftIsBounded: the last ones are remembered, and only the very record is the same.
func TestLeftIsBounded(t *testing.T) {
	var l left
	for i := range 2 * mostLeft {
		l.add(&pending{record: sample(fmt.Sprint(i))})
	}
	other := sample(fmt.Sprint(mostLeft))
	other.Action += "Other"
	if len(l.list) != mostLeft || l.take(&pending{record: sample("0")}) != nil || l.take(&pending{record: other}) != nil {
		t.Errorf("%d are remembered", len(l.list))
	}
	if p := &(pending{record: sample(fmt.Sprint(mostLeft))}); l.take(p) == nil || l.take(p) != nil {
		t.Error("one that is tried again is not found, or is found twice")
	}
}
