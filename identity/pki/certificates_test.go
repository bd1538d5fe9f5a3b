package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOwnCA(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "master.key"), &shelf{})
	now := time.Now()
	o := CertificateOptions{Public: "Bulkhead.example.org", Hosts: []string{"10.1.2.3", "203.0.113.9", "localhost"}, Clock: func() time.Time { return now }}
	c, err := k.Certificates(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.CAPEM()) {
		t.Fatal("no CA")
	}
	leaf := func() *x509.Certificate {
		p, err := c.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return p.Leaf
	}
	for host, good := range map[string]bool{
		"bulkhead.example.org": true, "localhost": true, "127.0.0.1": true, "::1": true, "10.1.2.3": true,
		"203.0.113.9": false, // public: the CA may not vouch for it
		"example.org": false,
	} {
		_, err := leaf().Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now})
		if good != (err == nil) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if life := leaf().NotAfter.Sub(now); life != leafLife.Truncate(time.Second) && life > leafLife {
		t.Errorf("life %s", life)
	}

	// The same CA for another replica and after a restart, another for another public host.
	again, err := k.Certificates(t.Context(), CertificateOptions{Public: "bulkhead.example.org"})
	if err != nil || again.CAFingerprint() != c.CAFingerprint() || !strings.HasPrefix(c.CAFingerprint(), "sha256:") {
		t.Errorf("%v, %q, %q", err, again.CAFingerprint(), c.CAFingerprint())
	}
	other, err := k.Certificates(t.Context(), CertificateOptions{Public: "192.0.2.1"})
	if err != nil || other.CAFingerprint() == c.CAFingerprint() {
		t.Errorf("%v, %q", err, other.CAFingerprint())
	}

	// Renewed at two thirds of its life, not before.
	first := leaf().SerialNumber
	now = now.Add(leafLife*2/3 - time.Hour)
	c.Refresh()
	if leaf().SerialNumber.Cmp(first) != 0 {
		t.Error("renewed too early")
	}
	now = now.Add(2 * time.Hour)
	c.Refresh()
	if leaf().SerialNumber.Cmp(first) == 0 {
		t.Error("not renewed")
	}
}

// TestCAIsBound shows that the CA is of no use for other hosts, even to somebody who has its key.
func TestCAIsBound(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "master.key"), &shelf{})
	a, err := k.authority(t.Context(), "bulkhead.example.org", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	for _, host := range []string{"bank.example.com", "example.org", "xbulkhead.example.org", "203.0.113.1"} {
		forged, err := a.issue([]string{host}, time.Now())
		if err != nil {
			continue // refused already
		}
		if _, err := forged.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err == nil {
			t.Errorf("vouches for %s", host)
		}
		if a.permits(host) {
			t.Errorf("permits %s", host)
		}
	}
}

// files writes the certificate and key of a new CA for localhost.
func files(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	b, err := makeAuthority("localhost", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c, rest := pem.Decode(b)
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	replace(t, cert, pem.EncodeToMemory(c))
	replace(t, key, rest)
	return cert, key
}

func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestGivenFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := files(t, dir)
	c, err := (&Keys{}).Certificates(t.Context(), CertificateOptions{Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if c.CAFingerprint() != "" || c.CAPEM() != nil {
		t.Error("a CA of its own beside given files")
	}
	first := c.current.Load().Leaf.SerialNumber

	replace(t, key, []byte("-----BEGIN PRIVATE KEY-----\nnonsense"))
	c.Refresh()
	files(t, t.TempDir()) // elsewhere: of no interest
	if c.current.Load().Leaf.SerialNumber.Cmp(first) != 0 {
		t.Fatal("took a broken pair")
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); c.current.Load().Leaf.SerialNumber.Cmp(first) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the new pair was not taken")
		}
		files(t, dir) // may come before the watch stands, so again
		time.Sleep(time.Second)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestServesTLS(t *testing.T) {
	k := open(t, filepath.Join(t.TempDir(), "master.key"), &shelf{})
	c, err := k.Certificates(t.Context(), CertificateOptions{Public: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: c.GetCertificate})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func(conn net.Conn) { _ = conn.(*tls.Conn).Handshake() }(conn)
		}
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.CAPEM())
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if chain := conn.ConnectionState().PeerCertificates; len(chain) != 2 || fingerprint(chain[1]) != c.CAFingerprint() {
		t.Error("the CA does not come along")
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := files(t, dir)
	_, other := files(t, t.TempDir())
	late := time.Now().Add(2 * caLife)
	for name, o := range map[string]CertificateOptions{
		"missing":     {Cert: filepath.Join(dir, "none"), Key: key},
		"another key": {Cert: cert, Key: other},
		"ended":       {Cert: cert, Key: key, Clock: func() time.Time { return late }},
		"swapped":     {Cert: key, Key: cert},
	} {
		if _, err := (&Keys{}).Certificates(t.Context(), o); err == nil {
			t.Error(name)
		}
	}
}
