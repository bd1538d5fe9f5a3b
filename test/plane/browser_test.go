//go:build e2e

package plane

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestPages goes through the plain pages in Chromium.
func TestPages(t *testing.T) {
	s := serve(t, "--config", writeFile(t, "config.yaml", "server:\n  sign_in: {step_up: 60s}\n"))
	print := sha256.Sum256(authority(t, s).Raw)
	shots := os.Getenv("BULKHEAD_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "../browser/pages.mjs", s.URL, s.Link, spki(t, s), binary(t),
		"sha256:"+hex.EncodeToString(print[:]), t.TempDir(), shots)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// authority is the server's own CA.
func authority(t testing.TB, s *lab.Server) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatal("ca.pem is no PEM")
		return nil
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// spki is the hash of the CA's key, by which Chromium trusts the server.
func spki(t testing.TB, s *lab.Server) string {
	t.Helper()
	sum := sha256.Sum256(authority(t, s).RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
