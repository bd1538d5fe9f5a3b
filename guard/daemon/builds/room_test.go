package builds

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestRoom(t *testing.T) {
	f, err := nameless(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	left := uint64(reserve + 2*lookAfter)
	c := &careful{f: f, free: func(*os.File) (uint64, error) { left -= lookAfter; return left, nil }}
	n, err := io.Copy(c, io.LimitReader(zeros{}, 1<<30))
	if !errors.Is(err, ErrNoRoom) || n > 2*lookAfter {
		t.Errorf("%d, %v", n, err)
	}
	if got, err := free(f); err != nil || got == 0 {
		t.Errorf("%d, %v", got, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"context-1", "images.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k, err := Keep(t.Context(), bytes.NewReader(archive(t, file("Dockerfile", "FROM a"))), dir, "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := errors.Join(Sweep(dir), Sweep(filepath.Join(dir, "none")), Sweep("")); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "images.db" {
		t.Errorf("%v %v", left, err)
	}
}
