//go:build e2e

package builds

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullDisk fills a small file system.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	f, err := nameless(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(&careful{f: f, free: func(*os.File) (uint64, error) { return 1 << 40, nil }}, io.LimitReader(zeros{}, 2<<20)); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
	if _, err := Keep(t.Context(), bytes.NewReader(archive(t, file("Dockerfile", "FROM a"))), dir, "", 1<<20); !errors.Is(err, ErrNoRoom) {
		t.Errorf("what is for the log is taken: %v", err)
	}
}
