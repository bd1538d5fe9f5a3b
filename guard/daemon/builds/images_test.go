package builds

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestKeepImages: every name that an engine could give to an image of an archive is found, and what hides one is refused.
func TestKeepImages(t *testing.T) {
	const manifest = `[{"Config":"c","RepoTags":["busybox:1","a.example/b:2"],"Layers":["l"]},{"Config":"d","RepoTags":null}]`
	for _, c := range []struct {
		what    string
		archive []byte
		want    []string
		why     string
	}{
		{"of the docker command line", archive(t, file("c", "{}"), link(tar.TypeSymlink, "x/layer.tar", "../y/layer.tar"), file("manifest.json", manifest)), []string{"a.example/b:2", "busybox:1"}, ""},
		{"before 1.10", archive(t, file("repositories", `{"busybox":{"1":"id","2":"id"}}`)), []string{"busybox:1", "busybox:2"}, ""},
		{"of OCI", archive(t, file("oci-layout", "{}"), file("index.json", `{"manifests":[
			{"annotations":{"io.containerd.image.name":"docker.io/library/busybox:1","org.opencontainers.image.ref.name":"1"}},
			{"annotations":{"org.opencontainers.image.ref.name":"web"}},{}]}`)), []string{"docker.io/library/busybox:1", "web"}, ""},
		{"all kinds", archive(t, file("manifest.json", `[{"RepoTags":["a:1"]}]`), file("./index.json", `{"manifests":[{"annotations":{"io.containerd.image.name":"b:1"}}]}`), file("/repositories", `{"c":{"1":""}}`)), []string{"a:1", "b:1", "c:1"}, ""},
		{"twice", archive(t, file("manifest.json", `[{"RepoTags":["a:1"]}]`), file("x/../manifest.json", `[{"RepoTags":["b:1"]}]`)), []string{"a:1", "b:1"}, ""},
		{"in other letters", archive(t, file("manifest.json", `[{"repotags":["a:1"]}]`)), []string{"a:1"}, ""},
		{"no name", archive(t, file("manifest.json", `[{"Config":"c"}]`)), nil, ""},
		{"packed", gzipped(archive(t, file("manifest.json", manifest))), []string{"a.example/b:2", "busybox:1"}, ""},

		{"a link", archive(t, file("m", manifest), link(tar.TypeSymlink, "manifest.json", "m")), nil, "is no file"},
		{"a hard link", archive(t, file("m", manifest), link(tar.TypeLink, "manifest.json", "m")), nil, "is no file"},
		{"through a link", archive(t, file("manifest.json", `[]`), link(tar.TypeSymlink, "d", "."), file("d/manifest.json", manifest)), nil, "below a link"},
		{"more than one value", archive(t, file("manifest.json", `[]`+manifest)), nil, "can't be read"},
		{"another type", archive(t, file("manifest.json", `[{"RepoTags":"busybox:1"}]`)), nil, "can't be read"},
		{"by digest", archive(t, file("index.json", `{"manifests":[{"annotations":{"io.containerd.image.name":"moby-dangling@sha256:1"}}]}`)), nil, "by its digest"},
		{"too many", archive(t, file("manifest.json", `[{"RepoTags":["a:1"`+strings.Repeat(`,"a:1"`, mostNamed)+`]}]`)), nil, "more than 400 names"},
		{"too large a list", archive(t, file("manifest.json", strings.Repeat(" ", mostSaid+1))), nil, "more than 4194304 bytes"},
		{"packed twice", gzipped(gzipped(archive(t, file("manifest.json", manifest)))), nil, "packed twice"},
		{"xz", append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, make([]byte, 600)...), nil, "xz"},
		{"no archive", []byte(manifest), nil, "no archive"},
		{"broken off", archive(t, file("manifest.json", manifest))[:560], nil, "no archive"},
		{"too large", archive(t, file("l", strings.Repeat("x", 6<<20))), nil, "more than 5 MiB"},
	} {
		t.Run(c.what, func(t *testing.T) {
			k, err := KeepImages(t.Context(), bytes.NewReader(c.archive), t.TempDir(), 5<<20)
			if c.why != "" {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.why) {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = k.Close() }()
			r, size, err := k.Reader()
			if err != nil {
				t.Fatal(err)
			}
			again, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(again, c.archive) || size != int64(len(again)) || !slices.Equal(k.Names, c.want) {
				t.Errorf("%q %v", k.Names, err)
			}
		})
	}
}

// FuzzKeepImages: whatever an archive has, what it is unpacked to has no name that was not found.
func FuzzKeepImages(f *testing.F) {
	f.Add(archive(f, file("manifest.json", `[{"RepoTags":["a:1"]}]`)))
	f.Add(archive(f, file("manifest.json", `[]`), link(tar.TypeSymlink, "d", "."), file("d/manifest.json", `[{"RepoTags":["a:1"]}]`)))
	f.Add(gzipped(archive(f, file("./manifest.json", `[{"RepoTags":["a:1"],"repotags":["b:1"]}]`))))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := KeepImages(t.Context(), bytes.NewReader(b), t.TempDir(), 1<<20)
		if err != nil {
			if !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
			return
		}
		defer func() { _ = k.Close() }()
		for _, name := range unpackedNames(t, b) {
			if !slices.Contains(k.Names, name) {
				t.Errorf("the engine finds %q, the guard %q", name, k.Names)
			}
		}
	})
}

// unpackedNames unpacks an archive into a directory, as an engine does, and reads what it would.
func unpackedNames(t *testing.T, b []byte) []string {
	t.Helper()
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	plain, err := unpacked(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	in := tar.NewReader(plain)
	for h, err := in.Next(); err == nil; h, err = in.Next() {
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" || strings.Contains(name, "\x00") {
			continue
		}
		_ = dir.MkdirAll(path.Dir(name), 0o700)
		if fi, err := dir.Lstat(name); err == nil && !fi.IsDir() {
			_ = dir.Remove(name)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if w, err := dir.Create(name); err == nil {
				_, _ = io.Copy(w, in)
				_ = w.Close()
			}
		case tar.TypeSymlink:
			_ = dir.Symlink(h.Linkname, name)
		case tar.TypeLink:
			_ = dir.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name)
		case tar.TypeDir:
			_ = dir.MkdirAll(name, 0o700)
		}
	}
	text, err := dir.ReadFile("manifest.json")
	if err != nil {
		return nil
	}
	var list []struct{ RepoTags []string }
	_ = json.NewDecoder(bytes.NewReader(text)).Decode(&list)
	var names []string
	for _, m := range list {
		names = append(names, m.RepoTags...)
	}
	return names
}
