//go:build e2e

package plane

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestConsoleProvider signs in at an OpenID provider in Chromium: from a deep link and back, again for a fresh factor, and refused.
func TestConsoleProvider(t *testing.T) {
	const stepUp = 10 * time.Second
	port, err := lab.FreePort()
	must(t, err)
	url := fmt.Sprintf("https://localhost:%d", port)
	provider := startProvider(t, "bulkhead", "the client's secret", url+"/oidc/callback")
	config := writeFile(t, "config.yaml", fmt.Sprintf(`server:
  public_url: %q
  sign_in: {step_up: %s}
  oidc:
    - name: corp
      issuer: %q
      client_id: bulkhead
      client_secret_file: %q
      ca_file: %q
      tenant: acme
      scopes: [profile, email]
      groups_claim: groups
      groups: {platform: developers}
      create_users: true
      mfa: [pwd]
`, url, stepUp, provider.URL, writeFile(t, "client.secret", "the client's secret\n"), caFile(t, provider)))
	s, err := lab.Serve(t.Context(), binary(t), filepath.Join(t.TempDir(), "data"), port, nil, "--config", config)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Log(), 6000))
		}
		must(t, s.Stop())
	})
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	admin.must("groups", "create", "developers", "--tenant", "acme", "--role", "developer")
	key := sha256.Sum256(provider.Certificate().RawSubjectPublicKeyInfo)
	inBrowser(t, 10*time.Minute, func(what, _ string) (string, bool) {
		if what != "wait" {
			return "", false
		}
		time.Sleep(stepUp + time.Second)
		return "done", true
	}, "provider.mjs", s.URL, provider.URL, providerUser, providerPassword, spki(t, s)+","+base64.StdEncoding.EncodeToString(key[:]))
}
