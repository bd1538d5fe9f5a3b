// Package health judges whether a node is up, why it is not as far as that can be told, and whether a change is worth telling. It is
// pure: it has no clock, reads nothing and keeps nothing. What was heard of a node, and what its peers say, is given to it.
package health

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// SilentAfter is how long a node may be unheard of before it counts as silent.
const SilentAfter = 20 * time.Second

// End is how a node's last stream ended.
type End int

// The ends of a stream.
const (
	EndUnknown End = iota // nobody here saw it
	EndClosed             // the other side closed the connection: its kernel was there to do so
	EndTimeout            // nothing came any more
	EndOurs               // this side ended it
)

// Causes with which a server ends the context of a connection, so that EndOf can tell.
var (
	ErrClosed  = errors.New("the connection was closed by the other side")
	ErrTimeout = errors.New("the connection does not answer")
)

// EndOf says from the cause of a context, or the error of a write, how a stream ended.
func EndOf(cause error) End {
	var timeout net.Error
	switch {
	case cause == nil:
		return EndUnknown
	case errors.Is(cause, ErrTimeout), errors.Is(cause, os.ErrDeadlineExceeded), errors.Is(cause, syscall.ETIMEDOUT):
		return EndTimeout
	case errors.Is(cause, ErrClosed), errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF),
		errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		return EndClosed
	case errors.As(cause, &timeout) && timeout.Timeout():
		return EndTimeout
	}
	return EndUnknown
}

// Contact is what is known of a node.
type Contact struct {
	LastSeen time.Time
	Open     bool // a stream is open
	Stopping bool // the last that it said is that it stops
	End      End
}

// Peers are the answers of other nodes that were asked whether they reach its host.
type Peers struct {
	Asked, Reached, Unreached int
}

// Answered says whether there is nothing left to wait for.
func (p Peers) Answered() bool { return p.Reached+p.Unreached >= p.Asked }

// Judge says how a node is that was in some state before, and why.
func Judge(was model.Health, c Contact, now time.Time) (model.Health, string) {
	switch {
	case was == model.HealthRevoked:
		return was, ""
	case c.Stopping:
		return model.HealthStopped, model.ReasonSaidSo
	case c.Open, now.Sub(c.LastSeen) <= SilentAfter:
		return model.HealthUp, ""
	case was == model.HealthStopped: // it said so, and there is nothing to hear
		return was, model.ReasonSaidSo
	}
	return model.HealthSilent, Why(c.End, Peers{})
}

// Why is the reason of a silence, as far as it can be told.
func Why(end End, p Peers) string {
	switch {
	case p.Reached > 0 && end == EndClosed:
		return model.ReasonProcessGone
	case p.Reached > 0 && end == EndTimeout:
		return model.ReasonNetworkCut
	case p.Reached > 0: // the host is there; whether its agent is, and whether it can reach us, nobody saw
		return model.ReasonUnknown
	case p.Unreached > 0:
		return model.ReasonHostGone
	case end == EndClosed:
		return model.ReasonProcessGone
	}
	return model.ReasonUnknown
}
