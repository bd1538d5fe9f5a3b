package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// early lets clients with a slow clock in.
	early = time.Hour
)

// privateRanges are the addresses, beside that of the public URL, for which the CA may vouch: loopback (RFC 1122, RFC 4291),
// private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local ones.
var privateRanges = []string{
	"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
	"::1/128", "fc00::/7", "fe80::/10",
}

// authority is the own CA. It may vouch for one public host, this machine and private addresses only: whoever trusts it for
// Bulkhead does not trust it for the rest of the world.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// authority gives the CA of a public host, and makes it at the first start. Another public host has another CA.
func (k *Keys) authority(ctx context.Context, host string, now time.Time) (*authority, error) {
	a, err := k.kept(ctx, "ca/"+host, func() ([]byte, error) { return makeAuthority(host, now) })
	if err != nil {
		return nil, fmt.Errorf("own CA: %w", err)
	}
	return a, nil
}

// kept gives the CA that is sealed under a name; where there is none yet, it is made, as PEM.
func (k *Keys) kept(ctx context.Context, name string, fresh func() ([]byte, error)) (*authority, error) {
	b, err := k.shared(ctx, name, fresh)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(b, b)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("its key can't sign")
	}
	return &authority{cert: pair.Leaf, key: key}, nil
}

// makeAuthority gives certificate and key as PEM.
func makeAuthority(host string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	names, addresses := constraints(host)
	t := &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{CommonName: "Bulkhead CA " + host, Organization: []string{"Bulkhead"}},
		NotBefore:                   now.Add(-early),
		NotAfter:                    now.Add(caLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtKeyUsage:                 []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names,
		PermittedIPRanges:           addresses,
	}
	return selfSigned(t, key)
}

// selfSigned gives a CA's certificate and key as PEM.
func selfSigned(t *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}

// constraints are the DNS names (with what is below them) and addresses that a CA of the host may vouch for.
func constraints(host string) (names []string, addresses []*net.IPNet) {
	names = []string{"localhost"}
	for _, r := range privateRanges {
		if _, n, err := net.ParseCIDR(r); err == nil {
			addresses = append(addresses, n)
		}
	}
	if ip := net.ParseIP(host); ip != nil {
		return names, append(addresses, single(ip))
	}
	if host != "localhost" {
		names = append(names, host)
	}
	return names, addresses
}

func single(ip net.IP) *net.IPNet {
	if v4 := ip.To4(); v4 != nil {
		return &net.IPNet{IP: v4, Mask: net.CIDRMask(32, 32)}
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)}
}

// permits says whether the CA may vouch for the host name or address.
func (a *authority) permits(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		for _, n := range a.cert.PermittedIPRanges {
			if n.Contains(ip) {
				return true
			}
		}
		return false
	}
	for _, d := range a.cert.PermittedDNSDomains {
		if host == d || len(host) > len(d) && host[len(host)-len(d)-1:] == "."+d {
			return true
		}
	}
	return false
}

// issue makes a server certificate with a key that is never written anywhere.
func (a *authority) issue(hosts []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the server's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Bulkhead", Organization: []string{"Bulkhead"}},
		NotBefore:    now.Add(-early),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if a.cert.NotAfter.Before(t.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	// The CA goes along, so that who knows its fingerprint only can take it from the handshake.
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

// fingerprint is "sha256:HEX" of a certificate's DER.
func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
