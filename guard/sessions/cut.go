package sessions

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"sync"
	"time"
)

// cuttable is a response whose connection, once it was taken over, can be ended with a last message.
type cuttable struct {
	http.ResponseWriter
	framing Framing

	mu   sync.Mutex
	conn *cutConn
	over bool
}

// lastWord is how long a caller has to take the message, and to let go of what it did not take before.
const lastWord = time.Second

// Unwrap is for http.ResponseController.
func (c *cuttable) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Hijack implements http.Hijacker.
func (c *cuttable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = &cutConn{Conn: conn, frames: newSplitter(c.framing)}
	if c.over {
		c.conn.cut("")
	}
	return c.conn, rw, nil
}

func (c *cuttable) cut(message string) {
	c.mu.Lock()
	c.over = true
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		conn.cut(message)
	}
}

// cutConn knows where in the engine's answer it is, so that a message can be put where it does not break the framing.
type cutConn struct {
	net.Conn
	once sync.Once

	mu     sync.Mutex // one writes at a time
	head   []byte     // the end of what was written of the answer's head
	begun  bool       // the head is whole
	frames splitter
	over   bool
}

// Write implements net.Conn.
func (c *cutConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(p)
	c.passed(p[:n])
	return n, err
}

var headEnd = []byte("\r\n\r\n")

// passed follows what was written.
func (c *cutConn) passed(p []byte) {
	if !c.begun {
		before := len(c.head)
		c.head = append(c.head, p...)
		i := bytes.Index(c.head, headEnd)
		if i < 0 {
			c.head = bytes.Clone(c.head[max(0, len(c.head)-len(headEnd)+1):])
			return
		}
		c.begun = true
		p, c.head = p[i+len(headEnd)-before:], nil
	}
	c.frames.take(p, func(byte, []byte) {})
}

// CloseWrite tells the caller that nothing more comes.
func (c *cutConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// cut ends the connection with a message.
func (c *cutConn) cut(message string) {
	c.once.Do(func() {
		_ = c.SetWriteDeadline(time.Now().Add(lastWord)) // for who is writing now; what fails is closed below
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
		if b := c.last(message); len(b) > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(lastWord))
			_, _ = c.Conn.Write(b) // whoever does not take it is cut off all the same
		}
		_ = c.CloseWrite()
		_ = c.SetReadDeadline(time.Unix(1, 0))
	})
}

// last is the message in the stream's framing; nothing where there is no place for it.
func (c *cutConn) last(message string) []byte {
	if !c.begun || message == "" {
		return nil
	}
	return c.frames.last(message)
}

// NetConn is the connection itself, as of tls.Conn.
func (c *cutConn) NetConn() net.Conn { return c.Conn }
