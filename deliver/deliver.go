// Package deliver is what adapters that send to receivers outside have in common: whom to trust, secrets in files, a signed
// POST, and syslog over TLS. It knows nothing of what is sent, keeps nothing, and tries nothing twice.
package deliver

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Limits of a delivery.
const (
	Limit      = 30 * time.Second // for one
	mostSecret = 4096             // bytes of a secret's file
	mostAnswer = 64 << 10         // bytes of an answer that are read, and of its headers
)

// TLS trusts the system's authorities and those of caFile. certFile and keyFile are the client's certificate. Empty means none.
func TLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", caFile)
		}
		c.RootCAs = pool
	}
	if certFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// Secret reads a secret of at least so many characters from a file, "" where no file is named. Spaces and line ends around it
// do not count.
func Secret(file string, least int) (string, error) {
	if file == "" {
		return "", nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	secret := strings.TrimSpace(string(b))
	switch {
	case len(b) > mostSecret:
		return "", fmt.Errorf("the secret in %s has more than %d bytes", file, mostSecret)
	case len(secret) < least:
		return "", fmt.Errorf("the secret in %s has less than %d characters", file, least)
	}
	return secret, nil
}

// HTTPS says whether a receiver's address is an https:// URL.
func HTTPS(to string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("the receiver must be an https:// URL")
	}
	return nil
}

var errRedirect = errors.New("the receiver answers with a redirect, which is not followed")

// Client is for receivers: it follows no redirects, and waits for nothing longer than Limit.
func Client(c *tls.Config) *http.Client {
	return &http.Client{
		Timeout: Limit,
		Transport: &http.Transport{
			TLSClientConfig: c, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: mostAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
}
