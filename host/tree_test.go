package host

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bulkhead-security/bulkhead/model"
)

var update = flag.Bool("update", false, "write the expected snapshots anew")

// redactor replaces one word, so that a test sees whether collectors ask.
type redactor struct{}

func (redactor) Args(_ string, args []string) ([]string, []model.SecretSighting) {
	var out []string
	for _, a := range args {
		out = append(out, strings.ReplaceAll(a, "hunter2", "[secret]"))
	}
	return out, nil
}

func (redactor) Text(_, s string) (string, []model.SecretSighting) {
	return strings.ReplaceAll(s, "hunter2", "[secret]"), nil
}

// written is the time of change of every file of a recorded tree: after its boot.
var written = time.Unix(1700003600, 0)

// plant writes an archive below a new directory and returns a Host that reads it.
func plant(t testing.TB, archive []byte) *Host {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse(archive).Files {
		name, target, isLink := strings.Cut(f.Name, " -> ")
		name, mode, hasMode := strings.Cut(name, " [")
		at := filepath.Join(root, name)
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		if isLink {
			must(t, os.Symlink(target, at))
			continue
		}
		data := f.Data
		if strings.HasSuffix(name, "/cmdline") && name != "proc/cmdline" {
			data = bytes.ReplaceAll(bytes.TrimSpace(data), []byte("|"), []byte{0})
		}
		must(t, os.WriteFile(at, data, 0o644))
		if hasMode {
			bits, err := strconv.ParseUint(strings.TrimSuffix(mode, "]"), 8, 32)
			must(t, err)
			m := os.FileMode(bits & 0o777)
			if bits&0o4000 != 0 {
				m |= os.ModeSetuid
			}
			must(t, os.Chmod(at, m))
		}
		must(t, os.Chtimes(at, written, written))
	}
	h := New(Options{Root: root, Secrets: redactor{}})
	h.owner = os.Getuid()
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func plantFile(t testing.TB, name string) *Host {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	return plant(t, b)
}

// TestTrees reads recorded hosts and compares the whole snapshot.
func TestTrees(t *testing.T) {
	for _, name := range []string{"debian12", "alpine320", "rhel9"} {
		t.Run(name, func(t *testing.T) {
			h := plantFile(t, name+".txtar")
			if name == "rhel9" {
				makeRPM(t, filepath.Join(h.root, "var/lib/rpm/rpmdb.sqlite"))
			}
			s := collect(t, h)
			got, err := json.MarshalIndent(s, "", " ")
			must(t, err)
			got = anonymous(got, h.root)
			golden := filepath.Join("testdata", name+".json")
			if *update {
				must(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if !bytes.Equal(bytes.TrimSpace(want), got) {
				t.Errorf("differs from %s (go test -update writes it anew):\n%s", golden, difference(string(want), string(got)))
			}
			if bytes.Contains(got, []byte("hunter2")) || bytes.Contains(got, []byte("hashhash")) {
				t.Error("a secret is in the snapshot")
			}
		})
	}
}

func collect(t testing.TB, h *Host) *model.Snapshot {
	t.Helper()
	s := &model.Snapshot{}
	for _, c := range h.Collectors() {
		part, gaps := c.Collect(context.Background())
		if part != nil {
			part(s)
		}
		s.Gaps = append(s.Gaps, gaps...)
	}
	return s
}

// anonymous replaces what depends on who runs the test: its account as owner of files, and times of directories.
func anonymous(b []byte, root string) []byte {
	var s model.Snapshot
	if json.Unmarshal(b, &s) != nil {
		return b
	}
	for _, list := range [][]model.FileFact{s.Host.Files, s.Host.Setuid} {
		for i := range list {
			list[i].UID, list[i].GID, list[i].Owner, list[i].Group = 0, 0, "", ""
			if list[i].Type == "dir" {
				list[i].Mode = ""
			}
		}
	}
	s.Host.UpdatesAsOf = time.Time{}
	out, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return b
	}
	return bytes.ReplaceAll(out, []byte(root), nil)
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "line " + strconv.Itoa(i+1) + "\nwant " + w[i] + "\ngot  " + g[i]
		}
	}
	return "lengths " + strconv.Itoa(len(w)) + " and " + strconv.Itoa(len(g))
}
