package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// shaken is a listener whose connections have made their TLS handshake. Each makes it in a goroutine of its own, so that the stack that
// it needs is not kept for as long as the connection is open: there are as many as nodes. One that is too slow is let go.
type shaken struct {
	net.Listener
	config *tls.Config
	limit  time.Duration // of a handshake
	log    *slog.Logger

	ready  chan net.Conn
	ctx    context.Context //nolint:containedctx // of handshakes; ended by Close
	cancel context.CancelCauseFunc
	begin  sync.Once
}

func shake(l net.Listener, config *tls.Config, limit time.Duration, log *slog.Logger) *shaken {
	s := &shaken{Listener: l, config: config, limit: limit, log: log, ready: make(chan net.Conn)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Accept implements net.Listener.
func (s *shaken) Accept() (net.Conn, error) {
	s.begin.Do(func() { go s.run() })
	select {
	case c := <-s.ready:
		return c, nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

// Close implements net.Listener. Handshakes that are on their way end.
func (s *shaken) Close() error {
	s.cancel(net.ErrClosed)
	return s.Listener.Close()
}

// run takes connections until the listener is closed.
func (s *shaken) run() {
	pause := time.Duration(0)
	for {
		c, err := s.Listener.Accept()
		switch {
		case err == nil:
			pause = 0
			go s.shake(c)
			continue
		case errors.Is(err, net.ErrClosed):
			s.cancel(net.ErrClosed)
			return
		}
		// As net/http does: there are no more files for a moment, or the client is gone already.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.log.Warn("a connection could not be taken", "error", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
}

// shake makes a handshake and hands the connection over.
func (s *shaken) shake(c net.Conn) {
	defer func() {
		if p := recover(); p != nil { // as net/http does: it is this connection's end, not the server's
			s.log.Error("a handshake failed", "panic", p, "stack", string(debug.Stack()))
			_ = c.Close()
		}
	}()
	t := tls.Server(c, s.config)
	ctx, cancel := context.WithTimeout(s.ctx, s.limit)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		s.log.Debug("a handshake failed", "from", c.RemoteAddr(), "error", err) // anybody can cause it
		inTheClear(err)
		_ = c.Close()
		return
	}
	select {
	case s.ready <- t:
	case <-s.ctx.Done():
		_ = t.Close()
	}
}

// inTheClear tells a client that speaks HTTP without TLS what it does wrong.
func inTheClear(err error) {
	var r tls.RecordHeaderError
	if !errors.As(err, &r) || r.Conn == nil || !slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"}, string(r.RecordHeader[:])) {
		return
	}
	_ = r.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = r.Conn.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"))
}
