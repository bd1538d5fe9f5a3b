package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSmallBeside: what somebody else could have put beside the product is not started in its place.
func TestSmallBeside(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("files of others need root")
	}
	dir := t.TempDir()
	own, small := filepath.Join(dir, "bulkhead"), filepath.Join(dir, "bulkhead-guard")
	fine := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fine(os.WriteFile(own, nil, 0o755))
	fine(os.Chown(own, 4711, 4711))
	if _, err := smallBeside(own); err == nil || !strings.Contains(err.Error(), "install both") {
		t.Errorf("none: %v", err)
	}
	for _, c := range []struct {
		name string
		make func() error
		why  string // empty where it is taken
	}{
		{"root's", func() error { return nil }, ""},
		{"of the same owner", func() error { return os.Chown(small, 4711, 0) }, ""},
		{"another's", func() error { return os.Chown(small, 4712, 0) }, "neither root's"},
		{"of a group", func() error { return os.Chmod(small, 0o775) }, "others than its owner"},
		{"for all", func() error { return os.Chmod(small, 0o757) }, "others than its owner"},
		{"no program", func() error { return os.Chmod(small, 0o644) }, "nobody may execute it"},
		{"a link", func() error { return os.Symlink("/bin/true", small) }, "no regular file"},
		{"a directory", func() error { return os.Mkdir(small, 0o755) }, "no regular file"},
	} {
		fine(os.RemoveAll(small))
		if !strings.Contains(c.why, "regular") {
			fine(os.WriteFile(small, nil, 0o755))
			fine(os.Chmod(small, 0o755))
		}
		fine(c.make())
		path, err := smallBeside(own)
		if c.why == "" && (err != nil || path != small) || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %q %v", c.name, path, err)
		}
	}
}
