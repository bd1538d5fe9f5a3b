package buildkit

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// stream is one side of a call of the protocol.
type stream interface {
	RecvMsg(m any) error
	SendMsg(m any) error
}

// mostTunnelled is the largest message that a connection may come in: those who speak HTTP/2 write some 32 KiB at a time.
const mostTunnelled = 256 << 10

var errTunnelled = fmt.Errorf("the guard takes no more than %d bytes of a session in one message", mostTunnelled)

// tunnel is a connection in messages of a call of the protocol: sessions are opened so.
type tunnel struct {
	stream
	end    func()
	came   chan []byte   // what was received; closed at the end of it
	closed chan struct{} // by Close: who reads need not wait for the other end
	rest   []byte
	mu     sync.Mutex // of what is sent
	err    error      // what the other end said last; set before came is closed
}

// newTunnel makes a connection of a call; end is called when it is closed, and ends the call.
func newTunnel(s stream, end func()) *tunnel {
	t := &tunnel{stream: s, came: make(chan []byte), closed: make(chan struct{})}
	t.end = sync.OnceFunc(func() {
		close(t.closed)
		end()
	})
	go t.receive()
	return t
}

// receive takes what comes until the call has ended.
func (t *tunnel) receive() {
	defer close(t.came)
	for {
		f := frame{most: mostTunnelled}
		var m control.BytesMessage
		err := t.RecvMsg(&f)
		if err == nil && len(f.text) > mostTunnelled {
			err = errTunnelled
		}
		if err == nil {
			err = proto.Unmarshal(f.text, &m)
		}
		if err == nil {
			select {
			case t.came <- m.GetData():
				continue
			case <-t.closed:
				err = net.ErrClosed
			}
		}
		t.mu.Lock()
		t.err = err
		t.mu.Unlock()
		return
	}
}

// Read implements net.Conn. Only one reads.
func (t *tunnel) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		select {
		case text, ok := <-t.came:
			if !ok {
				t.mu.Lock()
				defer t.mu.Unlock()
				return 0, t.err
			}
			t.rest = text
		case <-t.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// Write implements net.Conn.
func (t *tunnel) Write(p []byte) (int, error) {
	text, err := proto.Marshal(&control.BytesMessage{Data: p})
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.SendMsg(&frame{text: text}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// said is why the other end ended it, in its own words; nil where it just did.
func (t *tunnel) said() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, its := status.FromError(t.err); t.err != nil && !errors.Is(t.err, io.EOF) && its {
		return t.err
	}
	return nil
}

// Close implements net.Conn.
func (t *tunnel) Close() error { t.end(); return nil }

// LocalAddr implements net.Conn.
func (t *tunnel) LocalAddr() net.Addr { return tunnelled{} }

// RemoteAddr implements net.Conn.
func (t *tunnel) RemoteAddr() net.Addr { return tunnelled{} }

// SetDeadline implements net.Conn. What is waited for ends with the call.
func (t *tunnel) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (t *tunnel) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }

// tunnelled is an address inside of a call.
type tunnelled struct{}

// Network implements net.Addr.
func (tunnelled) Network() string { return "grpc" }

// String implements net.Addr.
func (tunnelled) String() string { return "session" }
