package alarm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/bulkhead-security/bulkhead/model"
)

const password = "p4ss word"

// post is a mail server. It is also its own sessions' backend.
type post struct {
	addr, ca string
	mu       sync.Mutex
	mails    []string
	rcpts    []string
	logins   int
	fail     error
	hangUp   bool // after it took a mail
	open     bool // for everybody
}

func newPost(t *testing.T, implicit, starttls bool) *post {
	t.Helper()
	p := &post{}
	cert, ca := authority(t)
	p.ca = ca
	s := smtp.NewServer(p)
	conf := &tls.Config{Certificates: cert.TLS.Certificates}
	if starttls {
		s.TLSConfig = conf
	}
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "mail.test", true, quiet{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, conf)
		if !starttls {
			l = hangsUp{l, p}
		}
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return p
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{p: p, c: c}, nil }

type session struct {
	p      *post
	c      *smtp.Conn
	authed bool
}

func (s *session) Reset()                   {}
func (s *session) Logout() error            { return nil }
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.rcpts = append(s.p.rcpts, to)
	return nil
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		s.p.logins++
		if _, ok := s.c.TLSConnectionState(); !ok {
			return errors.New("in the clear")
		}
		if user != "alarms" || pass != password {
			return errors.New("wrong")
		}
		s.authed = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if !s.authed && !s.p.open {
		return smtp.ErrAuthRequired
	}
	return s.p.fail
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.mails = append(s.p.mails, string(b))
	return nil
}

// hangsUp closes connections when a mail was taken.
type hangsUp struct {
	net.Listener
	p *post
}

func (l hangsUp) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return hungUp{c, l.p}, err
}

type hungUp struct {
	net.Conn
	p *post
}

func (c hungUp) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if strings.Contains(string(b), "queued") {
		c.p.mu.Lock()
		defer c.p.mu.Unlock()
		c.p.hangUp = true
		c.Conn.Close()
	}
	return n, err
}

func (p *post) config(t *testing.T, name, scheme string) Config {
	return Config{
		Name: name, Kind: "mail", To: scheme + "://" + p.addr, From: "Bulkhead <alarms@example.com>", Recipients: []string{"ops@example.com", "sec@example.com"},
		CAFile: p.ca, Username: "alarms", SecretFile: file(t, password+"\n"),
	}
}

// read gives a mail's subject, body and header.
func read(t *testing.T, text string) (subject, body string, h netmail.Header) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("content type %q", m.Header.Get("Content-Type"))
	}
	return subject, strings.ReplaceAll(string(b), "\r\n", "\n"), m.Header
}

func TestMail(t *testing.T) {
	for scheme, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		t.Run(scheme, func(t *testing.T) {
			p := newPost(t, implicit, true)
			zh := p.config(t, "zh", scheme)
			zh.Language = "zh"
			s := sender(t, p.config(t, "ops", scheme), zh)
			p.fail = &smtp.SMTPError{Code: 451, Message: "try later\r\n"}
			if err := s.Send(t.Context(), "ops", []model.Event{event("e1", "high")}); err == nil || !strings.Contains(err.Error(), "try later") || strings.Contains(err.Error(), password) {
				t.Fatal(err)
			}
			p.fail = nil
			if err := s.Send(t.Context(), "ops", []model.Event{event("e1", "high"), event("e2", "critical")}); err != nil {
				t.Fatal(err)
			}
			if len(p.mails) != 2 || p.rcpts[0] != "ops@example.com" || p.rcpts[1] != "sec@example.com" {
				t.Fatal(len(p.mails), p.rcpts)
			}
			subject, body, h := read(t, p.mails[0])
			if subject != "[bulkhead] HIGH acme/web-1: web-1 is silent: host gone" {
				t.Errorf("subject %q", subject)
			}
			if !strings.HasPrefix(body, "web-1 is silent: host gone\nweb-1 失联:主机不可达\n\n") || !strings.Contains(body, "requirement: 8.5.b\n") || !strings.Contains(body, "up → silent") {
				t.Errorf("body %q", body)
			}
			if h.Get("Message-ID") != "<e1.1.ops@example.com>" || h.Get("Auto-Submitted") != "auto-generated" {
				t.Error(h)
			}
			if err := s.Send(t.Context(), "zh", []model.Event{event("e1", "high")}); err != nil {
				t.Fatal(err)
			}
			if _, body, _ := read(t, p.mails[2]); !strings.HasPrefix(body, "web-1 失联:主机不可达\nweb-1 is silent") {
				t.Errorf("body %q", body)
			}
		})
	}
}

func TestMailOfMany(t *testing.T) {
	p := newPost(t, false, true)
	s := sender(t, p.config(t, "ops", "smtp"))
	var list []model.Event
	for i := range mostMails + 1 {
		list = append(list, event(fmt.Sprint("e", i), "high"))
	}
	list[7].Severity, list[7].NodeName = "critical", "db-1"
	if err := s.Send(t.Context(), "ops", list); err != nil {
		t.Fatal(err)
	}
	if len(p.mails) != 1 {
		t.Fatalf("%d mails", len(p.mails))
	}
	subject, body, _ := read(t, p.mails[0])
	if subject != "[bulkhead] 21 alarms: 1 critical, 20 high" || strings.Index(body, "acme/db-1") > strings.Index(body, "acme/web-1") || !strings.Contains(body, "21 条告警") {
		t.Errorf("%q\n%s", subject, body)
	}
	for i := range list {
		if !strings.Contains(body, fmt.Sprintf("  event e%d\n", i)) {
			t.Errorf("e%d is missing", i)
		}
	}
	if err := s.Send(t.Context(), "ops", list[:mostMails]); err != nil || len(p.mails) != 1+mostMails {
		t.Error(err, len(p.mails))
	}
}

// What comes from a node can't make a header of its own.
func TestMailInjection(t *testing.T) {
	p := newPost(t, false, true)
	s := sender(t, p.config(t, "ops", "smtp"))
	e := event("e\r\nBcc: x@evil.example", "high")
	e.NodeName = "web\r\nBcc: y@evil.example"
	e.Text.EN = "a\r\n.\r\nMAIL FROM:<x>\r\nBcc: z@evil.example"
	if err := s.Send(t.Context(), "ops", []model.Event{e}); err != nil {
		t.Fatal(err)
	}
	if _, _, h := read(t, p.mails[0]); len(p.mails) != 1 || len(p.rcpts) != 2 || h.Get("Bcc") != "" {
		t.Errorf("%d mails to %v: %v", len(p.mails), p.rcpts, h)
	}
}

func TestMailRefuses(t *testing.T) {
	clear, good := newPost(t, false, false), newPost(t, false, true)
	wrong := good.config(t, "wrong", "smtp")
	wrong.SecretFile = file(t, "another")
	untrusted := good.config(t, "untrusted", "smtp")
	untrusted.CAFile = ""
	s := sender(t, clear.config(t, "clear", "smtp"), wrong, untrusted)
	for _, name := range []string{"clear", "wrong", "untrusted"} {
		if err := s.Send(t.Context(), name, []model.Event{event("e1", "high")}); err == nil || strings.Contains(err.Error(), "another") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if clear.logins != 0 || len(clear.mails) != 0 || len(good.mails) != 0 || good.logins != 1 {
		t.Errorf("%d passwords in the clear, %d mails, %d logins", clear.logins, len(clear.mails)+len(good.mails), good.logins)
	}
}

// A mail that was taken is not sent again because the server hangs up then.
func TestMailServerThatHangsUp(t *testing.T) {
	p := newPost(t, true, false)
	p.open = true
	c := p.config(t, "ops", "smtps")
	c.Username, c.SecretFile = "", ""
	if err := sender(t, c).Send(t.Context(), "ops", []model.Event{event("e1", "high")}); err != nil || len(p.mails) != 1 {
		t.Error(err, len(p.mails))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.hangUp {
		t.Error("it did not hang up")
	}
}

func TestMailServerThatIsHostile(t *testing.T) {
	serve := func(talk func(net.Conn)) *Sender {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); talk(c) }()
			}
		}()
		return sender(t, Config{Name: "x", Kind: "mail", To: "smtp://" + l.Addr().String(), From: "a@example.com", Recipients: []string{"b@example.com"}})
	}
	endless := serve(func(c net.Conn) {
		line := []byte("220-" + strings.Repeat("x", 4000) + "\r\n")
		for {
			if _, err := c.Write(line); err != nil {
				return
			}
		}
	})
	if err := endless.Send(t.Context(), "x", []model.Event{event("e", "high")}); err == nil || !strings.Contains(err.Error(), "too much") {
		t.Errorf("endless: %v", err)
	}
	silent := serve(func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := silent.Send(ctx, "x", []model.Event{event("e", "high")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
}
