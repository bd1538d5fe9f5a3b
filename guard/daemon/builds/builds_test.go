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

func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		text := h.PAXRecords["text"]
		h.PAXRecords, h.Size, h.Mode = nil, int64(len(text)), 0o644
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, text string) tar.Header {
	return tar.Header{Name: name, PAXRecords: map[string]string{"text": text}}
}

func link(kind byte, name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: kind, Linkname: to}
}

func gzipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

func TestKeep(t *testing.T) {
	for _, c := range []struct {
		what, name string
		context    []byte
		want, why  string
	}{
		{"plain", "", archive(t, file("a", "x"), file("Dockerfile", "FROM a")), "FROM a", ""},
		{"zipped", "", gzipped(archive(t, file("./Dockerfile", "FROM a"))), "FROM a", ""},
		{"named", "sub/x.Dockerfile", archive(t, file("Dockerfile", "FROM a"), file("sub/x.Dockerfile", "FROM b")), "FROM b", ""},
		{"the last one counts", "", archive(t, file("Dockerfile", "FROM a"), file("x/../Dockerfile", "FROM b")), "FROM b", ""},
		{"small letters", "", archive(t, file("dockerfile", "FROM b")), "FROM b", ""},
		{"a link", "", archive(t, file("d", "FROM b"), link(tar.TypeSymlink, "Dockerfile", "d")), "", "is a link"},
		{"a hard link", "", archive(t, file("d", "FROM b"), link(tar.TypeLink, "Dockerfile", "d")), "", "is a link"},
		{"behind a link", "s/Dockerfile", archive(t, file("t/Dockerfile", "FROM b"), file("s/Dockerfile", "FROM a"), link(tar.TypeSymlink, "s", "t")), "", "behind one"},
		{"written through a link", "", archive(t, file("Dockerfile", "FROM a"), link(tar.TypeSymlink, "d", "."), file("d/Dockerfile", "FROM b")), "", "below a link"},
		{"up, behind a link", "l/../Dockerfile", archive(t, file("Dockerfile", "FROM a"), file("a/b/x", ""), file("a/Dockerfile", "FROM b"), link(tar.TypeSymlink, "l", "a/b")), "", "without . and .."},
		{"from the root", "/sub/Dockerfile", archive(t, file("sub/Dockerfile", "FROM b")), "FROM b", ""},
		{"from here", "./Dockerfile", archive(t, file("Dockerfile", "FROM b")), "FROM b", ""},
		{"none", "", archive(t, file("a", "x")), "", "has no"},
		{"no archive", "", []byte("FROM a\n"), "", "no archive"},
		{"nothing", "", nil, "", "empty"},
		{"xz", "", append([]byte{0xfd, '7', 'z', 'X', 'Z', 0}, make([]byte, 600)...), "", "xz"},
		{"a frame that zstd skips", "", archive(t, file("P*M\x18aaaa", "x"), file("Dockerfile", "FROM a")), "", "zstd"},
		{"too large", "", archive(t, file("Dockerfile", "FROM a"), file("big", strings.Repeat("x", 20<<10))), "", "more than"},
	} {
		t.Run(c.what, func(t *testing.T) {
			k, err := Keep(t.Context(), bytes.NewReader(c.context), t.TempDir(), c.name, 16<<10)
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
			if err != nil || !bytes.Equal(again, c.context) || size != int64(len(again)) || string(k.Dockerfile) != c.want {
				t.Errorf("%q %v", k.Dockerfile, err)
			}
		})
	}
}

func TestSources(t *testing.T) {
	for _, c := range []struct {
		what, text, want, why string // wanted are the certain ones, by blanks
	}{
		{"one", "FROM busybox:1\nRUN true\n", "busybox:1", ""},
		{"stages", "FROM a AS one\nFROM ONE\nCOPY --from=one /x /x\nCOPY --from=0 /y /y\nCOPY --from=victor/img /s /s\n", "a victor/img", ""},
		{"a later stage is none yet", "FROM a\nCOPY --from=late /x /x\nFROM b AS late\n", "a late b", ""},
		{"an argument", "ARG base=a\nFROM ${base:-victor/b}\n", "", "without an argument"},
		{"another platform", "FROM --platform=linux/s390x a\n", "", "--platform"},
		{"from an address", "FROM a\nADD http://127.0.0.1:2379/v2/keys /x\n", "", "fetch"},
		{"from an address, later", "FROM a\nONBUILD ADD http://127.0.0.1/ /x\n", "", "fetch"},
		{"on build, hidden", "FROM a\nONBUILD COPY --fr\\om=victor/img / /x\n", "a victor/img", ""},
		{"a label of the guard", "FROM a\nLABEL \"io.bulkhead.owner\"=bob\n", "", "the guard's"},
		{"a label that could be", "FROM a\nLABEL $x=bob\n", "", "the guard's"},
		{"scratch", "FROM scratch\nCOPY x /\n", "", ""},
		{"continued", "FROM \\\n  victor/img\n", "victor/img", ""},
		{"another escape", "# escape=`\nFROM `\nvictor/img\n", "", "different places"},
		{"another escape, behind a directive that not all know", "# check=skip=all\n#ESCAPE = `\nARG A=victor/img\nFROM own\nRUN true # `\nFROM ${A}\n", "", "different places"},
		{"another escape, behind a mark", "\xef\xbb\xbf# escape=`\nFROM a\n", "", "different places"},
		{"the usual escape", "# escape=\\\nFROM \\\nvictor/img\n", "victor/img", ""},
		{"a label with quotes in its name", "FROM a\nLABEL io\"\".bulkhead.owner=x\n", "", "the guard's"},
		{"on build", "FROM a\nONBUILD COPY --from=victor/img /s /s\n", "a victor/img", ""},
		{"nothing", "FROM $none\n", "", "without an argument"},
		{"a here-document", "FROM a\nRUN <<EOF\nFROM victor/img\nEOF\n", "", "here-document"},
		{"a mount", "FROM a\nRUN --mount=type=bind,from=victor/img,target=/s cat /s\n", "", "--mount"},
		{"no Dockerfile", "hello\n", "", "can't be read"},
	} {
		t.Run(c.what, func(t *testing.T) {
			list, err := Sources([]byte(c.text))
			if c.why != "" {
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.why) {
					t.Fatalf("%v %v", list, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range list {
				if !s.Maybe {
					got = append(got, s.Ref)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func FuzzSources(f *testing.F) {
	f.Add([]byte("ARG a=b\nFROM $a AS x\nCOPY --from=x /a /b\nONBUILD RUN x\n"))
	f.Add([]byte("FROM a\nRUN <<EOF\nx\nEOF\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = Sources(text)
	})
}

func FuzzKeep(f *testing.F) {
	f.Add(archive(f, file("Dockerfile", "FROM a"), link(tar.TypeSymlink, "x", ".")))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := Keep(t.Context(), bytes.NewReader(text), t.TempDir(), "", 1<<20); err == nil {
			_ = k.Close()
		}
	})
}

// TestPackedTwice: what is an archive inside of gzip must not be another packing to an engine, which would unpack it once more.
func TestPackedTwice(t *testing.T) {
	zip := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.Bytes()
	}
	for what, name := range map[string]string{"gzip": "\x1f\x8b\x08\x04", "zstd, a frame that is skipped": "P*M\x18", "xz": "\xfd7zXZ", "bzip2": "BZh"} {
		inside := archive(t, file("0123456789", "FROM victor\n"), file("Dockerfile", "FROM a\n"))
		copy(inside, name) // an entry's name, as its bytes are
		text := zip(inside)
		if _, err := Keep(t.Context(), bytes.NewReader(text), t.TempDir(), "", 1<<20); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "packed twice") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
