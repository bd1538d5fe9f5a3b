package builds

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

var (
	idA = "sha256:" + strings.Repeat("a", 64)
	idB = "sha256:" + strings.Repeat("b", 64)
)

func TestPinned(t *testing.T) {
	for _, c := range []struct{ what, in, want, why string }{
		{"one stage", "# c\nFROM a\nRUN x\n", "# c\nFROM " + idA + "\nLABEL k=v\nRUN x\n", ""},
		{"named, over lines", "from a \\\n  as X\nRUN x", "FROM " + idA + " AS x\nLABEL k=v\nRUN x", ""},
		{"a stage of a stage", "FROM a AS x\nFROM X\nRUN y\n", "FROM " + idA + " AS x\nLABEL k=v\nFROM X\nRUN y\n", ""},
		{"scratch", "FROM scratch\nCOPY . /\n", "FROM scratch\nLABEL k=v\nCOPY . /\n", ""},
		{"copied from", "FROM a\nCOPY --chown=0 --from=b:1 /x /y\nFROM scratch\nCOPY --from=0 /x /y\n", "FROM " + idA + "\nLABEL k=v\nCOPY --chown=0 --from=" + idB + " /x /y\nFROM scratch\nLABEL k=v\nCOPY --from=0 /x /y\n", ""},
		{"copied from a stage with an image's name", "FROM a AS b\nFROM a\nCOPY --from=b /x /y\n", "FROM " + idA + " AS b\nLABEL k=v\nFROM " + idA + "\nLABEL k=v\nCOPY --from=b /x /y\n", ""},
		{"copied from, hidden", "FROM a\nCOPY --fr\\\nom=b:1 /x /y\n", "", "plainly"},
		{"named twice in a line", "FROM a\nCOPY --from=b:1 /--from=b:1 /y\n", "", "plainly"},
		{"the beginning of another word", "FROM a\nCOPY --from=b /--from=b:1 /y\n", "", "plainly"},
		{"carriage returns", "FROM a\r\nRUN x\r\n", "FROM " + idA + "\nLABEL k=v\nRUN x\n", ""},
		{"nobody said", "FROM c\n", "", "which image"},
	} {
		t.Run(c.what, func(t *testing.T) {
			k := &Context{Dockerfile: []byte(c.in)}
			err := k.Pin(Pins{"a": idA, "b:1": idB, "b": idB}, "io.bulkhead.build", "v")
			k.instead = bytes.ReplaceAll(k.instead, []byte("io.bulkhead.build=v"), []byte("k=v"))
			if c.why != "" {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.why) || len(k.instead) > 0 {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || string(k.instead) != c.want {
				t.Errorf("%v\n%s", err, k.instead)
			}
		})
	}
}

// TestPinnedContext: what the engine unpacks has everything that was sent, and the other Dockerfile.
func TestPinnedContext(t *testing.T) {
	plain := archive(t, file("a", strings.Repeat("x", 700)), file("sub/Dockerfile", "FROM a\n"), file("b", "y"))
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(plain)
	_ = z.Close()
	for what, text := range map[string][]byte{
		"plain": plain, "zipped": zipped.Bytes(), "without an end": plain[:len(plain)-1024], "half an end": plain[:len(plain)-512],
		"with more after its end": append(bytes.Clone(plain), archive(t, file("sub/Dockerfile", "FROM victor\n"))...),
	} {
		t.Run(what, func(t *testing.T) {
			k, err := Keep(t.Context(), bytes.NewReader(text), t.TempDir(), "sub/Dockerfile", 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if err := k.Pin(Pins{"a": idA}, "k", "v"); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the engine may be asked again
				r, size, err := k.Reader()
				if err != nil || size != -1 {
					t.Fatal(size, err)
				}
				got := map[string]string{}
				for in, n := tar.NewReader(r), 0; ; n++ {
					h, err := in.Next()
					if n == 0 { // what an engine tells packings by is the guard's own
						if err != nil || h.Typeflag != tar.TypeXGlobalHeader {
							t.Fatalf("it begins with %+v, %v", h, err)
						}
						continue
					}
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					b, err := io.ReadAll(in)
					if err != nil {
						t.Fatal(err)
					}
					got[h.Name] = string(b)
				}
				if len(got) != 3 || got["a"] != strings.Repeat("x", 700) || got["b"] != "y" || got["sub/Dockerfile"] != "FROM "+idA+"\nLABEL k=v\n" {
					t.Errorf("%q", got)
				}
			}
		})
	}
}

func FuzzPinned(f *testing.F) {
	for _, s := range []string{"FROM a\nRUN x\n", "FROM a AS b\nFROM b\nCOPY --from=b /x /y\n", "# escape=\\\nFROM a \\\n AS x\nCOPY --from=b:1 /x /y\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Sources(text); err != nil {
			return
		}
		k := &Context{Dockerfile: text}
		if k.Pin(Pins{"a": idA, "b:1": idB}, "k", "v") != nil {
			return
		}
		after, err := Sources(k.instead)
		if err != nil {
			t.Fatalf("%q: %v", k.instead, err)
		}
		for _, s := range after {
			if !s.Maybe && !IsID(s.Ref) {
				t.Errorf("%q has %q", k.instead, s.Ref)
			}
		}
	})
}
