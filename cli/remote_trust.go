package cli

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/bulkhead-security/bulkhead/identity/pki"
)

// trust makes sure that the server at an address is the one that is meant, and returns the connection and the CA to keep
// (PEM, "" where the system or --ca-file vouches for it). A fingerprint is binding where one is given; without one, the
// CA that is kept, --ca-file, and the system's are tried before a person is asked.
func (a *App) trust(ctx context.Context, at, fingerprint string) (*connection, string, error) {
	addr, err := serverURL(at)
	if err != nil {
		return nil, "", err
	}
	kept, err := a.credentials()
	if err != nil {
		return nil, "", err
	}
	c := &connection{URL: addr}
	known := ""
	if s := kept.Servers[addr]; s != nil {
		known = s.CA
	}
	if fingerprint == "" && (known != "" || a.cfg.Client.CAFile != "") {
		if a.cfg.Client.CAFile != "" {
			b, err := os.ReadFile(a.cfg.Client.CAFile)
			if err != nil {
				return nil, "", fmt.Errorf("read the CA (client.ca_file): %w", err)
			}
			known = string(b)
		}
		c.roots, err = a.roots(&session{CA: known})
		return c, known, err
	}
	chain, host, err := a.chain(ctx, addr)
	if err != nil {
		return nil, "", err
	}
	if fingerprint == "" {
		if verifyChain(chain, nil, host) == nil {
			return c, "", nil
		}
		if fingerprint, err = a.askFingerprint(addr, chain); err != nil {
			return nil, "", err
		}
	}
	ca, err := withFingerprint(chain, fingerprint)
	if err != nil {
		return nil, "", err
	}
	c.roots = x509.NewCertPool()
	c.roots.AddCert(ca)
	if err := verifyChain(chain, c.roots, host); err != nil {
		return nil, "", fmt.Errorf("the certificate of %s is not good under that CA: %w", addr, err)
	}
	return c, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})), nil
}

// chain is what the server shows in the TLS handshake. Nothing is sent to it.
func (a *App) chain(ctx context.Context, addr string) ([]*x509.Certificate, string, error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, "", fmt.Errorf("the address: %w", err)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, min(a.cfg.Client.Timeout, 20*time.Second))
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: u.Hostname(),
		InsecureSkipVerify: true, //nolint:gosec // only the certificates are read here, and they are verified afterwards
	}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, "", fmt.Errorf("reach %s: %w\n  is `bulkhead serve` running there, and is the address right?", addr, err)
	}
	defer conn.Close()
	tc, ok := conn.(*tls.Conn)
	if !ok || len(tc.ConnectionState().PeerCertificates) == 0 {
		return nil, "", fmt.Errorf("%s shows no certificate", addr)
	}
	return tc.ConnectionState().PeerCertificates, u.Hostname(), nil
}

// verifyChain verifies the server's certificate for its host under roots, nil for the system's.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host})
	return err
}

// withFingerprint finds the CA with a fingerprint among what the server showed.
func withFingerprint(chain []*x509.Certificate, fingerprint string) (*x509.Certificate, error) {
	want, err := pki.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	ca, err := pki.Pinned(chain, want)
	if errors.Is(err, pki.ErrNotShown) {
		return nil, errNo{"the server does not show a CA with the fingerprint " + want.String() +
			"\n  either the fingerprint is of another server, or somebody is in between; nothing was sent"}
	}
	return ca, err
}

// askFingerprint shows the CA and asks whether it is the right one.
func (a *App) askFingerprint(addr string, chain []*x509.Certificate) (string, error) {
	last := chain[len(chain)-1]
	if !last.IsCA {
		return "", fmt.Errorf("the certificate of %s is not trusted, and it shows no CA\n  name the CA with --ca-file", addr)
	}
	print256 := formFingerprint(sha256.Sum256(last.Raw))
	p, ok := a.prompter()
	if !ok {
		return "", fmt.Errorf("the certificate of %s is not trusted\n  compare the fingerprint that `bulkhead serve` printed with %s, and give it with --ca-fingerprint", addr, print256)
	}
	answer, err := p.Line(fmt.Sprintf("%s has a CA that is not known yet: %s\nfingerprint %s\nIs this what `bulkhead serve` printed? Type yes to trust it: ",
		addr, plain(last.Subject.String()), print256))
	if err != nil {
		return "", err
	}
	if answer != "yes" {
		return "", errNo{"the server is not trusted; nothing was sent"}
	}
	return print256, nil
}

func formFingerprint(sum [sha256.Size]byte) string { return pki.Fingerprint(sum).String() }

// fingerprintOf is the fingerprint of the first certificate in PEM, "" for none.
func fingerprintOf(text string) string {
	b, _ := pem.Decode([]byte(text))
	if b == nil {
		return ""
	}
	return formFingerprint(sha256.Sum256(b.Bytes))
}
