package server

import (
	"net"
	"net/netip"
	"sync"
)

// shareOfOne is the part of all connections that one address may have.
const shareOfOne = 4

// limited closes connections above a limit at once, and those of one address above a quarter of it: whoever opens many and
// says nothing does not keep others out. A client sees a connection that is closed before the handshake.
type limited struct {
	net.Listener
	most, each int
	metrics    *Metrics

	mu  sync.Mutex
	all int
	by  map[netip.Addr]int
}

func limit(l net.Listener, most int, m *Metrics) *limited {
	return &limited{Listener: l, most: most, each: max(most/shareOfOne, 8), metrics: m, by: map[netip.Addr]int{}}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(c)
		if !l.enter(from) {
			l.metrics.refused.Inc()
			_ = c.Close()
			continue
		}
		return watchEnd(&counted{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}), nil
	}
}

func (l *limited) enter(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.most || l.by[a] >= l.each {
		return false
	}
	l.all++
	l.by[a]++
	l.metrics.connections.Set(float64(l.all))
	return true
}

func (l *limited) leave(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.by[a]--; l.by[a] <= 0 {
		delete(l.by, a)
	}
	l.metrics.connections.Set(float64(l.all))
}

func addressOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() { // one subscriber has a /64
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
