package alarm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/bulkhead-security/bulkhead/deliver"
)

// syslog sends RFC 5424 messages over TLS, an event's JSON in each. Syslog has no acknowledgement, so each delivery has its own
// connection: that the receiver closes it, too, says that it has read to the end.
type syslog struct {
	c    Config
	host string
}

const (
	facilityAlert = 14              // log alert, RFC 5424 table 1
	syslogEnd     = 2 * time.Second // how long the receiver may take to close
)

func newSyslog(c Config, host string) (receiver, error) {
	if host == "" {
		var err error
		if host, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	s := &syslog{c: c, host: host}
	_, err := s.open()
	return s, err
}

func (s *syslog) open() (*deliver.Syslog, error) {
	conf, err := deliver.TLS(s.c.CAFile, "", "")
	if err != nil {
		return nil, err
	}
	return deliver.NewSyslog(s.c.To, conf)
}

func (s *syslog) send(ctx context.Context, events []Event) error {
	to, err := s.open()
	if err != nil {
		return err
	}
	messages := make([]string, len(events))
	for i := range events {
		if messages[i], err = s.message(&events[i]); err != nil {
			return err
		}
	}
	if err := to.Send(ctx, messages); err != nil {
		return err
	}
	return to.End(ctx, syslogEnd)
}

func (s *syslog) message(e *Event) (string, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	// RFC 5424 table 2: critical 2, error 3, warning 4, notice 5, informational 6.
	severity := 6 - max(rank(e.Severity), 0)
	m := deliver.Message{Priority: uint8(facilityAlert*8 + severity), Time: e.Time, Host: s.host, ID: e.Kind, Text: string(text)}
	out, err := m.Encode()
	if err != nil {
		return "", fmt.Errorf("event %s as a syslog message: %w", e.ID, err)
	}
	return out, nil
}

func (s *syslog) split(waiting []Event) [][]Event { return [][]Event{waiting} }
