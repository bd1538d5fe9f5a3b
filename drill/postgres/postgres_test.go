package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDirectoryThatPostgresCanNotEnter: as root, a TMPDIR of root alone is no place for the user postgres, and that is said before
// anything fails of it. As any other user the server runs as that one, and nothing is in the way.
func TestDirectoryThatPostgresCanNotEnter(t *testing.T) {
	open, err := os.MkdirTemp("/tmp", "bh-enter") // what is above the test's own may be closed, too
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(open) })
	closed := filepath.Join(open, "closed")
	if err := errors.Join(os.Chmod(open, 0o755), os.Mkdir(closed, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", closed)
	s, err := Start(t.Context(), Options{})
	if os.Geteuid() != 0 {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil {
		_ = s.Stop()
		t.Fatal("it runs where it can't be")
	}
	for _, want := range []string{"the user postgres", "refuses root", closed + " is closed to it", "set TMPDIR", "chmod o+x " + closed} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	left, err := os.ReadDir(closed)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
