package whole_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/whole"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	path := filepath.Join(dir, "f")
	for _, c := range []struct {
		text string
		mode os.FileMode
	}{{"one", 0o644}, {"another", 0o600}} {
		if err := whole.Write(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		fi, serr := os.Stat(path)
		if err != nil || serr != nil || string(b) != c.text || fi.Mode() != c.mode {
			t.Errorf("%q %v, want %q %v: %v %v", b, fi.Mode(), c.text, c.mode, err, serr)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{filepath.Join(dir, "gone", "f"), filepath.Join(dir, "d")} {
		if err := whole.Write(bad, nil, 0o600); err == nil {
			t.Errorf("wrote %s", bad)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left: %v %v", left, err)
	}
}
