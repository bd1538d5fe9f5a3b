//go:build e2e

package plane

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const mailUser, mailPassword = "alarms", "p4ss of the alarms"

// mailbox is a mail server that takes mails from who signs in over TLS, and from nobody else.
type mailbox struct {
	at string

	mu    sync.Mutex
	mails []mailIn
	wrong []string
}

type mailIn struct {
	from, subject, body string
	header              netmail.Header
	to                  []string
}

// startMail serves with a certificate: TLS from the start, or after STARTTLS.
func startMail(t *testing.T, conf *tls.Config, implicit bool) *mailbox {
	t.Helper()
	b := &mailbox{}
	s := smtp.NewServer(b)
	conf = &tls.Config{Certificates: conf.Certificates, MinVersion: tls.VersionTLS12}
	s.Domain, s.ErrorLog = "mail.test", mailLog{b}
	s.AllowInsecureAuth = implicit // the library does not see that the listener is TLS
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.at = "smtp://" + l.Addr().String()
	if implicit {
		b.at, l = "smtps://"+l.Addr().String(), tls.NewListener(l, conf)
	} else {
		s.TLSConfig = conf
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return b
}

type mailLog struct{ b *mailbox }

func (l mailLog) Printf(format string, a ...any) { l.b.note(fmt.Sprintf(format, a...)) }
func (l mailLog) Println(a ...any)               { l.b.note(fmt.Sprintln(a...)) }

func (b *mailbox) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, what)
}

// NewSession implements smtp.Backend.
func (b *mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &mailSession{b: b, c: c}, nil
}

type mailSession struct {
	b      *mailbox
	c      *smtp.Conn
	signed bool
	mail   mailIn
}

func (s *mailSession) Reset()                   { s.mail = mailIn{} }
func (s *mailSession) Logout() error            { return nil }
func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if _, encrypted := s.c.TLSConnectionState(); !encrypted || user != mailUser || pass != mailPassword {
			s.b.note(fmt.Sprintf("%s signs in with %q, over TLS: %t", user, pass, encrypted))
			return errors.New("no")
		}
		s.signed = true
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if !s.signed {
		s.b.note("somebody who did not sign in sends mails")
		return smtp.ErrAuthRequired
	}
	s.mail.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	if s.mail.subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	s.mail.body, s.mail.header = strings.ReplaceAll(string(body), "\r\n", "\n"), m.Header
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.mails = append(s.b.mails, s.mail)
	return nil
}

// about are the mails about an event.
func (b *mailbox) about(e fleetEvent) (out []mailIn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mails {
		if strings.Contains(m.body, "event:       "+e.ID+"\n") {
			out = append(out, m)
		}
	}
	return out
}

// checkMail holds what arrived about an event to docs/alarms.md.
func (b *mailbox) checkMail(t *testing.T, receiver, node string, e fleetEvent) {
	t.Helper()
	all := b.about(e)
	if len(all) != 1 {
		t.Fatalf("%s: %d mails about %s", receiver, len(all), node)
	}
	m := all[0]
	if want := fmt.Sprintf("[bulkhead] HIGH acme/%s: %s", node, e.Text); m.subject != want {
		t.Errorf("%s: the subject is %q, not %q", receiver, m.subject, want)
	}
	if m.from != "alarms@example.com" || !slices.Equal(m.to, []string{"ops@example.com", "sec@example.com"}) {
		t.Errorf("%s: from %s to %s", receiver, m.from, m.to)
	}
	for _, line := range []string{
		e.Text + "\n", "severity:    high\n", "kind:        silent\n", "tenant:      acme\n", "node:        " + node + "\n", "change:      up → silent\n",
		"receiver " + receiver + "\n", "没有消息",
	} {
		if !strings.Contains(m.body, line) {
			t.Errorf("%s: the mail has no %q: %s", receiver, line, m.body)
		}
	}
	if id := m.header.Get("Message-Id"); !strings.HasPrefix(id, "<"+e.ID+".") || m.header.Get("Auto-Submitted") != "auto-generated" || m.header.Get("From") != `"Bulkhead" <alarms@example.com>` {
		t.Errorf("%s: the header is %v", receiver, m.header)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.wrong) > 0 {
		t.Errorf("%s: %v", receiver, b.wrong)
	}
}
