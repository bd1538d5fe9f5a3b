package hostpath

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes a host: a path that ends in "/" is a directory, one with " -> " a link.
func tree(t *testing.T, entries ...string) Paths {
	t.Helper()
	root := t.TempDir()
	for _, e := range entries {
		name, target, isLink := strings.Cut(e, " -> ")
		full := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			err = os.Symlink(target, full)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o755)
		default:
			err = os.WriteFile(full, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Paths{Root: root, trusted: uint32(os.Getuid())}
}

func open(t *testing.T, p Paths, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(p.Root, dir), mode); err != nil {
		t.Fatal(err)
	}
}

func TestPath(t *testing.T) {
	p := tree(t, "srv/shop/", "srv/file", "srv/up -> ../../../../", "run/docker.sock", "var/run -> /run", "srv/sock -> ../var/run/docker.sock",
		"srv/loop -> loop", "srv/gone -> /nowhere/x", "home/bob/dir/", "tmp/rooted/", "srv/byhome -> /home/bob/dir", "srv/team/x/")
	open(t, p, "home/bob", 0o777)
	open(t, p, "tmp", 0o777|os.ModeSticky)
	open(t, p, "srv/team", 0o775)
	for _, c := range []struct{ path, resolved, unstable string }{
		{"/", "/", ""},
		{"/srv/shop", "/srv/shop", ""},
		{"/srv/shop/", "/srv/shop", ""},
		{"//srv/./shop", "/srv/shop", ""},
		{"/srv/up", "/", ""},
		{"/srv/up/etc/..", "/", ""}, // the engine cleans it before it follows
		{"/srv/up/run", "/run", ""},
		{"/srv/shop/../..", "/", ""},
		{"/srv/sock", "/run/docker.sock", ""},
		{"/var/run/docker.sock", "/run/docker.sock", ""},
		{"/srv/new", "/srv/new", "/srv/new does not exist"},
		{"/srv/new/x", "/srv/new/x", "/srv/new does not exist"},
		{"/srv/gone", "/nowhere/x", "/nowhere does not exist"},
		{"/srv/file/x", "/srv/file/x", "/srv/file/x can't be read"},
		{"/srv/loop", "/srv/loop", "it can't be followed"},
		{"/home/bob", "/home/bob", ""}, // itself it can't be replaced; what is in it can
		{"/home/bob/dir", "/home/bob/dir", "/home/bob can be written to by others than root"},
		{"/srv/byhome", "/home/bob/dir", "/home/bob can be written to by others than root"},
		{"/tmp/rooted", "/tmp/rooted", "/tmp can be written to by others than root"},
		{"/srv/team/x", "/srv/team/x", "/srv/team can be written to by others than root"},
		{"relative", "", "it is no absolute path"},
		{"/a\x00b", "", "it is no absolute path"},
		{"/" + strings.Repeat("x/", 3000), "", "it is no absolute path"},
		{"", "", "it is no absolute path"},
	} {
		got := p.Path(c.path)
		if got.Resolved != c.resolved || !strings.HasPrefix(got.Unstable, c.unstable) || c.unstable == "" && got.Unstable != "" {
			t.Errorf("%.40q: %+v, want %s, %q", c.path, got, c.resolved, c.unstable)
		}
	}
}

// What belongs to somebody else is unstable below, whatever its mode.
func TestOwner(t *testing.T) {
	p := tree(t, "srv/shop/")
	p.trusted++
	if got := p.Path("/srv/shop"); got.Resolved != "/srv/shop" || !strings.Contains(got.Unstable, "/ belongs to the uid ") {
		t.Errorf("%+v", got)
	}
}

// The real root: what depends on who looks is not stable.
func TestProc(t *testing.T) {
	got := Paths{}.Path("/proc/self/cwd")
	if !strings.Contains(got.Unstable, "/proc") {
		t.Errorf("%+v", got)
	}
	if got := (Paths{}).Path("/proc/1/root/etc"); got.Unstable == "" {
		t.Errorf("%+v", got)
	}
}

func FuzzPath(f *testing.F) {
	f.Add("/srv/up/../x")
	f.Fuzz(func(t *testing.T, path string) {
		got := Paths{}.Path(path)
		if got.Unstable == "" && !filepath.IsAbs(got.Resolved) {
			t.Errorf("%q: %+v", path, got)
		}
	})
}
