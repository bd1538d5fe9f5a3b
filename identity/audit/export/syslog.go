package export

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// syslog sends RFC 5424 messages over TLS with RFC 5425's framing. Syslog has no acknowledgement: Send waits until the
// receiver's kernel has everything, and after a broken connection the last records are sent again.
type syslog struct {
	to, host string
	config   *tls.Config
	conn     *tls.Conn
	tcp      *net.TCPConn
	gone     chan struct{} // closed when the receiver closed the connection
}

// syslogWindow is how many records are sent again after a broken connection: more than a receiver's kernel buffers hold.
const syslogWindow = 4096

func newSyslog(s Spec) (*syslog, error) {
	c, err := s.tlsConfig()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(s.To)
	if err != nil {
		return nil, fmt.Errorf("the syslog receiver must be host:port: %w", err)
	}
	c.ServerName = host
	if s.Hostname == "" {
		if s.Hostname, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	return &syslog{to: s.To, host: s.Hostname, config: c}, nil
}

func (s *syslog) window() uint64 { return syslogWindow }

var errSyslogGone = errors.New("the syslog receiver closed the connection")

func (s *syslog) Send(ctx context.Context, records []model.LogRecord) error {
	if err := s.send(ctx, records); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (s *syslog) send(ctx context.Context, records []model.LogRecord) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	select {
	case <-s.gone:
		return errSyslogGone
	default:
	}
	var b bytes.Buffer
	for i := range records {
		m, err := s.message(&records[i])
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%d %s", len(m), m)
	}
	deadline, _ := ctx.Deadline()
	if err := s.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := s.conn.Write(b.Bytes()); err != nil {
		return err
	}
	return s.delivered(ctx)
}

func (s *syslog) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	raw, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", s.to)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, s.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return errors.Join(err, raw.Close())
	}
	gone := make(chan struct{})
	s.conn, s.gone = conn, gone
	s.tcp, _ = raw.(*net.TCPConn)
	go func() {
		defer close(gone)
		// A syslog receiver says nothing: whatever ends this read ends the connection.
		b := make([]byte, 512)
		for {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}()
	return nil
}

// delivered waits until the receiver's kernel acknowledged everything.
func (s *syslog) delivered(ctx context.Context) error {
	if s.tcp == nil {
		return nil
	}
	raw, err := s.tcp.SyscallConn()
	if err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var left int
		var ioErr error
		if err := raw.Control(func(fd uintptr) { left, ioErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
			return err
		}
		if ioErr != nil {
			return ioErr
		}
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.gone:
			return errSyslogGone
		case <-ctx.Done():
			return fmt.Errorf("the syslog receiver is too slow: %w", ctx.Err())
		}
	}
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
	priority := uint8(syslogInfo)
	if r.Record.Outcome != model.OutcomeAllowed {
		priority = syslogWarning
	}
	m := &rfc5424.SyslogMessage{}
	m.SetVersion(1)
	m.SetPriority(priority)
	if !r.Record.Time.IsZero() {
		m.SetTimestamp(r.Record.Time.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
	}
	m.SetHostname(printable(s.host, 255))
	m.SetAppname("bulkhead")
	m.SetProcID(strconv.Itoa(os.Getpid()))
	m.SetMsgID(printable(r.Record.Action, 32))
	m.SetMessage(string(text))
	out, err := m.String()
	if err != nil {
		return "", fmt.Errorf("record %d as a syslog message: %w", r.Index, err)
	}
	return out, nil
}

// printable keeps to what a field of the header may have.
func printable(v string, most int) string {
	v = strings.Map(func(c rune) rune {
		if c < 33 || c > 126 {
			return '_'
		}
		return c
	}, v)
	if v == "" {
		return "-"
	}
	return v[:min(len(v), most)]
}

func (s *syslog) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	if errors.Is(err, net.ErrClosed) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	return err
}
