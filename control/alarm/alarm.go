// Package alarm sends events of the fleet to people: by webhook, mail or syslog. It knows who wants which event and brings it
// there once; it keeps nothing and tries nothing again, which is the business of the job that calls it, and it decides nothing.
package alarm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Config is a receiver. It has the fields of the configuration's alarms.
type Config struct {
	Name string
	Kind string // "webhook", "mail", "syslog"
	// To is an https:// URL, smtps://host:465 or smtp://host:587 (with STARTTLS), or host:port for syslog over TLS.
	To         string
	From       string   // sender of mails
	Recipients []string // of mails
	CAFile     string
	Username   string // at the mail server
	SecretFile string // key of the webhook's signature, or the mail server's password
	Severity   string // least
	Kinds      []string
	Tenants    []string
	Language   string // that comes first
}

// Options of a sender.
type Options struct {
	Receivers []Config
	Host      string // the replica's name, in syslog's header and mails
	Log       *slog.Logger
}

// Limits of a delivery.
const (
	sendLimit  = 15 * time.Second // for one
	mostAtOnce = 100              // events of one
)

// receiver takes events. send returns nil only when it has all of them, and an error when it may have none.
type receiver interface {
	send(ctx context.Context, events []Event) error
	// split says what goes together of what waits.
	split(waiting []Event) [][]Event
}

// Sender has the receivers.
type Sender struct {
	log   *slog.Logger
	lines []*line
}

// New makes the receivers; it reads their files and connects to nothing.
func New(o Options) (*Sender, error) {
	s := &Sender{log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, c := range o.Receivers {
		if c.Name == "" || s.line(c.Name) != nil {
			return nil, fmt.Errorf("the alarm receiver %q needs a name of its own", c.Name)
		}
		if c.Severity == "" {
			c.Severity = string(model.High)
		}
		if rank(c.Severity) < 0 {
			return nil, fmt.Errorf("the alarm receiver %s: %q is no severity", c.Name, c.Severity)
		}
		r, err := newReceiver(c, o.Host)
		if err != nil {
			return nil, fmt.Errorf("the alarm receiver %s: %w", c.Name, err)
		}
		s.lines = append(s.lines, &line{c: c, to: r})
	}
	return s, nil
}

func newReceiver(c Config, host string) (receiver, error) {
	switch c.Kind {
	case "webhook":
		return newWebhook(c)
	case "mail":
		return newMail(c, host)
	case "syslog":
		return newSyslog(c, host)
	}
	return nil, fmt.Errorf("a receiver is webhook, mail or syslog, not %q", c.Kind)
}

func (s *Sender) line(name string) *line {
	for _, l := range s.lines {
		if l.c.Name == name {
			return l
		}
	}
	return nil
}

// Matches says which receivers want an event.
func (s *Sender) Matches(e model.Event) []string {
	var names []string
	for _, l := range s.lines {
		c := &l.c
		if rank(e.Severity) >= rank(c.Severity) && oneOf(c.Kinds, e.Kind) && oneOf(c.Tenants, e.Tenant) {
			names = append(names, c.Name)
		}
	}
	return names
}

func oneOf(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }

// rank orders severities; what is none is below all.
func rank(severity string) int {
	return slices.Index([]string{"info", string(model.Low), string(model.Medium), string(model.High), string(model.Critical)}, severity)
}

// Send brings events to a receiver now. After an error some may be there.
func (s *Sender) Send(ctx context.Context, receiver string, events []model.Event) error {
	l := s.line(receiver)
	if l == nil {
		return unknown(receiver)
	}
	list := make([]Event, len(events))
	for i := range events {
		list[i] = Of(events[i])
	}
	var err error
	for part := range slices.Chunk(list, mostAtOnce) {
		for _, group := range l.to.split(part) {
			err = errors.Join(err, l.send(ctx, group))
		}
	}
	return err
}

// Deliver brings an event to a receiver, together with others that wait for it by then. It returns when the receiver has the
// event, or with the reason why it may not have it.
func (s *Sender) Deliver(ctx context.Context, receiver string, e Event) error {
	l := s.line(receiver)
	if l == nil {
		return unknown(receiver)
	}
	err := l.deliver(ctx, e)
	if err != nil {
		s.log.Warn("an alarm did not get through; it is tried again", "receiver", receiver, "event", e.ID, "error", err)
	}
	return err
}

func unknown(receiver string) error {
	return fmt.Errorf("there is no alarm receiver %q in the configuration (any more)", receiver)
}

// send sends within the limit. What a receiver says is cut, as it comes from outside.
func (l *line) send(ctx context.Context, events []Event) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	err := l.to.send(ctx, events)
	if err == nil {
		return nil
	}
	return fmt.Errorf("the alarm receiver %s: %w", l.c.Name, short{err})
}

// short is an error whose text has an end.
type short struct{ error }

func (s short) Error() string { return cut(oneLine(s.error.Error()), 500) }

func (s short) Unwrap() error { return s.error }

// cut shortens text to so many characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// oneLine frees text of what a terminal or a mail's header would obey.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
