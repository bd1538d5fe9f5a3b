package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// Spec says what a receiver is. It has the fields of the configuration's export.
type Spec struct {
	Kind     string // "jsonl", "syslog", "webhook", "otlp"
	To       string
	CAFile   string
	CertFile string
	KeyFile  string
	// SecretFile has the key of the webhook's signature, or the bearer token of OTLP.
	SecretFile string
	Hostname   string // in syslog's header
}

// NewReceiver makes the receiver that a spec says.
func NewReceiver(s Spec) (Receiver, error) {
	switch s.Kind {
	case "jsonl":
		return newLines(s.To), nil
	case "syslog":
		return newSyslog(s)
	case "webhook":
		return newWebhook(s)
	case "otlp":
		return newOTLP(s)
	}
	return nil, fmt.Errorf("a receiver is jsonl, syslog, webhook or otlp, not %q", s.Kind)
}

// tlsConfig trusts the system's authorities and those of CAFile.
func (s *Spec) tlsConfig() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", s.CAFile)
		}
		c.RootCAs = pool
	}
	if s.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// secret reads SecretFile. Spaces and line ends around it do not count.
func (s *Spec) secret() (string, error) {
	if s.SecretFile == "" {
		return "", nil
	}
	b, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(b))
	if len(secret) < 16 {
		return "", fmt.Errorf("the secret in %s has less than 16 characters", s.SecretFile)
	}
	return secret, nil
}

var errRedirect = errors.New("the receiver answers with a redirect, which is not followed")

func (s *Spec) client() (*http.Client, error) {
	c, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: sendLimit,
		Transport: &http.Transport{
			TLSClientConfig: c, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}, nil
}
