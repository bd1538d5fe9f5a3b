package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// line is a connection to the engine, which carries one call at a time. It has no goroutines of its own: that of the call writes and reads,
// and need not wake others for it.
type line struct {
	conn net.Conn
	sent *sent
	to   *bufio.Writer
	head headed
	from *bufio.Reader
	used time.Time // when its last call was over; zero for a new one
}

// Bounds of lines.
const (
	mostIdle = 64
	idleTime = time.Minute
	mostHead = 1 << 20 // bytes of an answer before its body
)

func newLine(conn net.Conn, size int) *line {
	l := &line{conn: conn, sent: &sent{to: conn}, head: headed{from: conn}}
	l.to = bufio.NewWriter(l.sent)
	l.from = bufio.NewReaderSize(&l.head, size)
	return l
}

// sent counts what of a call went out.
type sent struct {
	to io.Writer
	n  int
}

// Write implements io.Writer.
func (s *sent) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.n += n
	return n, err
}

// headed reads no more than an answer's head may have, until it is read.
type headed struct {
	from io.Reader
	left int // negative: no bound
}

var errHead = fmt.Errorf("the head of its answer has more than %d bytes", mostHead)

// Read implements io.Reader.
func (h *headed) Read(p []byte) (int, error) {
	if h.left < 0 {
		return h.from.Read(p)
	}
	if h.left == 0 {
		return 0, errHead
	}
	n, err := h.from.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

var (
	// errUnsent is of a call of which nothing reached the engine.
	errUnsent = errors.New("the connection was closed")
	// errSilent is of one that may have reached it.
	errSilent = errors.New("the connection was closed before an answer")
)

// send makes a call. The connection belongs to the answer's body then; after an error it is closed.
func (l *line) send(ctx context.Context, r *http.Request, over func(*line)) (*http.Response, error) {
	a := &answer{ctx: ctx, line: l, over: over, stop: context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })}
	res, err := l.exchange(r)
	if err != nil {
		_ = a.Close() // it failed already
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	a.ReadCloser, a.keep = res.Body, !res.Close && !r.Close
	if res.Body == http.NoBody {
		a.end()
		return res, nil
	}
	res.Body = a
	return res, nil
}

func (l *line) exchange(r *http.Request) (*http.Response, error) {
	l.sent.n = 0
	err := r.Write(l.to)
	if err == nil {
		err = l.to.Flush()
	}
	if errors.Is(err, syscall.EPIPE) && l.sent.n == 0 {
		return nil, fmt.Errorf("%w: %w", errUnsent, err)
	}
	if err != nil {
		return nil, err
	}
	l.head.left = mostHead
	if _, err := l.from.Peek(1); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil, fmt.Errorf("%w: %w", errSilent, err)
	}
	res, err := http.ReadResponse(l.from, r)
	if err != nil {
		return nil, err
	}
	l.head.left = -1
	if res.StatusCode < http.StatusOK { // another answer follows it, which must not be the next call's
		return nil, fmt.Errorf("it answers %s to a call that asks for nothing like it", res.Status)
	}
	return res, nil
}

// dead says whether the engine closed it, or said something that nobody asked for.
func (l *line) dead() bool {
	under, ok := l.conn.(syscall.Conn)
	if !ok || l.from.Buffered() > 0 {
		return true
	}
	raw, err := under.SyscallConn()
	if err != nil {
		return true
	}
	var one [1]byte
	silent := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		silent = errors.Is(err, unix.EAGAIN)
	})
	return err != nil || !silent
}

// answer is the body of the engine's answer. When it was read to its end, the line is free for another call.
type answer struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // of the call whose answer it is
	line  *line
	keep  bool
	alone bool        // nobody else's call is on the line
	over  func(*line) // takes a line that is free
	stop  func() bool
	once  sync.Once
}

// Read implements io.Reader.
func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		a.end()
	case err != nil && a.ctx.Err() != nil: // the caller went, and not the engine
		err = context.Cause(a.ctx)
	}
	return n, err
}

func (a *answer) end() {
	a.once.Do(func() {
		if !a.stop() || !a.keep || a.line.from.Buffered() > 0 {
			_ = a.line.conn.Close() // there is nothing more to read from it
			return
		}
		a.over(a.line)
	})
}

// Close implements io.Closer. What is left is not read.
func (a *answer) Close() (err error) {
	a.once.Do(func() {
		a.stop()
		err = a.line.conn.Close()
	})
	return err
}

// lines are those that wait for a call.
type lines struct {
	mu    sync.Mutex
	idle  []*line // the one that waits longest first
	sweep *time.Timer
}

// take gives one that is alive, or nil.
func (p *lines) take() *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		l := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		if time.Since(l.used) < idleTime && !l.dead() {
			return l
		}
		_ = l.conn.Close() // the engine closed it
	}
	return nil
}

func (p *lines) put(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == mostIdle {
		_ = l.conn.Close() // nothing is on it
		return
	}
	l.used = time.Now()
	p.idle = append(p.idle, l)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleTime, p.old)
	}
}

// old closes those that wait for too long.
func (p *lines) old() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for n < len(p.idle) && time.Since(p.idle[n].used) >= idleTime {
		_ = p.idle[n].conn.Close() // nothing is on it
		n++
	}
	p.idle = append([]*line(nil), p.idle[n:]...)
	if p.sweep = nil; len(p.idle) > 0 {
		p.sweep = time.AfterFunc(time.Until(p.idle[0].used.Add(idleTime)), p.old)
	}
}

// close closes all that wait.
func (p *lines) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.idle {
		_ = l.conn.Close() // nothing is on it
	}
	p.idle = nil
	if p.sweep != nil {
		p.sweep.Stop()
		p.sweep = nil
	}
}
