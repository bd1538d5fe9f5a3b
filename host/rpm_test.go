package host

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/test/rpms"
)

// makeRPM writes a package database.
func makeRPM(t testing.TB, file string) {
	t.Helper()
	must(t, rpms.WriteSQLite(file, rpms.Some()))
}

func TestRPMLeavesTheDatabaseAlone(t *testing.T) {
	h := plantFile(t, "rhel9.txtar")
	dir := filepath.Join(h.root, "var/lib/rpm")
	makeRPM(t, filepath.Join(dir, "rpmdb.sqlite"))
	before, err := os.ReadFile(filepath.Join(dir, "rpmdb.sqlite"))
	must(t, err)
	if _, gaps := h.Packages(context.Background()); len(gaps) > 0 {
		t.Fatal(gaps)
	}
	after, err := os.ReadFile(filepath.Join(dir, "rpmdb.sqlite"))
	must(t, err)
	entries, err := os.ReadDir(dir)
	must(t, err)
	if !bytes.Equal(before, after) || len(entries) != 1 {
		t.Errorf("reading changed the directory: %v", entries)
	}
}

func TestRPMDamaged(t *testing.T) {
	h := plant(t, []byte("-- var/lib/rpm/rpmdb.sqlite --\nno database at all\n"))
	_, gaps := h.Packages(context.Background())
	if len(gaps) != 1 || gaps[0].Reason != "malformed" {
		t.Errorf("gaps = %v", gaps)
	}
}
