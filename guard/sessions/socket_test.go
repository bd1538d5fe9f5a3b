package sessions

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
)

// FuzzSockets gives data to whoever sends it by a real WebSocket, and other bytes as they are.
func FuzzSockets(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x89\x00\x01\x01x\x80\x01y"), uint64(1))
	f.Add([]byte("\x82\x85abcd\x09\x07\x0f\x08\x0e"), uint64(2))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"), uint64(3))
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		var whole, pieces sockets
		var one, many bytes.Buffer
		whole.take(wire, func(_ byte, p []byte) { one.Write(p) })
		r := rand.New(rand.NewPCG(seed, 0))
		for rest := wire; len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			pieces.take(rest[:n], func(_ byte, p []byte) { many.Write(p) })
			rest = rest[n:]
		}
		if one.String() != many.String() || one.Len() > len(wire) {
			t.Fatalf("%q and %q", one.String(), many.String())
		}
		// What is put behind is a message of its own.
		if last := whole.last("end"); last != nil {
			var got bytes.Buffer
			whole.take(last, func(_ byte, p []byte) { got.Write(p) })
			if !strings.HasSuffix(got.String(), "end") && whole.mask == nil || whole.broken || !whole.closed {
				t.Fatalf("%q of %q", got.String(), last)
			}
		}
	})
}

// A browser's console is recorded, and told why it ends.
func TestWebSocket(t *testing.T) {
	dir, k := private0700(t), key(t)
	o := options(t, dir, k)
	o.Input = true
	rec := recorder(t, o)
	i := alice
	i.Framing = WebSocket
	c := begin(t, rec, i)
	const long = 70_000
	server := websocket.Server{Handler: func(ws *websocket.Conn) {
		var got string
		for range 2 {
			if err := websocket.Message.Receive(ws, &got); err != nil {
				t.Error(err)
				return
			}
			if err := websocket.Message.Send(ws, "you said "+got[:min(len(got), 10)]); err != nil {
				t.Error(err)
			}
		}
		if err := websocket.Message.Send(ws, bytes.Repeat([]byte("€"), long/3)); err != nil {
			t.Error(err)
		}
	}}
	s := httptest.NewServer(server)
	defer s.Close()
	address := s.Listener.Addr().String()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := websocket.NewConfig("ws://"+address+"/", "http://"+address)
	if err != nil {
		t.Fatal(err)
	}
	tapped := &tapConn{Conn: conn}
	ws, err := websocket.NewClient(cfg, tapped)
	if err != nil {
		t.Fatal(err)
	}
	tapped.in, tapped.out = c.In(), c.Out()
	for _, said := range []string{"hé", strings.Repeat("x", long)} {
		if err := websocket.Message.Send(ws, said); err != nil {
			t.Fatal(err)
		}
		var answer string
		if err := websocket.Message.Receive(ws, &answer); err != nil {
			t.Fatal(err)
		}
	}
	var rest []byte
	if err := websocket.Message.Receive(ws, &rest); err != nil || len(rest) != long/3*3 {
		t.Fatal(err, len(rest))
	}
	ws.Close()
	end(t, c)
	_, events, err := read(t, dir, c.ID(), k)
	if err != nil || of(events, Output) != "you said hé"+"you said xxxxxxxxxx"+string(rest) || of(events, Input) != "hé"+strings.Repeat("x", long) {
		t.Errorf("%v %.60q %.60q", err, of(events, Output), of(events, Input))
	}
}

// tapConn shows the frames of both directions.
type tapConn struct {
	net.Conn
	in, out interface{ Write([]byte) (int, error) }
}

// Read implements net.Conn.
func (c *tapConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.out != nil {
		_, _ = c.out.Write(p[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (c *tapConn) Write(p []byte) (int, error) {
	if c.in != nil {
		_, _ = c.in.Write(p)
	}
	return c.Conn.Write(p)
}

func TestWebSocketIsCut(t *testing.T) {
	var c *cutConn
	for _, wire := range []string{"", "\x81\x02ab", "\x82\x05ab", "\x01\x02ab"} {
		c = &cutConn{frames: newSplitter(WebSocket)}
		c.passed([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n" + wire))
		var s sockets
		var got bytes.Buffer
		s.take(append([]byte(wire), c.last("the right ended")...), func(_ byte, p []byte) { got.Write(p) })
		if !strings.HasSuffix(got.String(), "the right ended") || !s.closed {
			t.Errorf("%q: %q", wire, got.String())
		}
	}
	c.passed([]byte("\x81"))
	if c.last("x") != nil {
		t.Error("a message stands in the head of a frame")
	}
}
