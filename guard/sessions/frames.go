package sessions

import (
	"encoding/binary"
)

// Framing is how the engine's side of a session stands on the wire.
type Framing string

// Framings.
const (
	// Raw is a terminal's: bytes as they are.
	Raw Framing = "raw"
	// Multiplexed is that of sessions without a terminal: frames of standard output and standard error.
	Multiplexed Framing = "multiplexed"
	// WebSocket is that of attach/ws.
	WebSocket Framing = "websocket"
)

// The engine's streams in frames.
const (
	stdin  = 0
	stdout = 1
	stderr = 2
	system = 3 // errors of the engine itself
)

const frameHead = 8

// frames takes the engine's frames apart as they come: it holds no more than a head, however large a frame says that it is.
type frames struct {
	head   [frameHead]byte
	have   int    // bytes of the head
	left   uint32 // bytes of the frame that are still to come
	broken bool   // what came is no frame; the rest is taken as it is
}

// take gives the pieces of p to each with the stream that they belong to.
func (f *frames) take(p []byte, each func(stream byte, piece []byte)) {
	for len(p) > 0 {
		if f.broken {
			each(stdout, p)
			return
		}
		if f.left == 0 {
			n := copy(f.head[f.have:], p)
			f.have, p = f.have+n, p[n:]
			if f.have < frameHead {
				return
			}
			f.have = 0
			if !f.begins() {
				f.broken = true
				each(stdout, f.head[:])
			}
			continue
		}
		n := min(uint64(len(p)), uint64(f.left))
		each(f.head[0], p[:n])
		f.left -= uint32(n)
		p = p[n:]
	}
}

func (f *frames) begins() bool {
	if f.head[0] > system || f.head[1] != 0 || f.head[2] != 0 || f.head[3] != 0 {
		return false
	}
	f.left = binary.BigEndian.Uint32(f.head[4:])
	return true
}

// mostFill is how much of a frame is filled with nothing, so that another can follow.
const mostFill = 64 << 10

// last is a message as a frame of its own; nothing where there is no place for one.
func (f *frames) last(message string) []byte {
	if f.have > 0 || f.left > mostFill || f.broken {
		return nil
	}
	return append(make([]byte, f.left), frame(stderr, []byte(message))...)
}

// splitter takes a direction apart: Raw has none.
type splitter interface {
	take(p []byte, each func(stream byte, piece []byte))
	last(message string) []byte
}

func newSplitter(f Framing) splitter {
	switch f {
	case Multiplexed:
		return &frames{}
	case WebSocket:
		return &sockets{}
	}
	return raw{}
}

// raw is no framing at all.
type raw struct{}

func (raw) take(p []byte, each func(stream byte, piece []byte)) { each(stdout, p) }
func (raw) last(message string) []byte                          { return []byte(message) }

// frame puts text into a frame.
func frame(stream byte, text []byte) []byte {
	b := make([]byte, frameHead, frameHead+len(text))
	b[0] = stream
	binary.BigEndian.PutUint32(b[4:], uint32(len(text)))
	return append(b, text...)
}
