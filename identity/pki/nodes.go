package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	nodesCA = "nodes-ca" // its name in the store; those of servers' CAs begin with "ca/"
	// maxCSR and maxNodeCertificate bound what nodes and strangers send; ours have some hundred bytes.
	maxCSR             = 4096
	maxNodeCertificate = 4096
	maxNodeID          = 64
)

// NodeAuthority is the CA of the nodes. It vouches for node ids of this installation and for nothing else: client
// certificates of the trust domain that its own key gives, with no other name in them.
type NodeAuthority struct {
	ca     *authority
	domain string
	roots  *x509.CertPool
	now    func() time.Time
	good   *lru.Cache[[sha256.Size]byte, goodCertificate] // by digest
}

// NodeAuthority gives the nodes' CA, and makes it at the first start. All replicas get the same. now is the clock of what it
// issues.
func (k *Keys) NodeAuthority(ctx context.Context, now func() time.Time) (*NodeAuthority, error) {
	ca, err := k.kept(ctx, nodesCA, func() ([]byte, error) { return makeNodeAuthority(now()) })
	if err != nil {
		return nil, fmt.Errorf("nodes' CA: %w", err)
	}
	domain, err := trustDomain(ca.cert.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("nodes' CA: %w", err)
	}
	a := &NodeAuthority{ca: ca, domain: domain, roots: x509.NewCertPool(), now: now}
	a.roots.AddCert(ca.cert)
	if a.good, err = lru.New[[sha256.Size]byte, goodCertificate](mostGood); err != nil {
		return nil, fmt.Errorf("nodes' CA: %w", err)
	}
	return a, nil
}

// trustDomain is made from the CA's key: two installations never have the same.
func trustDomain(key any) (string, error) {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("trust domain: %w", err)
	}
	sum := sha256.Sum256(spki)
	return "bulkhead-" + hex.EncodeToString(sum[:8]), nil
}

// makeNodeAuthority gives certificate and key as PEM.
func makeNodeAuthority(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	domain, err := trustDomain(key.Public())
	if err != nil {
		return nil, err
	}
	return selfSigned(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Bulkhead nodes " + domain, Organization: []string{"Bulkhead"}},
		NotBefore:             now.Add(-early),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		// Critical for all of the constraints, whatever the field's name says.
		PermittedDNSDomainsCritical: true,
		PermittedURIDomains:         []string{domain},
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}, key)
}

// TrustDomain is that of the nodes' SPIFFE IDs.
func (a *NodeAuthority) TrustDomain() string { return a.domain }

// Certificate is the CA's certificate, DER.
func (a *NodeAuthority) Certificate() []byte { return a.ca.cert.Raw }

// Pool has the CA, for the hint which client certificates a server takes.
func (a *NodeAuthority) Pool() *x509.CertPool { return a.roots }

// SPIFFEID is the name of a node in its certificate.
func (a *NodeAuthority) SPIFFEID(node string) string { return "spiffe://" + a.domain + "/node/" + node }

// ParseCSR gives the SHA-256 of the key that a certificate signing request is for. The request is signed with that key, which is
// ECDSA P-256 or Ed25519. Nothing else of it is used.
func (a *NodeAuthority) ParseCSR(der []byte) (spkiHash []byte, err error) {
	key, err := keyOfCSR(der)
	if err != nil {
		return nil, err
	}
	return keyHash(key)
}

func keyOfCSR(der []byte) (crypto.PublicKey, error) {
	if len(der) > maxCSR {
		return nil, fmt.Errorf("the certificate signing request has %d bytes, more than %d", len(der), maxCSR)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate signing request: %w", err)
	}
	if err := takenKey(r.PublicKey); err != nil {
		return nil, err
	}
	switch r.SignatureAlgorithm {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
	default:
		return nil, fmt.Errorf("the certificate signing request is signed with %s, which is not taken", r.SignatureAlgorithm)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the certificate signing request is not signed with its own key: %w", err)
	}
	return r.PublicKey, nil
}

// takenKey refuses keys that nodes don't have.
func takenKey(key any) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return errors.New("a node's key is ECDSA P-256 or Ed25519")
}

// keyHash is over the key as it is written here: a key that is written in two ways has one hash.
func keyHash(key any) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("digest of a key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return sum[:], nil
}

// Issue makes a certificate for the request's key and a node's id. serial is in hexadecimal.
func (a *NodeAuthority) Issue(csrDER []byte, nodeID string, life time.Duration) (der []byte, serial string, ends time.Time, err error) {
	key, err := keyOfCSR(csrDER)
	if err != nil {
		return nil, "", time.Time{}, err
	}
	if !nodeIDTaken(nodeID) {
		return nil, "", time.Time{}, fmt.Errorf("%.80q is no id of a node", nodeID)
	}
	name, err := url.Parse(a.SPIFFEID(nodeID))
	if err != nil {
		return nil, "", time.Time{}, fmt.Errorf("name of a node: %w", err)
	}
	n, err := serialNumber()
	if err != nil {
		return nil, "", time.Time{}, err
	}
	now := a.now()
	ends = now.Add(life).UTC().Truncate(time.Second)
	if a.ca.cert.NotAfter.Before(ends) {
		ends = a.ca.cert.NotAfter
	}
	if !now.Before(ends) {
		return nil, "", time.Time{}, errors.New("the certificate would be over already; the nodes' CA lasts ten years")
	}
	der, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          n,
		NotBefore:             now.Add(-min(early, life/10)), // half of a short life must not be over when it begins
		NotAfter:              ends,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:                  []*url.URL{name},
	}, a.ca.cert, key, a.ca.key)
	if err != nil {
		return nil, "", time.Time{}, fmt.Errorf("make a node's certificate: %w", err)
	}
	return der, n.Text(16), ends, nil
}

// nodeIDTaken says whether an id can stand in a SPIFFE ID, and reads there as it was written.
func nodeIDTaken(id string) bool {
	if id == "" || len(id) > maxNodeID {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
