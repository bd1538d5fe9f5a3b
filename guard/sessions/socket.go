package sessions

import "encoding/binary"

// Opcodes of WebSocket frames (RFC 6455).
const (
	opContinued = 0x0
	opText      = 0x1
	opBinary    = 0x2
	opClose     = 0x8
	opPong      = 0xa
)

// mostSocketHead is the longest head of a frame: two bytes, eight of a length, and the four of a mask.
const mostSocketHead = 14

// sockets takes the frames of one direction of a WebSocket apart as they come. It holds no more than a head.
type sockets struct {
	head   [mostSocketHead]byte
	have   int
	left   uint64
	at     int    // in the mask
	mask   []byte // of the frame under way; nil for none
	op     byte
	data   byte // opcode of the last message
	open   bool // a message is to be continued
	closed bool
	broken bool
}

// take gives the pieces of p that are data to each.
func (s *sockets) take(p []byte, each func(stream byte, piece []byte)) {
	for len(p) > 0 {
		if s.broken || s.closed {
			return // nothing that anybody is shown
		}
		if s.left == 0 {
			s.head[s.have] = p[0]
			s.have, p = s.have+1, p[1:]
			if s.have >= s.need() {
				s.begins()
			}
			continue
		}
		n := int(min(uint64(len(p)), s.left))
		if s.op <= opBinary {
			each(stdout, s.unmasked(p[:n]))
		}
		s.left -= uint64(n)
		p = p[n:]
	}
}

// need is how long the head is, as far as it is known.
func (s *sockets) need() int {
	if s.have < 2 {
		return 2
	}
	n := 2
	switch s.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if s.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (s *sockets) begins() {
	n := s.have
	s.have, s.at, s.mask = 0, 0, nil
	if s.head[1]&0x80 != 0 {
		s.mask = append(s.mask, s.head[n-4:n]...)
	}
	switch l := s.head[1] & 0x7f; l {
	case 126:
		s.left = uint64(binary.BigEndian.Uint16(s.head[2:]))
	case 127:
		s.left = binary.BigEndian.Uint64(s.head[2:])
	default:
		s.left = uint64(l)
	}
	s.op = s.head[0] & 0x0f
	control := s.op >= opClose
	switch {
	case s.head[0]&0x70 != 0, s.op > opBinary && !control, s.op > opPong, control && (s.left > 125 || s.head[0]&0x80 == 0), s.left > 1<<62:
		s.broken = true
	case s.op == opClose:
		s.closed = true
	case !control:
		s.open = s.head[0]&0x80 == 0
		if s.op != opContinued {
			s.data = s.op
		}
	}
}

func (s *sockets) unmasked(p []byte) []byte {
	if s.mask == nil {
		return p
	}
	out := make([]byte, len(p))
	for i, b := range p {
		out[i] = b ^ s.mask[(s.at+i)%len(s.mask)]
	}
	s.at = (s.at + len(p)) % len(s.mask)
	return out
}

// last is a message and the end of the connection; nothing where there is no place for them.
func (s *sockets) last(message string) []byte {
	if s.have > 0 || s.left > mostFill || s.broken || s.closed {
		return nil
	}
	op := byte(opText)
	switch {
	case s.open:
		op = opContinued
	case s.data != 0:
		op = s.data
	}
	message = clip(message, 60_000)
	b := append(make([]byte, s.left), 0x80|op, 126, byte(len(message)>>8), byte(len(message)))
	b = append(b, message...)
	const policyViolation = 1008
	return append(b, 0x80|opClose, 2, policyViolation>>8, policyViolation&0xff)
}
