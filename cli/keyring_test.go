package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// TestKeyring keeps a session in the keyring and not in the file, replaces it there, uses it, and removes it.
func TestKeyring(t *testing.T) {
	keyring.MockInit()
	p := newPlane(t)
	s := newShell(t)
	s.env = append(s.env, "BULKHEAD_CLIENT_KEYRING=true")
	code, _, errs := s.run(t, "login", "--server", p.server.URL, "--ca-fingerprint", p.fingerprint())
	if code != ExitOK {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if k := s.kept(t, p.server.URL); k.Secret != "" || !k.Keyring || k.CA != p.ca || k.Name != "alice" {
		t.Errorf("kept %+v", k)
	}
	if got, err := keyring.Get("bulkhead", p.server.URL); err != nil || got != "bhs_first" {
		t.Errorf("the keyring has %q, %v", got, err)
	}
	if code, out, errs := s.run(t, "whoami"); code != ExitOK || !strings.Contains(out, "alice") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	s.in = "123456\n"
	if code, _, errs := s.run(t, "login", "--step-up"); code != ExitOK {
		t.Errorf("exit %d: %s", code, errs)
	}
	if got, err := keyring.Get("bulkhead", p.server.URL); err != nil || got != "bhs_second" {
		t.Errorf("the keyring has %q after a step-up, %v", got, err)
	}
	if b, err := os.ReadFile(filepath.Join(s.home, "bulkhead", "credentials.json")); err != nil || strings.Contains(string(b), "bhs_") {
		t.Errorf("the file has the secret: %s, %v", b, err)
	}
	if code, _, errs := s.run(t, "logout"); code != ExitOK {
		t.Errorf("exit %d: %s", code, errs)
	}
	if _, err := keyring.Get("bulkhead", p.server.URL); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the keyring still has the session: %v", err)
	}
	if code, _, errs := s.run(t, "whoami"); code != ExitNo || !strings.Contains(errs, "not signed in") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestNoKeyring has a keyring that doesn't work: nothing is kept in the clear instead.
func TestNoKeyring(t *testing.T) {
	keyring.MockInitWithError(errors.New("no D-Bus here"))
	t.Cleanup(keyring.MockInit)
	p := newPlane(t)
	s := newShell(t)
	s.env = append(s.env, "BULKHEAD_CLIENT_KEYRING=true")
	code, _, errs := s.run(t, "login", "--server", p.server.URL, "--ca-fingerprint", p.fingerprint())
	if code != ExitError || !strings.Contains(errs, "client.keyring") || !strings.Contains(errs, "no D-Bus here") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if b, err := os.ReadFile(filepath.Join(s.home, "bulkhead", "credentials.json")); err == nil && strings.Contains(string(b), "bhs_") {
		t.Errorf("the file has the secret: %s", b)
	}
}
