package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
)

// lines reads testdata/nodes.txt: a nodes' CA that is sealed with a master key of zeros, a request for each kind of key, and a
// certificate. They were made once: each process of the fuzzer would make others.
func lines(f *testing.F) (a *NodeAuthority, at time.Time, csrs [][]byte, leaf []byte) {
	f.Helper()
	text, err := os.ReadFile("testdata/nodes.txt")
	if err != nil {
		f.Fatal(err)
	}
	var all [][]byte
	for _, line := range strings.Fields(string(text)) {
		b, err := hex.DecodeString(line)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b)
	}
	at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a = nodesOf(f, &shelf{m: map[string][]byte{nodesCA: all[0]}}, func() time.Time { return at })
	return a, at, all[1:3], all[3]
}

func FuzzParseCSR(f *testing.F) {
	a, at, csrs, _ := lines(f)
	for _, b := range csrs {
		if _, err := a.ParseCSR(b); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		hash, err := a.ParseCSR(b)
		if err != nil {
			return
		}
		der, serial, _, err := a.Issue(b, nodeID, time.Hour)
		if err != nil {
			t.Fatalf("parsed and not issued: %v", err)
		}
		c, err := a.Verify(der, at, 0)
		if err != nil || c.Serial != serial || c.ID != nodeID || !bytes.Equal(c.KeyHash, hash) {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	a, at, _, good := lines(f)
	if _, err := a.Verify(good, at, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(a.Certificate())
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := a.Verify(b, at, time.Hour)
		if err != nil {
			return
		}
		// What is taken was signed here: it has the form of what Issue makes, and nothing behind it.
		leaf, err := x509.ParseCertificate(b)
		if err != nil || leaf.CheckSignatureFrom(a.ca.cert) != nil || c.ID == "" || len(leaf.URIs) != 1 || leaf.URIs[0].String() != a.SPIFFEID(c.ID) {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
