package audit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestJournal holds that what is acknowledged is in the spool, in the log soon, and there once.
func TestJournal(t *testing.T) {
	k := newKeys(t, origin)
	o := options(filepath.Join(t.TempDir(), "log"), k)
	o.Journal = time.Hour
	l := open(t, o)
	for i := range 5 {
		at, err := l.AppendSoon(t.Context(), sample(fmt.Sprint("change-", i)))
		if err != nil || at.Origin != "" {
			t.Fatalf("%q: %v", at.Origin, err)
		}
	}
	if s := l.State(); s.Spooled != 5 || l.Size() != 0 {
		t.Errorf("%+v, and the log has %d", s, l.Size())
	}
	// A read's time comes, and what is in the journal goes to the log with it.
	if err := l.Later(t.Context(), sample("read")); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendSoon(t.Context(), sample("change-5")); err != nil {
		t.Fatal(err)
	}
	if at, err := l.Append(t.Context(), sample("waits")); err != nil || at.Index != 7 { // what came before goes first
		t.Fatalf("%d %v", at.Index, err)
	}
	if _, err := l.AppendSoon(t.Context(), sample("change-6")); err != nil {
		t.Fatal(err)
	}
	l.release() // killed, so to speak
	o.Journal = 10 * time.Millisecond
	l = open(t, o)
	if err := l.Wait(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AppendSoon(t.Context(), sample("change-7")); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	l = open(t, o)
	records, err := l.Read(t.Context(), 0, 100)
	if err != nil || len(records) != 10 {
		t.Fatalf("%d records: %v", len(records), err)
	}
	for i, want := range []string{"change-0", "change-1", "change-2", "change-3", "change-4", "read", "change-5", "waits", "change-6", "change-7"} {
		if got := records[i].Record.ID; got != want {
			t.Errorf("record %d is %s, not %s", i, got, want)
		}
	}
	closeLog(t, l)
}

// TestJournalOnAFullDisk runs itself in a mount namespace of its own, where the log is on a small file system: once it is known that the log
// can't be written, nothing is acknowledged any more, although the journal has room.
func TestJournalOnAFullDisk(t *testing.T) {
	if os.Getenv("BULKHEAD_TEST_PART") == "disk" {
		journalOnAFullDisk(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestJournalOnAFullDisk$", "-test.v")
	inNamespace(t, cmd, t.TempDir())
}

func journalOnAFullDisk(t *testing.T) {
	mount := smallDisk(t)
	k := newKeys(t, origin)
	o := options(filepath.Join(mount, "log"), k)
	o.SpoolSize, o.Journal = 128<<10, 20*time.Millisecond
	l := open(t, o)
	ballast := filepath.Join(mount, "ballast")
	fillDisk(t, ballast)
	acknowledged := map[string]bool{}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		id := fmt.Sprint("change-", i)
		if _, err = l.AppendSoon(t.Context(), sample(id)); err == nil {
			acknowledged[id] = true
			time.Sleep(100 * time.Millisecond)
		}
	}
	if model.CodeOf(err) != model.CodeAuditUnavailable || len(acknowledged) == 0 {
		t.Fatalf("after %d: %v", len(acknowledged), err)
	}
	if s := l.State(); s.Writable || s.Spooled != int64(len(acknowledged)) {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), uint64(len(acknowledged))-1); err != nil {
		t.Fatal(err)
	}
	for l.State().Spooled > 0 {
		time.Sleep(time.Millisecond)
	}
	if at, err := l.AppendSoon(t.Context(), sample("again")); err != nil || at.Origin != "" {
		t.Fatalf("append with space again: %q: %v", at.Origin, err)
	}
	closeLog(t, l)
	l = open(t, o)
	records, err := l.Read(t.Context(), 0, 1000)
	if err != nil || len(records) != len(acknowledged)+1 {
		t.Fatalf("%d records of %d: %v", len(records), len(acknowledged), err)
	}
	closeLog(t, l)
	if r, err := Verify(t.Context(), o.Dir, k.key, nil); err != nil || !r.OK() {
		t.Errorf("%+v: %v", r, err)
	}
}

// TestSpoolThatCanNotBeCleared: what is in the log already is not appended again, however often emptying the spool fails, nor after a stop.
func TestSpoolThatCanNotBeCleared(t *testing.T) {
	k := newKeys(t, origin)
	o := options(filepath.Join(t.TempDir(), "log"), k)
	o.Journal, o.Batch = time.Hour, 2
	l := open(t, o)
	for i := range 5 {
		if _, err := l.AppendSoon(t.Context(), sample(fmt.Sprint("change-", i))); err != nil {
			t.Fatal(err)
		}
	}
	l.release() // killed, so to speak
	path := filepath.Join(o.Dir+".spool", "spool")
	spooled, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // each time it was emptied, and the disk kept it as it was
		l = open(t, o)
		if err := l.Wait(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		if err := os.WriteFile(path, spooled, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// While it runs, the file can't be written to any more.
	l = open(t, o)
	if _, err := l.AppendSoon(t.Context(), sample("change-5")); err != nil {
		t.Fatal(err)
	}
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	was := l.spool.f
	l.spool.f = readOnly // nobody is at it for an hour, or until a read comes
	if err := l.Later(t.Context(), sample("read")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); l.Size() < 7 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(3 * retryEvery)
	if l.Size() != 7 {
		t.Errorf("the log has %d entries", l.Size())
	}
	if at, err := l.AppendSoon(t.Context(), sample("change-6")); err != nil || at.Origin == "" {
		t.Errorf("with a journal that can't be written: %q %v", at.Origin, err)
	}
	if _, err := l.Append(t.Context(), sample("change-7")); err != nil || l.Size() < 9 {
		t.Errorf("what waits for the log is not in it: %d entries, %v", l.Size(), err)
	}
	closeLog(t, l)
	if err := was.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	if err := l.Wait(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	l = open(t, o)
	records, err := l.Read(t.Context(), 0, 100)
	if err != nil || len(records) != 9 {
		t.Fatalf("%d records: %v", len(records), err)
	}
	closeLog(t, l)
}

// TestSpoolAfterATornBlock: what is left of a block that did not reach the disk as a whole is no entry behind the next one.
func TestSpoolAfterATornBlock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	s, err := openSpool(path, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	at := s.end
	if err := s.put(0, []byte("first-1"), []byte("second")); err != nil {
		t.Fatal(err)
	}
	s.end = at // the first page of it was lost
	s.n.Store(0)
	if err := s.put(0, []byte("first-2")); err != nil {
		t.Fatal(err)
	}
	s.close()
	if s, err = openSpool(path, 4096); err != nil || s.count() != 1 || s.most != 64<<10 {
		t.Fatalf("%d entries, room for %d: %v", s.count(), s.most, err)
	}
	s.close()
}

// BenchmarkOneCaller is what a change waits for its record where nobody else writes.
func BenchmarkOneCaller(b *testing.B) {
	for name, journal := range map[string]time.Duration{"log": 0, "journal": 250 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			o := options(filepath.Join(b.TempDir(), "log"), newKeys(b, origin))
			o.Journal = journal
			l := open(b, o)
			defer closeLog(b, l)
			for b.Loop() {
				if _, err := l.AppendSoon(b.Context(), sample("")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
