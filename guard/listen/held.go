package listen

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"
)

// held are the open connections, counted by whose they are.
type held struct {
	most, each int
	source     func(net.Conn) string
	log        *slog.Logger

	mu   sync.Mutex
	by   map[string]int
	all  map[net.Conn]struct{}
	gone chan struct{} // closed and made anew when one went
}

func hold(most, each int, source func(net.Conn) string, log *slog.Logger) *held {
	if source == nil {
		source = host
	}
	return &held{most: most, each: each, source: source, log: log, by: map[string]int{}, all: map[net.Conn]struct{}{}, gone: make(chan struct{})}
}

// host is the IP address of the other side; of IPv6 the network that one machine can have all of.
func host(c net.Conn) string {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return ""
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// door is a listener whose connections are held.
type door struct {
	net.Listener
	held *held
}

// Accept implements net.Listener. Connections over the limits are closed, those at a Unix socket with an answer.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := d.held.source(c)
		wrapped := d.held.wrap(c, from)
		if err := d.held.enter(wrapped, from); err != nil {
			d.held.log.Warn("a connection was refused", "from", from, "error", err)
			sayNo(c, err)
			_ = c.Close()
			continue
		}
		return wrapped, nil
	}
}

// sayNo tells a caller on this machine why. The text fits the socket's buffer; nobody is waited for.
func sayNo(c net.Conn, why error) {
	if _, ok := c.(*net.UnixConn); !ok {
		return
	}
	text := fmt.Sprintf("{\"message\":%q}\n", "bulkhead: "+why.Error())
	_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = fmt.Fprintf(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

func (h *held) enter(c net.Conn, from string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.by[from] >= h.each:
		return fmt.Errorf("%s has %d connections open, which is as many as one may have (guard.limits.each): close some", from, h.each)
	case len(h.all) >= h.most:
		return fmt.Errorf("%d connections are open, which is as many as there may be (guard.limits.connections): try again", h.most)
	}
	h.by[from]++
	h.all[c] = struct{}{}
	return nil
}

func (h *held) leave(c net.Conn, from string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.all[c]; !ok {
		return // it was never let in
	}
	delete(h.all, c)
	if h.by[from]--; h.by[from] <= 0 {
		delete(h.by, from)
	}
	close(h.gone)
	h.gone = make(chan struct{})
}

func (h *held) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// wait returns when none is open any more, or ctx ends.
func (h *held) wait(ctx context.Context) {
	for {
		h.mu.Lock()
		n, gone := len(h.all), h.gone
		h.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return
		}
	}
}

// waitForThese returns when all that are open now have ended, or ctx has. It says whether there were any.
func (h *held) waitForThese(ctx context.Context) bool {
	h.mu.Lock()
	these := maps.Clone(h.all)
	h.mu.Unlock()
	some := len(these) > 0
	for {
		h.mu.Lock()
		for c := range these {
			if _, open := h.all[c]; !open {
				delete(these, c)
			}
		}
		gone := h.gone
		h.mu.Unlock()
		if len(these) == 0 {
			return some
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return some
		}
	}
}

// cut closes what is still open.
func (h *held) cut() {
	h.mu.Lock()
	var open []net.Conn
	for c := range h.all {
		open = append(open, c)
	}
	h.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// wrap gives a connection that is counted until it is closed. What both kinds can do beside, to close one direction for one, they still can.
func (h *held) wrap(c net.Conn, from string) net.Conn {
	switch c := c.(type) {
	case *net.UnixConn:
		u := &unixConn{UnixConn: c}
		u.leave = sync.OnceFunc(func() { h.leave(u, from) })
		return u
	case *net.TCPConn:
		t := &tcpConn{TCPConn: c}
		t.leave = sync.OnceFunc(func() { h.leave(t, from) })
		return t
	}
	o := &otherConn{Conn: c}
	o.leave = sync.OnceFunc(func() { h.leave(o, from) })
	return o
}

type unixConn struct {
	*net.UnixConn
	leave func()
}

// Close implements net.Conn.
func (c *unixConn) Close() error {
	defer c.leave()
	return c.UnixConn.Close()
}

// NetConn is the connection itself, as of tls.Conn.
func (c *unixConn) NetConn() net.Conn { return c.UnixConn }

type tcpConn struct {
	*net.TCPConn
	leave func()
}

// Close implements net.Conn.
func (c *tcpConn) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}

// NetConn is the connection itself, as of tls.Conn.
func (c *tcpConn) NetConn() net.Conn { return c.TCPConn }

type otherConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *otherConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// NetConn is the connection itself, as of tls.Conn.
func (c *otherConn) NetConn() net.Conn { return c.Conn }
