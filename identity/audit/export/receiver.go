package export

import (
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/bulkhead-security/bulkhead/deliver"
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

func (s *Spec) tlsConfig() (*tls.Config, error) { return deliver.TLS(s.CAFile, s.CertFile, s.KeyFile) }

func (s *Spec) secret() (string, error) { return deliver.Secret(s.SecretFile, deliver.LeastKey) }

func (s *Spec) client() (*http.Client, error) {
	c, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	return deliver.Client(c), nil
}
