package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func tell(c *model.ImageContents, found []model.SecretSighting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "files %d\nsetuid %s\nwritable %s\ntools", c.Files, strings.Join(c.Setuid, " "), strings.Join(c.WorldWritable, " "))
	for _, t := range c.Tools {
		fmt.Fprintf(&b, " %s:%s", t.Class, t.Path)
	}
	fmt.Fprintf(&b, "\nos %s %s packages %d\nsecrets ", c.OS.ID, c.OS.Version, c.Packages)
	for _, f := range found {
		fmt.Fprintf(&b, "%s %s, ", f.Place, f.Kind)
	}
	return b.String()
}

func TestTar(t *testing.T) {
	ls := sinful(t)
	for name, raw := range map[string][]byte{
		"docker 20.10": docker20(t, ls...),
		"oci":          layout(t, ls...),
		"oci packed":   layout(t, gz(t, ls[0]), zst(t, ls[1]), ls[2]),
	} {
		c, found, err := newTest().Tar(t.Context(), bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := tell(c, found); got != sinfulWant {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, sinfulWant)
		}
	}
}

func TestTarSharedLayers(t *testing.T) {
	a := tarOf(t, ent{name: "a", body: "x"})
	raw := tarOf(t,
		ent{name: "1/layer.tar", body: string(a)}, ent{name: "2/layer.tar", link: "../1/layer.tar"},
		ent{name: "manifest.json", body: `[{"Layers":["1/layer.tar","2/layer.tar"]}]`})
	c, _, err := newTest().Tar(t.Context(), bytes.NewReader(raw))
	if err != nil || c.Files != 1 || c.Packages != -1 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestPackageDatabases(t *testing.T) {
	for _, c := range []struct {
		want int
		list []ent
	}{
		{-1, nil},
		{3, []ent{{name: "lib/apk/db/installed", body: "C:Q\nP:a\nV:1\n\nP:b\n\nP:c\n"}}},
		{2, []ent{{name: "var/lib/dpkg/status.d/a"}, {name: "var/lib/dpkg/status.d/b"}, {name: "var/lib/dpkg/status.d/b.md5sums"}}},
		{-1, []ent{{name: "var/lib/rpm/rpmdb.sqlite", body: "x"}}},
		{0, []ent{{name: "var/lib/dpkg/status"}}},
	} {
		got, _, err := newTest().Tar(t.Context(), bytes.NewReader(docker20(t, tarOf(t, c.list...))))
		if err != nil || got.Packages != c.want {
			t.Errorf("%v: %d packages, %v; want %d", c.list, got.Packages, err, c.want)
		}
	}
}

func TestTarHostile(t *testing.T) {
	one := tarOf(t, ent{name: "a", body: "x"})
	whole := docker20(t, one)
	for name, raw := range map[string][]byte{
		"empty":              nil,
		"no manifest":        tarOf(t, ent{name: "x", body: "y"}),
		"cut":                whole[:len(whole)/2+100],
		"garbage":            bytes.Repeat([]byte("garbage!"), 200),
		"missing layer":      tarOf(t, ent{name: "manifest.json", body: `[{"Layers":["x/layer.tar"]}]`}),
		"loop of layers":     tarOf(t, ent{name: "a", link: "b"}, ent{name: "b", link: "a"}, ent{name: "manifest.json", body: `[{"Layers":["a"]}]`}),
		"two images":         tarOf(t, ent{name: "manifest.json", body: `[{},{}]`}),
		"index of itself":    tarOf(t, ent{name: "index.json", body: `{"manifests":[{"digest":"x:y"}]}`}, ent{name: "blobs/x/y", body: `{"manifests":[{"digest":"x:y"}]}`}),
		"broken gzip":        docker20(t, gz(t, one)[:20]),
		"manifest no JSON":   tarOf(t, ent{name: "manifest.json", body: `[{`}),
		"document too large": tarOf(t, ent{name: "manifest.json", body: "[" + strings.Repeat(" ", 5<<20)}),
	} {
		if c, _, err := newTest().Tar(t.Context(), bytes.NewReader(raw)); err == nil || c != nil {
			t.Errorf("%s: got %+v, %v; want an error", name, c, err)
		}
	}
}

func TestLimits(t *testing.T) {
	many := tarOf(t, ent{name: "a", body: "x"}, ent{name: "b", body: "x"}, ent{name: "c", body: "x"}, ent{name: "d", body: "x"})
	zeros := gz(t, tarOf(t, ent{name: "zeros", body: strings.Repeat("\x00", 4<<20)}))
	for name, c := range map[string]struct {
		layer []byte
		set   func(*limits)
	}{
		"files":  {many, func(l *limits) { l.files = 6 }},
		"bytes":  {zeros, func(l *limits) { l.bytes = 1 << 20 }},
		"ratio":  {zeros, func(l *limits) { l.ratio, l.slack = 100, 1<<20 }},
		"name":   {tarOf(t, ent{name: strings.Repeat("x", 5000)}), func(*limits) {}},
		"listed": {tarOf(t, ent{name: "bin/nc", mode: 0o755}, ent{name: "bin/apt", mode: 0o755}), func(l *limits) { l.listed = 1 }},
		"layers": {many, func(l *limits) { l.layers = 0 }},
	} {
		v := newTest()
		c.set(&v.lim)
		if _, _, err := v.Tar(t.Context(), bytes.NewReader(docker20(t, c.layer))); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
}

func TestTarEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newTest().Tar(ctx, io.MultiReader(bytes.NewReader(docker20(t)))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDirs(t *testing.T) {
	low, high := t.TempDir(), t.TempDir()
	write := func(dir, name, body string, mode os.FileMode) {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(low, "bin/busybox", "elf", 0o755)
	if err := os.Link(filepath.Join(low, "bin/busybox"), filepath.Join(low, "bin/nc")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(low, "bin/busybox"), filepath.Join(low, "bin/rpm")); err != nil {
		t.Fatal(err)
	}
	write(low, "bin/su", "elf", 0o755|os.ModeSetuid)
	write(low, "etc/os-release", "ID=alpine\n", 0o644)
	write(low, "gone/id_rsa", key, 0o600)
	write(high, ".wh.gone", "", 0o644)
	write(high, "app/.env", "DB_PASSWORD=hunter2\n", 0o644)
	// A link out of the layer is not followed.
	if err := os.Symlink("/etc", filepath.Join(high, "outside")); err != nil {
		t.Fatal(err)
	}
	v := newTest()
	for range 2 { // the second time from memory
		c, found, err := v.Dirs(t.Context(), []string{high, low})
		if err != nil {
			t.Fatal(err)
		}
		want := "files 7\nsetuid /bin/su\nwritable \ntools network-tool:/bin/nc\nos alpine  packages -1\nsecrets file:/app/.env password, "
		if got := tell(c, found); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if _, _, err := v.Dirs(t.Context(), []string{filepath.Join(low, "missing")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing layer: %v", err)
	}
}

func FuzzTar(f *testing.F) {
	f.Add(docker20(f, sinful(f)...))
	f.Add(layout(f, tarOf(f, ent{name: "a"})))
	f.Add(docker20(f, gz(f, tarOf(f, ent{name: "bin/../../x"}))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := newTest()
		v.lim.bytes = 16 << 20
		c, found, err := v.Tar(t.Context(), bytes.NewReader(raw))
		if err != nil && (c != nil || found != nil) {
			t.Error("an error comes with contents")
		}
	})
}
