package alarm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/bulkhead-security/bulkhead/deliver"
)

// mostAnswers is how many bytes a mail server may answer in one delivery.
const mostAnswers = 1 << 20

// mailer sends mails over SMTP, encrypted in any case: smtps:// by TLS from the start, smtp:// by STARTTLS. The mail server's
// acceptance of a mail says that the receiver has it.
type mailer struct {
	c          Config
	name       string // of the replica
	host       string // of the mail server
	port       int
	implicit   bool
	conf       *tls.Config
	password   string
	from       *netmail.Address
	recipients []*netmail.Address
}

func newMail(c Config, name string) (receiver, error) {
	m := &mailer{c: c, name: name}
	if err := m.address(); err != nil {
		return nil, err
	}
	var err error
	if m.from, err = netmail.ParseAddress(c.From); err != nil {
		return nil, fmt.Errorf("from is no mail address: %w", err)
	}
	if len(c.Recipients) == 0 {
		return nil, errors.New("mails need recipients")
	}
	for _, r := range c.Recipients {
		a, err := netmail.ParseAddress(r)
		if err != nil {
			return nil, fmt.Errorf("%q in recipients is no mail address: %w", r, err)
		}
		m.recipients = append(m.recipients, a)
	}
	if m.conf, err = deliver.TLS(c.CAFile, "", ""); err != nil {
		return nil, err
	}
	m.conf.ServerName = m.host
	if (c.Username == "") != (c.SecretFile == "") {
		return nil, errors.New("mails need both username and secret_file, or neither")
	}
	m.password, err = deliver.Secret(c.SecretFile, 1)
	return m, err
}

func (m *mailer) address() error {
	u, err := url.Parse(m.c.To)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return errors.New("mails go to smtps://host:465, or smtp://host:587 with STARTTLS")
	}
	m.host, m.implicit, m.port = u.Hostname(), u.Scheme == "smtps", 587
	if m.implicit {
		m.port = 465
	}
	if p := u.Port(); p != "" {
		if m.port, err = strconv.Atoi(p); err != nil {
			return fmt.Errorf("the mail server's port: %w", err)
		}
	}
	return nil
}

// split: a mail each, or one with all of them where there are many.
func (m *mailer) split(waiting []Event) [][]Event {
	if len(waiting) > mostMails {
		return [][]Event{waiting}
	}
	out := make([][]Event, len(waiting))
	for i := range waiting {
		out[i] = waiting[i : i+1]
	}
	return out
}

func (m *mailer) send(ctx context.Context, events []Event) error {
	msg := m.message(events)
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() {
		return nil // what went wrong afterwards, e.g. a server that hangs up, does not take it back
	}
	if err == nil {
		err = errors.New("the mail server did not take the mail")
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("the mail server is too slow: %w", ctx.Err())
	}
	return err
}

func (m *mailer) client(ctx context.Context) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(m.port), mail.WithTimeout(sendLimit), mail.WithTLSConfig(m.conf), mail.WithTLSPolicy(mail.TLSMandatory),
		mail.WithoutNoop(), mail.WithoutRset(), mail.WithDialContextFunc(m.dial(ctx)),
	}
	if m.implicit {
		// The connection is TLS already. This makes the library look, so that it knows that a password may go over it.
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	}
	if m.c.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.c.Username), mail.WithPassword(m.password))
	}
	return mail.NewClient(m.host, options...)
}

// dial makes a connection that ends with the context of the delivery and on which a server can't answer for ever.
func (m *mailer) dial(delivery context.Context) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(delivery, func() { _ = raw.Close() }) // a second time it was closed already
		bounded := &boundedConn{Conn: raw, left: mostAnswers}
		if !m.implicit {
			return bounded, nil
		}
		conn := tls.Client(bounded, m.conf)
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		return conn, nil
	}
}

// boundedConn is a connection of which so many bytes are read.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the mail server answers too much")
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

func (m *mailer) message(events []Event) *mail.Msg {
	msg := mail.NewMsg()
	msg.FromMailAddress(m.from)
	msg.ToMailAddress(m.recipients...)
	msg.SetDate()
	// Of the events, so that who gets a mail twice can see it.
	_, domain, _ := strings.Cut(m.from.Address, "@")
	msg.SetMessageIDWithValue(fmt.Sprintf("%s.%d.%s@%s", plainID(events[0].ID), len(events), plainID(m.c.Name), domain))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notes, please
	subject, body := m.single(&events[0])
	if len(events) > 1 {
		subject, body = m.digest(events)
	}
	msg.Subject(cut(oneLine(subject), 200))
	msg.SetBodyString(mail.TypeTextPlain, body+"\n-- \nBulkhead"+map[bool]string{true: " on " + m.name}[m.name != ""]+", receiver "+m.c.Name+"\n")
	return msg
}

// plainID keeps to what a message's id may have.
func plainID(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}
