package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	why "github.com/bulkhead-security/bulkhead/fleet/health"
)

// TestHowConnectionsEnd: a handler learns whether the other side closed the connection or stopped answering.
func TestHowConnectionsEnd(t *testing.T) {
	ended := make(chan error, 1)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
	}), func(o *Options) { o.Limits.Timeout = time.Minute })
	open := func(through *cable) {
		t.Helper()
		c := s.client(t, true)
		c.Transport.(*http.Transport).DialContext = through.dial
		res, err := c.Post("https://"+s.addr+streamPath, "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	closed := &cable{}
	open(closed)
	closed.end()
	if err := wait(t, ended); !errors.Is(err, why.ErrClosed) {
		t.Errorf("closed by the client: %v", err)
	}
	cut := &cable{}
	open(cut)
	cut.cut()
	if err := wait(t, ended); !errors.Is(err, why.ErrTimeout) {
		t.Errorf("no answer: %v", err)
	}
}

func wait(t *testing.T, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(40 * time.Second):
		t.Fatal("the handler was not told")
		return nil
	}
}

// cable is a connection that can be closed, or cut so that nothing more is read from it or written to it.
type cable struct {
	net.Conn
	off chan struct{}
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var err error
	c.off = make(chan struct{})
	c.Conn, err = new(net.Dialer).DialContext(ctx, network, address)
	return c, err
}

func (c *cable) end() { _ = c.Conn.Close() }
func (c *cable) cut() { close(c.off) }

// Write implements net.Conn: once cut, what is written gets nowhere, so no ping is answered.
func (c *cable) Write(b []byte) (int, error) {
	select {
	case <-c.off:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}
