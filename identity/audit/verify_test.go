package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// made is a closed log of 700 records with the checkpoints that others kept on the way.
type made struct {
	dir  string
	keys keys
	kept []model.Checkpoint
}

func makeLog(t *testing.T) made {
	t.Helper()
	m := made{dir: filepath.Join(t.TempDir(), "log"), keys: newKeys(t, origin)}
	for _, n := range []int{100, 200, 300, 100} {
		l := open(t, options(m.dir, m.keys))
		fill(t, l, n)
		closeLog(t, l)
		l = open(t, options(m.dir, m.keys))
		c, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		c.Keeper = "replica-2"
		m.kept = append(m.kept, *c)
	}
	return m
}

func (m made) entries(t *testing.T) [][]byte {
	t.Helper()
	l := open(t, options(m.dir, m.keys))
	defer closeLog(t, l)
	records, err := l.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, r := range records {
		out = append(out, r.Event)
	}
	return out
}

// rewrite makes the files of a log with these entries and, if asked, a signed checkpoint: what somebody with the key and
// the disk can do.
func (m made) rewrite(t *testing.T, entries [][]byte, sign bool) {
	t.Helper()
	checkpoint, err := os.ReadFile(filepath.Join(m.dir, layout.CheckpointPath))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	dir := m.dir
	l := open(t, options(dir, m.keys))
	var root []byte
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	w := &writer{Log: l}
	for _, e := range entries {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(e), nil); err != nil {
			t.Fatal(err)
		}
		if w.kept = append(w.kept, &pending{entry: e}); len(w.kept) == 256 {
			if err := w.add(w.kept); err != nil {
				t.Fatal(err)
			}
			w.kept = nil
		}
	}
	if err := w.add(w.kept); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	root, err = tree.GetRootHash(nil)
	if err != nil {
		t.Fatal(err)
	}
	if sign {
		checkpoint, err = note.Sign(&note.Note{Text: string(checkpointText(uint64(len(entries)), root))}, m.keys.signer)
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, layout.CheckpointPath), checkpoint)
}

func checkpointText(size uint64, root []byte) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", origin, size, base64Root(root))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, f(b))
}

// flip changes a character inside the n-th entry of a bundle.
func flip(n int) func([]byte) []byte {
	return func(b []byte) []byte {
		at := 0
		for range n {
			at += 2 + int(binary.BigEndian.Uint16(b[at:]))
		}
		i := bytes.Index(b[at:], []byte("anna"))
		b[at+i] = 'b'
		return b
	}
}

func TestVerifyFindsTampering(t *testing.T) {
	original := makeLog(t)
	for _, c := range []struct {
		name   string
		tamper func(*testing.T, *made)
		kind   string
		index  uint64
		only   bool // no other problem
	}{
		{"nothing", func(*testing.T, *made) {}, "", 0, true},
		{"an entry", func(t *testing.T, m *made) { change(t, filepath.Join(m.dir, "tile/entries/001"), flip(7)) }, ProblemEntry, 263, false},
		{"an entry and the tiles", func(t *testing.T, m *made) {
			e := m.entries(t)
			e[400] = bytes.Replace(e[400], []byte("anna"), []byte("bnna"), 1)
			m.rewrite(t, e, false)
		}, ProblemEntry, 300, false},
		{"an entry, tiles and checkpoint", func(t *testing.T, m *made) {
			e := m.entries(t)
			e[400] = bytes.Replace(e[400], []byte("anna"), []byte("bnna"), 1)
			m.rewrite(t, e, true)
		}, ProblemForked, 300, false},
		{"a tile", func(t *testing.T, m *made) {
			change(t, filepath.Join(m.dir, "tile/0/000"), func(b []byte) []byte { b[32*9] ^= 1; return b })
		}, ProblemTile, 9, true},
		{"an upper tile", func(t *testing.T, m *made) {
			change(t, filepath.Join(m.dir, "tile/1/000.p/2"), func(b []byte) []byte { b[3] ^= 1; return b })
		}, ProblemTile, 0, true},
		{"the last bundle", func(t *testing.T, m *made) {
			if err := os.RemoveAll(filepath.Join(m.dir, "tile/entries/002.p")); err != nil {
				t.Fatal(err)
			}
		}, ProblemTruncated, 512, true},
		{"half a bundle", func(t *testing.T, m *made) {
			change(t, filepath.Join(m.dir, "tile/entries/000"), func(b []byte) []byte { return b[:len(b)/2] })
		}, ProblemTruncated, 0, true},
		{"the end, with its checkpoint", func(t *testing.T, m *made) { m.rewrite(t, m.entries(t)[:350], true) }, ProblemRolledBack, 350, true},
		{"back to an old state", func(t *testing.T, m *made) {
			m.rewrite(t, m.entries(t)[:300], false)
			write(t, filepath.Join(m.dir, layout.CheckpointPath), []byte(m.kept[1].Note))
		}, ProblemRolledBack, 300, true},
		{"another end of the same size", func(t *testing.T, m *made) {
			e := m.entries(t)
			e[699] = e[0]
			m.rewrite(t, e, true)
		}, ProblemForked, 600, true},
		{"another key", func(t *testing.T, m *made) { m.keys = newKeys(t, origin) }, ProblemCheckpoint, 0, true},
		{"the checkpoint's text", func(t *testing.T, m *made) {
			change(t, filepath.Join(m.dir, "checkpoint"), func(b []byte) []byte { return bytes.Replace(b, []byte("700"), []byte("699"), 1) })
		}, ProblemCheckpoint, 0, true},
		{"no checkpoint", func(t *testing.T, m *made) {
			if err := os.Remove(filepath.Join(m.dir, "checkpoint")); err != nil {
				t.Fatal(err)
			}
		}, ProblemCheckpoint, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := original
			m.dir = filepath.Join(t.TempDir(), "log")
			if err := os.CopyFS(m.dir, os.DirFS(original.dir)); err != nil {
				t.Fatal(err)
			}
			c.tamper(t, &m)
			r, err := Verify(t.Context(), m.dir, m.keys.key, m.kept)
			if err != nil {
				t.Fatal(err)
			}
			if c.kind == "" {
				if !r.OK() || r.Size != 700 || r.Kept != 4 {
					t.Fatalf("%+v", r)
				}
				return
			}
			for _, p := range r.Problems {
				if p.Kind == c.kind && p.Index == c.index && (!c.only || len(r.Problems) == 1) {
					return
				}
			}
			t.Errorf("no %q at %d in %s", c.kind, c.index, strings.Join(r.Texts(), "; "))
		})
	}
}

func TestVerifyPassesOverForeignCheckpoints(t *testing.T) {
	m := makeLog(t)
	foreign, err := note.Sign(&note.Note{Text: string(checkpointText(9000, make([]byte, 32)))}, newKeys(t, origin).signer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), m.dir, m.keys.key, append(m.kept, model.Checkpoint{Origin: origin, Size: 9000, Note: string(foreign), Keeper: "x"}))
	if err != nil || !r.OK() || len(r.Notes) != 1 {
		t.Errorf("%+v: %v", r, err)
	}
}

func TestVerifyNotesWhatIsNoEvent(t *testing.T) {
	r := sample("x")
	good, err := encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkEvent(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "x", "{}", `{"metadata":{"uid":"1"}}`, string(good) + "x"} {
		if checkEvent([]byte(bad)) == nil {
			t.Errorf("%q is taken for an event", bad)
		}
	}
}

func base64Root(root []byte) string { return base64.StdEncoding.EncodeToString(root) }
