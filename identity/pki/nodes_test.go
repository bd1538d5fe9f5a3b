package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func nodesOf(t testing.TB, s *shelf, now func() time.Time) *NodeAuthority {
	t.Helper()
	k := &Keys{master: make([]byte, masterSize), store: s}
	a, err := k.NodeAuthority(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func csr(t testing.TB, key crypto.Signer, change ...func(*x509.CertificateRequest)) []byte {
	t.Helper()
	r := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "anything"}, DNSNames: []string{"evil.example.com"}}
	for _, f := range change {
		f(r)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, r, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const nodeID = "0123456789abcdef0123456789abcdef"

// TestShortCertificates: agents renew from about half of what a certificate says of its life, which must not be over at its beginning.
func TestShortCertificates(t *testing.T) {
	now := time.Now()
	a := nodesOf(t, &shelf{}, func() time.Time { return now })
	for _, life := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour, 720 * time.Hour} {
		der, _, ends, err := a.Issue(csr(t, p256(t)), nodeID, life)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if half := c.NotBefore.Add(ends.Sub(c.NotBefore) / 2); half.Before(now.Add(life * 2 / 5)) {
			t.Errorf("half of a life of %s is over %s after its beginning", life, half.Sub(now))
		}
	}
}

func TestNodeCertificates(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	s := &shelf{}
	a := nodesOf(t, s, clock)
	if !regexp.MustCompile(`^bulkhead-[0-9a-f]{16}$`).MatchString(a.TrustDomain()) {
		t.Error(a.TrustDomain())
	}
	if again := nodesOf(t, s, clock); !bytes.Equal(again.Certificate(), a.Certificate()) || again.TrustDomain() != a.TrustDomain() {
		t.Error("another CA after a restart")
	}
	if other := nodesOf(t, &shelf{}, clock); other.TrustDomain() == a.TrustDomain() {
		t.Error("two installations have one trust domain")
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]crypto.Signer{"P-256": p256(t), "Ed25519": ed} {
		t.Run(name, func(t *testing.T) {
			req := csr(t, key)
			hash, err := a.ParseCSR(req)
			if err != nil || len(hash) != 32 {
				t.Fatal(hash, err)
			}
			der, serial, ends, err := a.Issue(req, nodeID, 24*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			c, err := a.Verify(der, now, 0)
			if err != nil || c.ID != nodeID || c.Serial != serial || !bytes.Equal(c.KeyHash, hash) || !c.Ends.Equal(ends) || c.Expired {
				t.Fatalf("%+v, %v", c, err)
			}
			leaf, _ := x509.ParseCertificate(der)
			if leaf.Subject.String() != "" || len(leaf.DNSNames) != 0 || leaf.URIs[0].String() != a.SPIFFEID(nodeID) || leaf.IsCA {
				t.Errorf("more in it than the id: %s %v", leaf.Subject, leaf.URIs)
			}
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now}); err == nil {
				t.Error("it is good for servers")
			}
			for _, x := range []struct {
				after, grace  time.Duration
				good, expired bool
			}{
				{-2 * time.Hour, time.Hour, false, false}, // not yet
				{-30 * time.Minute, 0, true, false},       // a slow clock
				{23 * time.Hour, 0, true, false},
				{25 * time.Hour, 0, false, false},
				{25 * time.Hour, 2 * time.Hour, true, true},
				{27 * time.Hour, 2 * time.Hour, false, false},
				{366 * 24 * time.Hour, 30 * 24 * time.Hour, false, false},
			} {
				c, err := a.Verify(der, now.Add(x.after), x.grace)
				if x.good != (err == nil) || c.Expired != x.expired {
					t.Errorf("%v: %+v, %v", x, c, err)
				}
			}
		})
	}
}

// A certificate that was good is not good for ever, and it alone is good.
func TestVerifiedCertificatesAreRemembered(t *testing.T) {
	now := time.Now()
	a := nodesOf(t, &shelf{}, func() time.Time { return now })
	der, serial, ends, err := a.Issue(csr(t, p256(t)), nodeID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c, err := a.Verify(der, now, 0); err != nil || c.Serial != serial || c.Expired {
			t.Fatal(c, err)
		}
	}
	if a.good.Len() != 1 {
		t.Fatal(a.good.Len())
	}
	if _, err := a.Verify(der, ends.Add(time.Second), 0); err == nil {
		t.Error("good after its end")
	}
	if c, err := a.Verify(der, ends.Add(time.Second), time.Hour); err != nil || !c.Expired {
		t.Error(c, err)
	}
	if _, err := a.Verify(der, now.Add(-24*time.Hour), 0); err == nil {
		t.Error("good before its beginning")
	}
	for i := range der {
		forged := bytes.Clone(der)
		forged[i] ^= 1
		if _, err := a.Verify(forged, now, 0); err == nil {
			t.Fatalf("good with another byte %d", i)
		}
	}
	if a.good.Len() != 1 {
		t.Fatal("what is refused was remembered")
	}
}

func TestNodeAuthorityIsBounded(t *testing.T) {
	a := nodesOf(t, &shelf{}, time.Now)
	c := a.ca.cert
	if !c.IsCA || !c.MaxPathLenZero || c.MaxPathLen != 0 || len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth ||
		len(c.PermittedURIDomains) != 1 || c.PermittedURIDomains[0] != a.TrustDomain() || !c.PermittedDNSDomainsCritical {
		t.Errorf("%+v", c)
	}
	for _, id := range []string{"", "a/b", "..", "a b", "ä", "a?b", "a%2fb", strings.Repeat("a", 65)} {
		if _, _, _, err := a.Issue(csr(t, p256(t)), id, time.Hour); err == nil {
			t.Errorf("issued for %q", id)
		}
	}
	for _, life := range []time.Duration{0, -time.Hour} {
		if _, _, _, err := a.Issue(csr(t, p256(t)), nodeID, life); err == nil {
			t.Errorf("issued for %s", life)
		}
	}
	_, _, ends, err := a.Issue(csr(t, p256(t)), nodeID, 100*365*24*time.Hour)
	if err != nil || ends.After(c.NotAfter) {
		t.Errorf("outlives its CA: %s, %v", ends, err)
	}
}

func TestCSRsThatAreRefused(t *testing.T) {
	a := nodesOf(t, &shelf{}, time.Now)
	small, _ := rsa.GenerateKey(rand.Reader, 2048)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	good := csr(t, p256(t))
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	// Somebody else's key in a request that one signs oneself.
	stolen := csr(t, p256(t))
	r1, _ := x509.ParseCertificateRequest(good)
	r2, _ := x509.ParseCertificateRequest(stolen)
	mixed := bytes.Replace(stolen, r2.RawSubjectPublicKeyInfo, r1.RawSubjectPublicKeyInfo, 1)
	for name, der := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "RSA": csr(t, small), "P-384": csr(t, p384), "bad signature": flipped,
		"another's key": mixed, "more behind it": append(bytes.Clone(good), 0),
		"large": csr(t, p256(t), func(r *x509.CertificateRequest) { r.DNSNames = []string{strings.Repeat("a", maxCSR)} }),
		"SHA-1": csr(t, p256(t), func(r *x509.CertificateRequest) { r.SignatureAlgorithm = x509.ECDSAWithSHA1 }),
	} {
		if _, err := a.ParseCSR(der); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, _, _, err := a.Issue(der, nodeID, time.Hour); err == nil {
			t.Errorf("%s: issued", name)
		}
	}
}

// signed makes a leaf by hand.
func signed(t *testing.T, ca *authority, key crypto.Signer, change func(*x509.Certificate)) []byte {
	t.Helper()
	serial, _ := serialNumber()
	c := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func uris(t *testing.T, list ...string) []*url.URL {
	t.Helper()
	var out []*url.URL
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

func TestForgedCertificates(t *testing.T) {
	s := &shelf{}
	a := nodesOf(t, s, time.Now)
	other := nodesOf(t, &shelf{}, time.Now)
	good := a.SPIFFEID(nodeID)
	key := p256(t)
	small, _ := rsa.GenerateKey(rand.Reader, 2048)
	if _, err := a.Verify(signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good) }), time.Now(), 0); err != nil {
		t.Fatalf("the one that all others differ from: %v", err)
	}
	otherName, _ := asn1.Marshal([]asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(good)},
		{Class: asn1.ClassContextSpecific, Tag: 8, Bytes: []byte{42, 3}}, // a registered id, which the parser passes over
	})
	self := &authority{cert: &x509.Certificate{}, key: other.ca.key}
	*self.cert = *other.ca.cert
	self.cert.RawSubject = a.ca.cert.RawSubject // the CA's own name with another key
	k := &Keys{master: make([]byte, masterSize), store: s}
	server, err := k.Certificates(t.Context(), CertificateOptions{Public: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	serverLeaf, _ := server.GetCertificate(nil)
	for name, der := range map[string][]byte{
		"nothing": nil, "text": []byte("no certificate"), "the CA itself": a.Certificate(), "a server's": serverLeaf.Certificate[0],
		"another installation's CA": signed(t, other.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, other.SPIFFEID(nodeID)) }),
		"another CA, our name":      signed(t, other.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good) }),
		"self-signed, CA's name":    signed(t, self, key, func(c *x509.Certificate) { c.URIs = uris(t, good) }),
		"the servers' CA":           signed(t, server.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good) }),
		"no SPIFFE ID":              signed(t, a.ca, key, func(*x509.Certificate) {}),
		"two": signed(t, a.ca, key, func(c *x509.Certificate) {
			c.URIs = uris(t, good, a.SPIFFEID("ffffffffffffffffffffffffffffffff"))
		}),
		"other trust domain": signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, other.SPIFFEID(nodeID)) }),
		"longer domain":      signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, "spiffe://x."+a.domain+"/node/"+nodeID) }),
		"no node":            signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, "spiffe://"+a.domain+"/server/"+nodeID) }),
		"a path in the id":   signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good+"/x") }),
		"a way up":           signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good+"/../other") }),
		"encoded":            signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, a.SPIFFEID("%61bc")) }),
		"a query":            signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, good+"?x") }),
		"a port":             signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, "spiffe://"+a.domain+":1/node/"+nodeID) }),
		"other scheme":       signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs = uris(t, "https://"+a.domain+"/node/"+nodeID) }),
		"DNS name":           signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.DNSNames = uris(t, good), []string{"localhost"} }),
		"address":            signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.IPAddresses = uris(t, good), []net.IP{{127, 0, 0, 1}} }),
		"mail":               signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.EmailAddresses = uris(t, good), []string{"a@b.example"} }),
		"unknown kind of name": signed(t, a.ca, key, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: oidAltNames, Value: otherName}}
		}),
		"for servers": signed(t, a.ca, key, func(c *x509.Certificate) {
			c.URIs, c.ExtKeyUsage = uris(t, good), []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
		"for both": signed(t, a.ca, key, func(c *x509.Certificate) {
			c.URIs, c.ExtKeyUsage = uris(t, good), []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		}),
		"for anything": signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.ExtKeyUsage = uris(t, good), nil }),
		"a CA":         signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.IsCA = uris(t, good), true }),
		"signs": signed(t, a.ca, key, func(c *x509.Certificate) {
			c.URIs, c.KeyUsage = uris(t, good), x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
		}),
		"RSA":     signed(t, a.ca, small, func(c *x509.Certificate) { c.URIs = uris(t, good) }),
		"not yet": signed(t, a.ca, key, func(c *x509.Certificate) { c.URIs, c.NotBefore = uris(t, good), time.Now().Add(time.Minute) }),
	} {
		if c, err := a.Verify(der, time.Now(), 30*24*time.Hour); err == nil {
			t.Errorf("%s: taken as %+v", name, c)
		}
	}
}

func TestNodesAndServersHaveDifferentCAs(t *testing.T) {
	s := &shelf{}
	k := open(t, filepath.Join(t.TempDir(), "master.key"), s)
	a, err := k.NodeAuthority(t.Context(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := k.Certificates(t.Context(), CertificateOptions{Public: "nodes"})
	if err != nil || bytes.Equal(c.ca.cert.Raw, a.Certificate()) {
		t.Fatal("a server with the name nodes has the nodes' CA", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.m[nodesCA]; bytes.Contains(b, []byte("PRIVATE KEY")) || len(b) == 0 {
		t.Error("the CA's key is not sealed")
	}
}
