package state_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/model"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, path string) *state.Dir {
	t.Helper()
	d, err := state.Open(path)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func certificate(t *testing.T, public any) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, key)
	must(t, err)
	return der
}

func joined(t *testing.T) (string, state.Node) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	d := opened(t, path)
	key, err := d.Key()
	must(t, err)
	_, policies, err := note.GenerateKey(rand.Reader, "bulkhead/policies")
	must(t, err)
	n := state.Node{
		ID: "n1", Tenant: "acme", Name: "web-1", Servers: []string{"https://a", "https://b"}, PolicyKey: policies,
		Joined: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if _, err := d.Node(); !errors.Is(err, state.ErrNotJoined) {
		t.Errorf("before the join: %v", err)
	}
	must(t, d.Join(n, certificate(t, key.Public())))
	must(t, d.Close())
	return path, n
}

func TestAllIsThereAfterARestart(t *testing.T) {
	path, n := joined(t)
	d := opened(t, path)
	got, err := d.Node()
	must(t, err)
	n.Schema = got.Schema
	if df := cmp.Diff(&n, got); df != "" {
		t.Error(df)
	}
	c, err := d.Certificate()
	must(t, err)
	key, err := d.Key()
	must(t, err)
	if !key.PublicKey.Equal(c.Leaf.PublicKey) {
		t.Error("certificate and key are not of each other")
	}
	csr, err := d.Request()
	must(t, err)
	r, err := x509.ParseCertificateRequest(csr)
	if err != nil || r.CheckSignature() != nil || !key.PublicKey.Equal(r.PublicKey) {
		t.Errorf("request: %v", err)
	}
	s1, k1, err := d.LogSigner("bulkhead/node/n1")
	must(t, err)
	_, k2, err := d.LogSigner("bulkhead/node/n1")
	if err != nil || k1 != k2 || s1.Name() != "bulkhead/node/n1" {
		t.Errorf("%q, %q, %v", k1, k2, err)
	}
	must(t, filepath.WalkDir(path, func(p string, e os.DirEntry, err error) error {
		fi, ierr := e.Info()
		if err != nil || ierr != nil || fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s (%v, %v)", p, fi.Mode(), err, ierr)
		}
		return nil
	}))
}

func TestRefusesWhatIsDamaged(t *testing.T) {
	for _, c := range []struct {
		file, content string
		read          func(*state.Dir) error
	}{
		{"key.pem", "", func(d *state.Dir) error { _, err := d.Key(); return err }},
		{"key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", func(d *state.Dir) error { _, err := d.Key(); return err }},
		{"certificate.pem", "x", func(d *state.Dir) error { _, err := d.Certificate(); return err }},
		{"certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", func(d *state.Dir) error { _, err := d.Certificate(); return err }},
		{"node.json", "{", func(d *state.Dir) error { _, err := d.Node(); return err }},
		{"node.json", "{}", func(d *state.Dir) error { _, err := d.Node(); return err }},
		{"versions.json", "[", func(d *state.Dir) error { _, err := d.Floor("policies", "acme"); return err }},
		{"log.key", "x", func(d *state.Dir) error { _, _, err := d.LogSigner("bulkhead/node/n1"); return err }},
		{"status.json", "{}", func(d *state.Dir) error { _, err := d.Status(); return err }},
	} {
		path, _ := joined(t)
		must(t, os.WriteFile(filepath.Join(path, c.file), []byte(c.content), 0o600))
		d := opened(t, path)
		err := c.read(d)
		var e *model.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, c.file) || e.Remedy == "" {
			t.Errorf("%s with %q: %v", c.file, c.content, err)
		}
	}
	path, _ := joined(t)
	must(t, os.Remove(filepath.Join(path, "key.pem")))
	if _, err := opened(t, path).Key(); err == nil {
		t.Error("a node whose key is gone made another one")
	}
}

func TestRefusesWhatOthersMayReach(t *testing.T) {
	path, _ := joined(t)
	must(t, os.Chmod(filepath.Join(path, "key.pem"), 0o644))
	d := opened(t, path)
	if _, err := d.Key(); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("a key that others may read: %v", err)
	}
	must(t, d.Close())
	must(t, os.Chmod(path, 0o755))
	if _, err := state.Open(path); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("a directory that others may read: %v", err)
	}
}

func TestACertificateOfAnotherKeyIsNotKept(t *testing.T) {
	path, _ := joined(t)
	d := opened(t, path)
	before, err := d.Certificate()
	must(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for _, der := range [][]byte{certificate(t, other.Public()), []byte("x")} {
		if err := d.SaveCertificate(der); err == nil {
			t.Error("kept")
		}
	}
	if c, err := d.Certificate(); err != nil || !bytes.Equal(c.Certificate[0], before.Certificate[0]) {
		t.Errorf("the old one is gone: %v", err)
	}
}

func TestDocuments(t *testing.T) {
	path, _ := joined(t)
	d := opened(t, path)
	if b, err := d.Document(model.BundlePolicies); b != nil || err != nil {
		t.Errorf("%v, %v", b, err)
	}
	b := &model.Bundle{Kind: model.BundlePolicies, Scope: "acme", Version: 5, Document: []byte(`{"a":1}`), Signature: "— x\n"}
	s, err := d.Stage(b)
	must(t, err)
	if got, err := d.Document(model.BundlePolicies); got != nil || err != nil {
		t.Errorf("before the commit: %v, %v", got, err)
	}
	must(t, s.Commit())
	newer := *b
	newer.Version = 9
	s, err = d.Stage(&newer)
	must(t, err)
	s.Discard()
	must(t, d.Close())
	d = opened(t, path)
	got, err := d.Document(model.BundlePolicies)
	must(t, err)
	if df := cmp.Diff(b, got); df != "" {
		t.Error(df)
	}
	if n, err := d.Floor(model.BundlePolicies, "acme"); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := d.Floor(model.BundlePolicies, "other"); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	left, err := filepath.Glob(filepath.Join(path, "*", ".new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	must(t, os.WriteFile(d.Path("documents", "settings.json"), []byte(`{"kind":"policies"}`), 0o600))
	if _, err := d.Document(model.BundleSettings); err == nil {
		t.Error("a document of another kind")
	}
}

func TestLockAndStatus(t *testing.T) {
	path, _ := joined(t)
	looked, err := state.Look(path)
	must(t, err)
	if _, err := looked.Status(); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("%v", err)
	}
	d := opened(t, path)
	must(t, d.SaveStatus(&model.AgentStatus{Schema: model.AgentStatusSchema, Node: "n1", Connected: true}))
	if _, err := state.Open(path); model.CodeOf(err) != model.CodeConflict {
		t.Errorf("a second agent: %v", err)
	}
	if s, err := looked.Status(); err != nil || !s.Running || !s.Connected {
		t.Errorf("%+v, %v", s, err)
	}
	must(t, d.Close())
	if s, err := looked.Status(); err != nil || s.Running || s.Connected || s.Node != "n1" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := state.Look(filepath.Join(path, "none")); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("%v", err)
	}
}
