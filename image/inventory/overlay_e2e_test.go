//go:build e2e

package inventory

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOverlayMarks needs root: overlayfs marks deletions by devices and trusted attributes.
func TestOverlayMarks(t *testing.T) {
	low, high := t.TempDir(), t.TempDir()
	for _, p := range []string{"gone/id_rsa", "opaque/id_rsa", "single/id_rsa", "kept/id_rsa"} {
		if err := os.MkdirAll(filepath.Join(low, filepath.Dir(p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(low, p), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"opaque", "single"} {
		if err := os.Mkdir(filepath.Join(high, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"gone", "single/id_rsa"} {
		if err := unix.Mknod(filepath.Join(high, p), unix.S_IFCHR, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Setxattr(filepath.Join(high, "opaque"), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		if err := unix.Setxattr(filepath.Join(high, "opaque"), "user.overlay.opaque", []byte("y"), 0); err != nil {
			t.Fatalf("the file system of the test takes no overlay attributes: %v", err)
		}
	}
	c, found, err := newTest().Dirs(t.Context(), []string{high, low})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Place != "file:/kept/id_rsa" || c.Files != 1 {
		t.Errorf("got %d files, %+v", c.Files, found)
	}
}
