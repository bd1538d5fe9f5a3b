package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

func openStore(ctx context.Context, _ config.Server, dir string, present bool, log *slog.Logger) (Database, error) {
	return store.Open(ctx, store.Options{Dir: dir, Log: log, Present: present})
}

// keep runs a verb on the server of a data directory.
func keep(t *testing.T, dir string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	a := &App{
		Database: openStore, In: strings.NewReader(""), Out: &out, Err: &out,
		Environ: []string{"BULKHEAD_SERVER_DATA_DIR=" + dir},
	}
	return a.Run(t.Context(), args), out.String()
}

// serverDir is the data directory of a server that did something.
func serverDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTenant(t.Context(), &model.Tenant{ID: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"audit/checkpoint": "log\n1\n", "audit/tile/0/000.p/1": "leaf", "audit/.state/treeState": "{}", "audit/.state/treeState.lock": "",
		"spool/spool": "s", "lock": "", "instance": "i", "checkpoints/kept": "k", "master.key": "secret of the server",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBackupAndRestore(t *testing.T) {
	dir := serverDir(t)
	running, err := store.Open(t.Context(), store.Options{Dir: dir}) // the server goes on meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	for _, keys := range []bool{true, false} {
		file := filepath.Join(t.TempDir(), "b.tar.gz")
		args := []string{"backup", file}
		if !keys {
			args = append(args, "--without-keys")
		}
		if code, out := keep(t, dir, args...); code != ExitOK || !strings.Contains(out, "master") {
			t.Fatal(code, out)
		}
		if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
			t.Fatal(fi, err)
		}
		if b := unzip(t, file); bytes.Contains(b, []byte("secret of the server")) != keys {
			t.Fatal("the key's place is wrong")
		}
		if code, out := keep(t, dir, args...); code != ExitError || !strings.Contains(out, "already") {
			t.Fatal(code, out)
		}
		to := filepath.Join(t.TempDir(), "new")
		if code, out := keep(t, to, "restore", file); code != ExitOK {
			t.Fatal(code, out)
		}
		s, err := store.Open(t.Context(), store.Options{Dir: to, Present: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Tenant(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{
			"audit/checkpoint": true, "audit/tile/0/000.p/1": true, "audit/.state/treeState": true, "spool/spool": true,
			"lock": false, "instance": true, "checkpoints/kept": true, "master.key": keys,
		} {
			fi, err := os.Stat(filepath.Join(to, name))
			if (err == nil) != want || err == nil && fi.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", name, err)
			}
		}
		left, err := filepath.Glob(filepath.Join(to, ".bulkhead-*"))
		if err != nil || len(left) > 0 {
			t.Error(left, err)
		}
		if code, out := keep(t, to, "restore", file); code != ExitError || !strings.Contains(out, "not empty") {
			t.Fatal(code, out)
		}
	}
}

func unzip(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func archiveOf(t testing.TB, files ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range files {
		content := ""
		if h.Name == backupHead {
			content = `{"format":"bulkhead.backup/v1"}`
		}
		h.Size, h.Mode = int64(len(content)), 0o777
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileBackupFiles(t *testing.T) {
	first := tar.Header{Name: backupHead, Typeflag: tar.TypeReg}
	for _, bad := range []tar.Header{
		{Name: "data/../../evil", Typeflag: tar.TypeReg},
		{Name: "/etc/evil", Typeflag: tar.TypeReg},
		{Name: "data//evil", Typeflag: tar.TypeReg},
		{Name: "data/audit", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		{Name: "data/audit", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		{Name: "data/audit", Typeflag: tar.TypeFifo},
		{Name: "data/bulkhead.db", Typeflag: tar.TypeReg},
		{Name: "data/bulkhead.db-wal", Typeflag: tar.TypeReg},
		{Name: "other", Typeflag: tar.TypeReg},
		{Name: backupHead, Typeflag: tar.TypeReg},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		file := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(file, archiveOf(t, first, bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := keep(t, dir, "restore", file); code != ExitError {
			t.Errorf("%+v: %d %s", bad, code, out)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", bad.Name, left, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archiveOf(f, tar.Header{Name: backupHead, Typeflag: tar.TypeReg}, tar.Header{Name: "data/audit/x", Typeflag: tar.TypeReg}))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		above := t.TempDir()
		dir := filepath.Join(above, "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, _ = unpack(t.Context(), bytes.NewReader(b), dir)
		if left, err := os.ReadDir(above); err != nil || len(left) != 1 {
			t.Fatal(left, err)
		}
	})
}

func TestDoctorVerb(t *testing.T) {
	dir := serverDir(t)
	code, out := keep(t, dir, "doctor", "--output", "json")
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err, out)
	}
	if len(d.Findings) != 12 || d.OK != (code == ExitOK) {
		t.Fatal(code, out)
	}
	for _, f := range d.Findings {
		if !f.OK && f.Check != "disk" { // how full it is, is not the test's matter
			t.Errorf("%+v", f)
		}
	}
	for _, c := range []struct {
		what string
		sin  func() error
		undo func() error
	}{
		{"master key", func() error { return os.Chmod(dir+"/master.key", 0o644) }, func() error { return os.Chmod(dir+"/master.key", 0o600) }},
		{"data directory", func() error { return os.Chmod(dir, 0o755) }, func() error { return os.Chmod(dir, 0o700) }},
		{"audit log", func() error { return os.Rename(dir+"/audit", dir+"/x") }, func() error { return os.Rename(dir+"/x", dir+"/audit") }},
		{"database", func() error { return os.Rename(dir+"/bulkhead.db", dir+"/x") }, func() error { return os.Rename(dir+"/x", dir+"/bulkhead.db") }},
	} {
		if err := c.sin(); err != nil {
			t.Fatal(err)
		}
		if code, out := keep(t, dir, "doctor"); code != ExitNo || !strings.Contains(out, "WRONG  "+c.what) {
			t.Errorf("%s: %d %s", c.what, code, out)
		}
		if err := c.undo(); err != nil {
			t.Fatal(err)
		}
	}
	if code, _ := keep(t, filepath.Join(t.TempDir(), "none"), "doctor"); code != ExitNo {
		t.Error(code)
	}
}

func TestFilesAreCopiedInTheirOrder(t *testing.T) {
	ahead, tiles, err := kept(serverDir(t))
	got := slices.Concat(ahead, tiles)
	want := []string{"checkpoints/kept", "instance", "spool/spool", "audit/checkpoint", "audit/.state/treeState", "audit/tile/0/000.p/1"}
	if err != nil || !slices.Equal(got, want) || len(tiles) != 1 {
		t.Fatal(got, tiles, err)
	}
}
