package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/rpms"
)

// counted counts readings of a database.
type counted struct {
	readings int
	fail     error
}

func (c *counted) read(ctx context.Context, file string, files bool, each func(RPMPackage)) error {
	c.readings++
	if err := errors.Join(c.fail, ctx.Err()); err != nil {
		return err
	}
	return ReadRPM(ctx, file, files, each)
}

// changed makes a file's time one that is long over, each time another one.
func changed(t *testing.T, file string, age time.Duration) {
	t.Helper()
	at := time.Now().Add(-age)
	must(t, os.Chtimes(file, at, at))
}

// TestRPMIsReadOnce: a database that stays as it is, whole or damaged, is read once, by whatever it is asked; after a change it is read
// again.
func TestRPMIsReadOnce(t *testing.T) {
	root := plantFile(t, "rhel9.txtar").root
	file := filepath.Join(root, "var/lib/rpm/rpmdb.sqlite")
	makeRPM(t, file)
	c := &counted{}
	memory := NewRPMMemory()
	now := time.Now().Add(time.Minute) // the change of the file's status can't be set back
	memory.now = func() time.Time { return now }
	packages := func() (n int, err error) {
		t.Helper()
		h := New(Options{Root: root, RPM: c.read, Memory: memory}) // each collection has a new one
		list, err := h.rpmPackages(t.Context(), "/var/lib/rpm/rpmdb.sqlite")
		return len(list), err
	}
	check := func(what string, readings int, good bool) {
		t.Helper()
		n, err := packages()
		if good != (err == nil && n == 3) || c.readings != readings {
			t.Fatalf("%s: %d packages, %v, %d readings, want %d", what, n, err, c.readings, readings)
		}
	}
	check("first", 1, true)
	check("again", 1, true)
	o := owners{h: New(Options{Root: root, RPM: c.read, Memory: memory}), dirs: map[string]string{}, of: map[string]string{}, names: map[string]bool{}}
	for range 2 {
		must(t, o.rpm(t.Context(), "/var/lib/rpm/rpmdb.sqlite"))
	}
	if c.readings != 2 {
		t.Fatalf("%d readings with the owners", c.readings)
	}
	changed(t, file, time.Hour)
	now = now.Add(time.Minute)
	check("another time", 3, true)
	must(t, os.WriteFile(file+"-wal", nil, 0o600))
	now = now.Add(time.Minute)
	check("a log beside it", 4, true)
	check("again with it", 4, true)

	// A damaged one costs once, too, and then once in an hour.
	must(t, os.WriteFile(file, []byte("no database at all\n"), 0o600))
	now = now.Add(time.Minute)
	check("damaged", 5, false)
	check("damaged, again", 5, false)
	now = now.Add(failedAgain)
	check("damaged, after an hour", 6, false)

	// What says nothing of the database is not remembered.
	must(t, os.Remove(file))
	makeRPM(t, file)
	now = now.Add(time.Minute)
	c.fail = errNotRead
	check("not read", 7, false)
	c.fail = nil
	check("read then", 8, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	changed(t, file, 2*time.Hour)
	now = now.Add(time.Minute)
	if _, err := New(Options{Root: root, RPM: c.read, Memory: memory}).rpmPackages(ctx, "/var/lib/rpm/rpmdb.sqlite"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	check("after one that was stopped", 10, true)

	// A change of this moment can't be told from the next one.
	now = time.Now()
	changed(t, file, 0)
	check("just changed", 11, true)
	check("just changed, again", 12, true)
}

// TestRPMThatLoopsCostsOnce: a reading that had to be killed is remembered, too, also where it was the collector's own time that was over.
func TestRPMThatLoopsCostsOnce(t *testing.T) {
	check := nothingLeft(t)
	root := t.TempDir()
	name := "/var/lib/rpm/Packages"
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/rpm"), 0o700))
	must(t, os.WriteFile(filepath.Join(root, name), rpms.Endless(), 0o600))
	memory := NewRPMMemory()
	memory.now = func() time.Time { return time.Now().Add(time.Minute) }
	reads := 0
	read := func(ctx context.Context, file string, files bool, each func(RPMPackage)) error {
		reads++
		return rpmChild(time.Minute).Read(ctx, file, files, each)
	}
	for i := range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := New(Options{Root: root, RPM: read, Memory: memory}).rpmPackages(ctx, name)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if reads != 1 {
			t.Errorf("reading %d: the file was read %d times", i, reads)
		}
	}
	check()
}
