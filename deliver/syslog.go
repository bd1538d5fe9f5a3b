package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc5424"
	"golang.org/x/sys/unix"
)

// Syslog sends messages over TLS with RFC 5425's framing. Syslog has no acknowledgement: Send waits until the receiver's
// kernel has everything. It belongs to one goroutine.
type Syslog struct {
	to     string
	config *tls.Config
	conn   *tls.Conn
	tcp    *net.TCPConn
	gone   chan struct{} // closed when the receiver closed the connection
	why    error         // of that; read after gone
}

// NewSyslog makes a sender to host:port, which connects when it has something to send.
func NewSyslog(to string, c *tls.Config) (*Syslog, error) {
	host, _, err := net.SplitHostPort(to)
	if err != nil {
		return nil, fmt.Errorf("the syslog receiver must be host:port: %w", err)
	}
	c.ServerName = host
	return &Syslog{to: to, config: c}, nil
}

var errSyslogGone = errors.New("the syslog receiver closed the connection")

// Send sends messages; the connection stays open for the next, unless something went wrong.
func (s *Syslog) Send(ctx context.Context, messages []string) error {
	if err := s.send(ctx, messages); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (s *Syslog) send(ctx context.Context, messages []string) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	select {
	case <-s.gone:
		return errSyslogGone
	default:
	}
	var b bytes.Buffer
	for _, m := range messages {
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

func (s *Syslog) connect(ctx context.Context) error {
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
				s.why = err
				return
			}
		}
	}()
	return nil
}

// delivered waits until the receiver's kernel acknowledged everything.
func (s *Syslog) delivered(ctx context.Context) error {
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

// End says that no more comes and waits until the receiver has read to the end and closes, or wait is over: receivers need not
// answer. A receiver that broke the connection off instead may not have read everything, which is an error.
func (s *Syslog) End(ctx context.Context, wait time.Duration) error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.CloseWrite()
	if err == nil {
		over := time.NewTimer(wait)
		defer over.Stop()
		select {
		case <-s.gone:
			if !errors.Is(s.why, io.EOF) {
				err = fmt.Errorf("%w: %w", errSyslogGone, s.why)
			}
		case <-over.C:
		case <-ctx.Done():
		}
	}
	return errors.Join(err, s.Close())
}

// Close ends the connection.
func (s *Syslog) Close() error {
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

// Message is one of RFC 5424.
type Message struct {
	Priority uint8 // facility times 8, and severity
	Time     time.Time
	Host, ID string
	Text     string
}

// Encode writes it as it is sent.
func (m Message) Encode() (string, error) {
	s := &rfc5424.SyslogMessage{}
	s.SetVersion(1)
	s.SetPriority(m.Priority)
	if !m.Time.IsZero() {
		s.SetTimestamp(m.Time.UTC().Format("2006-01-02T15:04:05.999999Z07:00"))
	}
	s.SetHostname(printable(m.Host, 255))
	s.SetAppname("bulkhead")
	s.SetProcID(strconv.Itoa(os.Getpid()))
	s.SetMsgID(printable(m.ID, 32))
	s.SetMessage(m.Text)
	return s.String()
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
