package pki

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// shelf is a Store in memory.
type shelf struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (s *shelf) Secret(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.m[name]; ok {
		return b, nil
	}
	return nil, &model.Error{Code: model.CodeNotFound, Message: "no such secret"}
}

func (s *shelf) CreateSecret(_ context.Context, name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[name]; ok {
		return &model.Error{Code: model.CodeExists, Message: "taken"}
	}
	if s.m == nil {
		s.m = map[string][]byte{}
	}
	s.m[name] = data
	return nil
}

func open(t *testing.T, path string, s Store) *Keys {
	t.Helper()
	k, err := OpenKeys(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealOpensForItsPurposeOnly(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "master.key"), &shelf{})
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long"), 10000)} {
		sealed, err := k.Seal("factor/1", plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open("factor/1", sealed); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %d bytes, %v", len(got), err)
		}
		if _, err := k.Open("factor/2", sealed); err == nil {
			t.Error("opened for another purpose")
		}
		for i := range min(len(sealed), 60) {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := k.Open("factor/1", bad); err == nil {
				t.Errorf("opened with byte %d changed", i)
			}
		}
		again, _ := k.Seal("factor/1", plain)
		if bytes.Equal(again, sealed) {
			t.Error("sealed twice the same")
		}
	}
	if _, err := k.Seal("", nil); err == nil {
		t.Error("sealed without a purpose")
	}
}

func TestMasterKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "master.key")
	s := &shelf{}
	open(t, path, s)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != masterSize {
		t.Fatalf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	open(t, path, s) // again

	for name, c := range map[string]struct {
		change func(path string) error
		want   string
	}{
		"readable by others": {func(p string) error { return os.Chmod(p, 0o640) }, "chmod 600"},
		"short":              {func(p string) error { return os.Truncate(p, 31) }, "damaged"},
		"long":               {func(p string) error { return os.WriteFile(p, make([]byte, 33), 0o600) }, "damaged"},
		"another":            {func(p string) error { return os.WriteFile(p, make([]byte, 32), 0o600) }, "not the one of this database"},
		"gone":               {os.Remove, "copy it from a backup"},
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "master.key")
			b, _ := os.ReadFile(path)
			if err := os.WriteFile(copied, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.change(copied); err != nil {
				t.Fatal(err)
			}
			_, err := OpenKeys(t.Context(), copied, s)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestReplicasAgree starts several at once on one store and one key file: all get the same keys.
func TestReplicasAgree(t *testing.T) {
	path, s := filepath.Join(t.TempDir(), "master.key"), &shelf{}
	const n = 8
	got := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			k, err := OpenKeys(context.Background(), path, s)
			if err != nil {
				t.Error(err)
				return
			}
			key, err := k.SigningKey(context.Background(), "policies")
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = string(key)
		})
	}
	wg.Wait()
	for _, g := range got {
		if g != got[0] || g == "" {
			t.Fatal("replicas have different keys")
		}
	}
}

func TestNoteSigner(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "master.key"), &shelf{})
	signer, vkey, err := k.NoteSigner(t.Context(), "audit/a", "bulkhead/a")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: "hello\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(msg, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	if _, again, _ := k.NoteSigner(t.Context(), "audit/a", "bulkhead/a"); again != vkey {
		t.Error("another key the second time")
	}
	if _, other, _ := k.NoteSigner(t.Context(), "audit/b", "bulkhead/a"); other == vkey {
		t.Error("two names have one key")
	}
	for _, bad := range []string{"", "a+b", "a b"} {
		if _, _, err := k.NoteSigner(t.Context(), "audit/a", bad); err == nil {
			t.Errorf("origin %q", bad)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := &Keys{master: make([]byte, masterSize)}
	// Sealed once: each process of the fuzzer would seal another one.
	good, err := hex.DecodeString("01d088c1fe18a859bc2602e07f0ad165cd7b4961b16866f704a63f6fb89c")
	if err != nil {
		f.Fatal(err)
	}
	if _, err := k.Open("p", good); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := k.Open("p", b); err == nil && !bytes.Equal(b, good) {
			t.Errorf("opened %q", plain)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	k := &Keys{master: make([]byte, masterSize)}
	for b.Loop() {
		s, _ := k.Seal("factor", []byte("a secret of twenty b"))
		_, _ = k.Open("factor", s)
	}
}
