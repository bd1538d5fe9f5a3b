package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"

	why "github.com/bulkhead-security/bulkhead/fleet/health"
)

// ending is a connection that says how it ended, as the cause of the context of all that came over it: closed by the other side, or
// given up by us since it did not answer. Whoever asks why a node is silent needs to know.
type ending struct {
	net.Conn
	once sync.Once
	mu   sync.Mutex
	tell context.CancelCauseFunc
}

// told gives a context that ends with the connection.
func (c *ending) told(ctx context.Context) context.Context {
	ctx, tell := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tell = tell
	return ctx
}

func (c *ending) end(cause error) {
	c.once.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.tell != nil {
			c.tell(cause)
		}
	})
}

// Read implements net.Conn.
func (c *ending) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		c.end(why.ErrClosed)
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		c.end(why.ErrTimeout)
	}
	return n, err
}

// Close implements net.Conn. A server that closes a connection on which something is open has had no answer to its pings, or ends.
func (c *ending) Close() error {
	c.end(why.ErrTimeout)
	return c.Conn.Close()
}

// connContext is for http.Server.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if e, ok := c.(*ending); ok {
		return e.told(ctx)
	}
	return ctx
}
