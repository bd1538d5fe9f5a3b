package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestRecordTriedAgain: what the watch over the sockets tries until the disk of the log answers again is in the log once.
func TestRecordTriedAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := guarded.OpenLog(t.Context(), dir, "here", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	record := recordOf(l.Log, &state.Node{ID: "n1", Name: "here", Tenant: model.SystemTenant})
	again := model.Record{ID: "0198c5a0-0000-7000-8000-000000000001", Time: time.Now(), Action: "EngineSocketRepair", Outcome: model.OutcomeAllowed}
	other := again
	other.ID = "0198c5a0-0000-7000-8000-000000000002"
	// The log takes this lock for each batch; of a descriptor of its own, it is another's.
	hung, err := os.OpenFile(filepath.Join(dir, "audit", ".state", "treeState.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(hung.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Log.AppendSoon(t.Context(), other); err != nil { // in the journal, from where it can't come into the log
		t.Fatal(err)
	}
	time.Sleep(2 * guarded.JournalAge)
	for range 2 {
		start := time.Now()
		if err := record(t.Context(), again); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
			t.Fatalf("after %s: %v", time.Since(start), err)
		}
	}
	hung.Close()
	if err := record(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if err := l.Log.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * guarded.JournalAge) // more would be there by now
	records, err := l.Log.Read(t.Context(), 0, 10)
	if err != nil || len(records) != 2 || records[0].Record.ID != other.ID || records[1].Record.ID != again.ID || records[1].Record.Actor != "n1" {
		t.Errorf("%d records: %+v %v", len(records), records, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
