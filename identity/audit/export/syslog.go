package export

import (
	"context"
	"fmt"
	"os"

	"github.com/bulkhead-security/bulkhead/deliver"
	"github.com/bulkhead-security/bulkhead/model"
)

// syslog sends RFC 5424 messages over TLS. Syslog has no acknowledgement, so after a broken connection the last records are
// sent again.
type syslog struct {
	*deliver.Syslog
	host string
}

// syslogWindow is how many records are sent again after a broken connection: more than a receiver's kernel buffers hold.
const syslogWindow = 4096

func newSyslog(s Spec) (*syslog, error) {
	c, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	to, err := deliver.NewSyslog(s.To, c)
	if err != nil {
		return nil, err
	}
	if s.Hostname == "" {
		if s.Hostname, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	return &syslog{Syslog: to, host: s.Hostname}, nil
}

func (s *syslog) window() uint64 { return syslogWindow }

func (s *syslog) Send(ctx context.Context, records []model.LogRecord) error {
	messages := make([]string, len(records))
	for i := range records {
		var err error
		if messages[i], err = s.message(&records[i]); err != nil {
			return err
		}
	}
	return s.Syslog.Send(ctx, messages)
}

// Facility 13 is the log audit (RFC 5424 table 1); 6 is informational, 4 a warning.
const (
	syslogInfo    = 13*8 + 6
	syslogWarning = 13*8 + 4
)

func (s *syslog) message(r *model.LogRecord) (string, error) {
	text, err := line(r)
	if err != nil {
		return "", err
	}
	m := deliver.Message{Priority: syslogInfo, Time: r.Record.Time, Host: s.host, ID: r.Record.Action, Text: string(text)}
	if r.Record.Outcome != model.OutcomeAllowed {
		m.Priority = syslogWarning
	}
	out, err := m.Encode()
	if err != nil {
		return "", fmt.Errorf("record %d as a syslog message: %w", r.Index, err)
	}
	return out, nil
}
