package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	nodehealth "github.com/bulkhead-security/bulkhead/fleet/health"
)

// Pings of quiet connections: an open stream of a node counts as contact, so one that does not answer is let go within 10 s.
const (
	pingAfter = 5 * time.Second
	pingLimit = 5 * time.Second
)

// ending finds out how a connection ended, for those who want to know why a stream did: the cause of its requests' contexts is
// nodehealth.ErrClosed where the other side closed it, and nodehealth.ErrTimeout where it did not answer.
type ending struct {
	net.Conn
	last atomic.Int64 // when something came, in nanoseconds

	mu    sync.Mutex
	end   context.CancelCauseFunc
	cause error // that came before end was set
}

// connContext is for http.Server: it gives requests a context that ends with the cause.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	e, ok := c.(*ending)
	if !ok {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end = cancel; e.cause != nil {
		cancel(e.cause)
	}
	return ctx
}

func watchEnd(c net.Conn) *ending {
	e := &ending{Conn: c}
	e.last.Store(time.Now().UnixNano())
	return e
}

// Read implements net.Conn.
func (e *ending) Read(b []byte) (int, error) {
	n, err := e.Conn.Read(b)
	if n > 0 {
		e.last.Store(time.Now().UnixNano())
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		switch nodehealth.EndOf(err) {
		case nodehealth.EndClosed:
			e.ended(nodehealth.ErrClosed)
		case nodehealth.EndTimeout: // a deadline of this side's is none: the pings tell
			if e.quiet() {
				e.ended(nodehealth.ErrTimeout)
			}
		case nodehealth.EndUnknown, nodehealth.EndOurs:
		}
	}
	return n, err
}

// Close implements net.Conn. It is this side that closes: because nothing came for so long that pings were not answered, or for reasons
// that say nothing about the other side.
func (e *ending) Close() error {
	if e.quiet() {
		e.ended(nodehealth.ErrTimeout)
	}
	e.ended(context.Canceled) // where nothing else was said before
	return e.Conn.Close()
}

// quiet says that nothing came for as long as it takes to ping and not be answered. Timers are not exact.
func (e *ending) quiet() bool {
	return time.Since(time.Unix(0, e.last.Load())) >= pingAfter+pingLimit-time.Second
}

// ended tells the cause, the first time.
func (e *ending) ended(cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause == nil {
		e.cause = cause
	}
	if e.end != nil {
		e.end(e.cause)
	}
}
