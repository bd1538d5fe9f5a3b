package cli

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var goodCommonName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)

// makeClientCertificate writes cert.pem, key.pem and the CA as ca.pem, as Docker's tools expect them.
func makeClientCertificate(f dockerSetupFlags) error {
	if !goodCommonName.MatchString(f.user) {
		return fmt.Errorf("invalid argument %q for --user: it has letters, digits and . _ @ + -, at most 64", f.user)
	}
	if f.days < 1 || f.days > 366 {
		return fmt.Errorf("invalid argument %d for --days: a certificate lasts between 1 and 366 days", f.days)
	}
	pair, err := tls.LoadX509KeyPair(f.ca, f.caKey)
	if err != nil {
		return fmt.Errorf("the CA (--ca and --ca-key): %w", err)
	}
	ca := pair.Leaf
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !ca.IsCA {
		return fmt.Errorf("the certificate %s (--ca) is none of a CA", f.ca)
	}
	now := time.Now()
	ends := now.AddDate(0, 0, f.days)
	if ends.After(ca.NotAfter) {
		return fmt.Errorf("the CA ends on %s, before the certificate would (--days %d)", ca.NotAfter.UTC().Format(time.DateOnly), f.days)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fmt.Errorf("make a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: f.user}, NotBefore: now.Add(-5 * time.Minute), NotAfter: ends,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca, key.Public(), signer)
	if err != nil {
		return fmt.Errorf("make the certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	return writeClientCertificate(f.dir, der, private, ca.Raw)
}

func writeClientCertificate(dir string, der, key, ca []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory (--dir): %w", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		return errors.Join(fmt.Errorf("%s (--dir) is not empty; name a directory that is, or is not there", dir), err)
	}
	for _, p := range []struct {
		name, kind string
		der        []byte
	}{{"key.pem", "PRIVATE KEY", key}, {"cert.pem", "CERTIFICATE", der}, {"ca.pem", "CERTIFICATE", ca}} {
		err := toFile(filepath.Join(dir, p.name), func(w io.Writer) error { return pem.Encode(w, &pem.Block{Type: p.kind, Bytes: p.der}) })
		if err != nil {
			return err
		}
	}
	return nil
}
