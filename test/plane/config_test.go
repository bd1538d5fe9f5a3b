//go:build e2e

package plane

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestConfigured starts a server from a file with all that reaches out of it: a given certificate, receivers of records
// and traces, and a provider of sign-ins.
func TestConfigured(t *testing.T) {
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("https://localhost:%d", port)
	ca := newTestCA(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	ca.issue(t, 1001, cert, key)
	out := startReceivers(t, "the webhook's key")
	provider := startProvider(t, "bulkhead", "the client's secret", url+"/oidc/callback")
	lines := filepath.Join(dir, "records.jsonl")
	config := writeFile(t, "config.yaml", fmt.Sprintf(`server:
  name: configured
  public_url: %q
  tls: {cert: %q, key: %q}
  telemetry: {endpoint: %q, ca_file: %q, sample: 1}
  export:
    - {name: lines, kind: jsonl, to: %q}
    - {name: hook, kind: webhook, to: %q, ca_file: %q, secret_file: %q}
    - {name: collector, kind: otlp, to: %q, ca_file: %q}
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
`, url, cert, key, out.server.URL, caFile(t, out.server), lines, out.server.URL+"/hook", caFile(t, out.server), writeFile(t, "hook.key", out.key+"\n"),
		out.server.URL+"/v1/logs", caFile(t, out.server), provider.URL, writeFile(t, "client.secret", "the client's secret\n"), caFile(t, provider)))
	s, err := lab.ServeTrusting(t.Context(), ca.pool, binary(t), filepath.Join(dir, "data"), port, nil, "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	admin := newPerson(t, s)
	admin.env = []string{"BULKHEAD_CLIENT_CA_FILE=" + ca.file}
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	admin.must("groups", "create", "developers", "--tenant", "acme", "--role", "developer")

	t.Run("receivers", func(t *testing.T) {
		eventually(t, "every receiver has the record", func() bool { return out.has("TenantCreate", "TenantService/CreateTenant", lines) })
		out.mu.Lock()
		defer out.mu.Unlock()
		for _, w := range out.wrong {
			t.Error("a receiver got what it can't take:", w)
		}
	})
	t.Run("sign-in at the provider", func(t *testing.T) {
		federatedSignIn(t, s, func(address string) string { return signInAtProvider(t, provider, address) })
	})
	t.Run("new certificate", func(t *testing.T) {
		if got := serial(t, s); got != 1001 {
			t.Fatalf("the server shows the certificate %d", got)
		}
		ca.issue(t, 1002, cert, key)
		eventually(t, "the server shows the new certificate", func() bool { return serial(t, s) == 1002 })
	})
	if _, err := os.Stat(filepath.Join(s.Dir, "ca.pem")); err == nil {
		t.Error("a server with a given certificate shows a CA of its own")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// federatedSignIn goes the way of a browser to the provider and back, with its cookies, and on from there.
func federatedSignIn(t *testing.T, s *lab.Server, signIn func(address string) string) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := s.Client()
	browser.Jar = jar
	defer browser.CloseIdleConnections()
	start := func(c *http.Client) string {
		res, body := visit(t, c, http.MethodPost, s.URL+"/bulkhead.v1.AuthService/StartOIDC", `{"provider":"corp","returnTo":"/device?code=1"}`)
		var begun struct{ URL string }
		if err := json.Unmarshal([]byte(body), &begun); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("StartOIDC: %d %s", res.StatusCode, body)
		}
		wantCookie(t, res, "__Host-bulkhead-oidc", http.SameSiteLaxMode)
		return begun.URL
	}
	back := signIn(start(browser))
	if !strings.HasPrefix(back, s.URL+"/oidc/callback?") {
		t.Fatalf("the provider sends to %s", back)
	}
	// Somebody else, to whom the address was sent, has not begun it.
	stranger := s.Client()
	defer stranger.CloseIdleConnections()
	if res, body := visit(t, stranger, http.MethodGet, back, ""); res.StatusCode < 400 || len(res.cookies) > 0 && res.cookies[0].Value != "" {
		t.Errorf("another browser came in: %d %s %v", res.StatusCode, body, res.cookies)
	}
	back = signIn(start(browser))
	res, body := visit(t, browser, http.MethodGet, back, "")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `http-equiv="refresh" content="0;url=/device?code=1"`) {
		t.Fatalf("back from the provider: %d %s", res.StatusCode, body)
	}
	wantCookie(t, res, "__Host-bulkhead", http.SameSiteStrictMode)
	var me struct{ Name, Tenant string }
	res, body = visit(t, browser, http.MethodPost, s.URL+"/bulkhead.v1.AuthService/GetCaller", "{}")
	if err := json.Unmarshal([]byte(body), &me); err != nil || res.StatusCode != http.StatusOK || me.Name != providerUser || me.Tenant != "acme" {
		t.Errorf("signed in as %d %s", res.StatusCode, body)
	}
	if res, body := visit(t, browser, http.MethodGet, s.URL+"/device?code=1", ""); res.StatusCode != http.StatusOK || !strings.Contains(body, "device-form") {
		t.Errorf("the page to go on to: %d %s", res.StatusCode, tail(body, 200))
	}
	if res, _ := visit(t, browser, http.MethodGet, back, ""); res.StatusCode < 400 {
		t.Errorf("the provider's answer was good twice: %d", res.StatusCode)
	}
}

// visit is what a page of the server itself, or its address, makes a browser send.
func visit(t *testing.T, c *http.Client, method, address, body string) (answered, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, res.Cookies()}, string(b)
}

func wantCookie(t *testing.T, res answered, name string, site http.SameSite) {
	t.Helper()
	for _, c := range res.cookies {
		if c.Name != name {
			continue
		}
		if c.Value == "" || !c.HttpOnly || !c.Secure || c.SameSite != site || c.Domain != "" || c.Path != "/" {
			t.Errorf("the cookie is %v", c)
		}
		return
	}
	t.Errorf("there is no cookie %s in %v", name, res.Header)
}

// testCA signs certificates for localhost.
type testCA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	file string
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	ca := &testCA{pool: x509.NewCertPool()}
	ca.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, caTemplate(), caTemplate(), ca.key.Public(), ca.key)
	if err == nil {
		ca.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	ca.pool.AddCert(ca.cert)
	ca.file = writeFile(t, "test-ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return ca
}

func caTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes a new certificate and its key.
func (ca *testCA) issue(t *testing.T, serial int64, cert, key string) {
	t.Helper()
	k := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca.cert, k.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serial is that of the certificate which the server shows, as it is verified.
func serial(t *testing.T, s *lab.Server) int64 {
	t.Helper()
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.CA, ServerName: "localhost"}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// unzipped is a request's body without its encoding.
func unzipped(req *http.Request) (io.Reader, error) {
	if req.Header.Get("Content-Encoding") != "gzip" {
		return req.Body, nil
	}
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return gzip.NewReader(bytes.NewReader(b))
}
