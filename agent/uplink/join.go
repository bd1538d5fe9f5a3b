package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/identity/pki"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// ParseLink reads where to join: https://HOST:PORT, with #ca=sha256:HEX where the server has a CA of its own.
func ParseLink(text string) (server, pin string, err error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return "", "", notLink(text)
	}
	q, err := url.ParseQuery(u.Fragment)
	if err != nil {
		return "", "", notLink(text)
	}
	for name := range q {
		if name != "ca" {
			return "", "", notLink(text)
		}
	}
	if pin = q.Get("ca"); pin != "" {
		if _, err := pki.ParseFingerprint(pin); err != nil {
			return "", "", err
		}
	}
	u.Fragment, u.RawFragment = "", ""
	server, err = serverURL(u.String())
	return server, pin, err
}

func notLink(text string) error {
	return &model.Error{
		Code: model.CodeInvalid, Field: "join", Message: fmt.Sprintf("%q is no address to join", text),
		Remedy: "it is https://HOST:PORT#ca=sha256:… as `bulkhead nodes join-token` shows it (in quotes, because of the #)",
	}
}

// serverURL is an https address without a slash at its end.
func serverURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", notLink(text)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Trust finds the CA of a server by its fingerprint, in what the server shows before anything is sent. It gives the CA as PEM.
func Trust(ctx context.Context, server, pin string, now func() time.Time) (string, error) {
	want, err := pki.ParseFingerprint(pin)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", notLink(server)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: u.Hostname(),
		InsecureSkipVerify: true, //nolint:gosec // only the certificates are read here, and they are verified below
	}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return "", &model.Error{
			Code: model.CodeUnavailable, Message: "the control plane at " + server + " was not reached", Remedy: "is `bulkhead serve` running there, and is the address right?", Err: err,
		}
	}
	defer conn.Close()
	tc, ok := conn.(*tls.Conn)
	if !ok || len(tc.ConnectionState().PeerCertificates) == 0 {
		return "", fmt.Errorf("%s shows no certificate", server)
	}
	chain := tc.ConnectionState().PeerCertificates
	ca, err := pki.Pinned(chain, want)
	if errors.Is(err, pki.ErrNotShown) {
		return "", &model.Error{
			Code: model.CodeUnauthenticated, Message: server + " does not show a CA with the fingerprint " + want.String() + "; nothing was sent",
			Remedy: "either the fingerprint is of another server, or somebody is in between", Err: err,
		}
	}
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err = chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: u.Hostname(), CurrentTime: now()})
	if err != nil {
		c := &Client{o: Options{Now: now}}
		return "", c.explain(&tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}, server)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})), nil
}

// Join turns a join token into a certificate. The answer was checked: the certificate is of the CA that it names, and of the node.
// It is not asked for twice: a token that was used is gone.
func (c *Client) Join(ctx context.Context, r *bulkheadv1.JoinRequest) (res *bulkheadv1.JoinResponse, err error) {
	err = c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err = s.Join(ctx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := Vouched(res.GetCertificate(), res.GetAuthority(), res.GetNode()); err != nil {
		return nil, fmt.Errorf("the server's answer is not good: %w", err)
	}
	return res, nil
}

// Vouched checks that a certificate is of the nodes' CA (DER) and names the node.
func Vouched(certificate, authority []byte, node string) error {
	ca, err := x509.ParseCertificate(authority)
	if err != nil {
		return fmt.Errorf("the nodes' CA can't be read: %w", err)
	}
	leaf, err := x509.ParseCertificate(certificate)
	if err != nil {
		return fmt.Errorf("the certificate can't be read: %w", err)
	}
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		return fmt.Errorf("the certificate is not of the nodes' CA: %w", err)
	}
	if len(leaf.URIs) != 1 || leaf.URIs[0].Scheme != "spiffe" || leaf.URIs[0].Path != "/node/"+node || node == "" {
		return fmt.Errorf("the certificate is not of the node %.64q", node)
	}
	return nil
}
