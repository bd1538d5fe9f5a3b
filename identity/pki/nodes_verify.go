package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Verify reads a client certificate: it is of this CA, for clients only, and its one name is a node's SPIFFE ID. One that is over
// for less than grace is given with Expired set. That the caller has its key was shown in the handshake; whether the node is
// known, and whether this is its newest certificate, is not known here.
func (a *NodeAuthority) Verify(der []byte, now time.Time, grace time.Duration) (model.NodeCertificate, error) {
	var none model.NodeCertificate
	if len(der) > maxNodeCertificate {
		return none, fmt.Errorf("the certificate has %d bytes, more than %d", len(der), maxNodeCertificate)
	}
	sum := sha256.Sum256(der)
	if g, ok := a.good.Get(sum); ok && !now.Before(g.from) && !now.After(g.to) {
		return g.NodeCertificate, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return none, fmt.Errorf("read the certificate: %w", err)
	}
	id, err := a.nodeOf(c)
	if err != nil {
		return none, err
	}
	expired := now.After(c.NotAfter)
	at := now
	if expired {
		if now.Sub(c.NotAfter) > max(grace, 0) {
			return none, fmt.Errorf("the certificate ended on %s", c.NotAfter.Format(time.RFC3339))
		}
		at = c.NotAfter // all else is judged as it was then
	}
	_, err = c.Verify(x509.VerifyOptions{
		Roots: a.roots, Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return none, fmt.Errorf("the certificate is not one of the nodes' CA: %w", err)
	}
	hash, err := keyHash(c.PublicKey)
	if err != nil {
		return none, err
	}
	out := model.NodeCertificate{ID: id, Serial: c.SerialNumber.Text(16), KeyHash: hash, Ends: c.NotAfter, Expired: expired}
	if !expired {
		a.good.Add(sum, goodCertificate{out, later(c.NotBefore, a.ca.cert.NotBefore), earlier(c.NotAfter, a.ca.cert.NotAfter)})
	}
	return out, nil
}

// goodCertificate is one that was verified. It stays so, byte by byte, while it and the CA's last: nodes show theirs with each call.
type goodCertificate struct {
	model.NodeCertificate
	from, to time.Time
}

// mostGood is more than a replica has nodes.
const mostGood = 1 << 16

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// nodeOf is the node's id in a certificate that has the form of those that Issue makes.
func (a *NodeAuthority) nodeOf(c *x509.Certificate) (string, error) {
	switch {
	case c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature:
		return "", errors.New("the certificate may be used to sign others")
	case !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || len(c.UnknownExtKeyUsage) > 0:
		return "", errors.New("the certificate is not for clients only")
	case len(c.URIs) != 1:
		return "", fmt.Errorf("the certificate has %d SPIFFE IDs, not one", len(c.URIs))
	case c.SerialNumber.Sign() <= 0:
		return "", errors.New("the certificate has no serial number")
	}
	id, ok := strings.CutPrefix(c.URIs[0].String(), a.SPIFFEID(""))
	if !ok || !nodeIDTaken(id) {
		return "", errors.New("the certificate's SPIFFE ID is none of this installation's nodes")
	}
	if err := onlyName(c, a.SPIFFEID(id)); err != nil {
		return "", err
	}
	return id, takenKey(c.PublicKey)
}

var oidAltNames = asn1.ObjectIdentifier{2, 5, 29, 17}

// onlyName compares the alternative names byte by byte with those that Issue writes: there are kinds of names that the parser
// passes over, and ways to write one that it makes equal.
func onlyName(c *x509.Certificate, uri string) error {
	const tagURI = 6
	want, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(uri)}})
	if err != nil {
		return fmt.Errorf("name of a node: %w", err)
	}
	seen := 0
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidAltNames) {
			continue
		}
		if seen++; seen > 1 || !bytes.Equal(e.Value, want) {
			return errors.New("the certificate has other names beside its SPIFFE ID")
		}
	}
	if seen == 0 {
		return errors.New("the certificate has no SPIFFE ID")
	}
	return nil
}
