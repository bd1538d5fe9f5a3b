package buildkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Carry carries a session on two connections, to the caller and to the engine, until one of them ends, and closes both.
type Carry func(ctx context.Context, here, there net.Conn) error

// Session opens a session over HTTP: with what the engine gets of the caller's headers, connect makes the two connections and has them
// carried. The session is the caller's, and ends with the right to it.
func (r *Room) Session(ctx context.Context, from http.Header, c Caller, connect func(ctx context.Context, h http.Header, carry Carry) error) error {
	id, to, err := sessionHeader(from, whose(c.Ask.Subject))
	if err != nil {
		return &NoSessionError{err}
	}
	closed, err := r.open(id, whose(c.Ask.Subject))
	if err != nil {
		return &NoSessionError{err}
	}
	defer closed()
	return r.while(ctx, &c, func(ctx context.Context) error {
		return connect(ctx, to, func(ctx context.Context, here, there net.Conn) error { return r.relay(ctx, id, &c, here, there) })
	})
}

// open notes a session, and has its build files looked at, until closed is called.
func (r *Room) open(id, of string) (closed func(), err error) {
	forget := func() {}
	end, err := r.book.open(id, of, func() { forget = r.files.open(id, of) })
	return func() { end(); forget() }, err
}

// NoSessionError is why a session was not opened, before anything was made.
type NoSessionError struct{ Err error }

// Error implements error.
func (e *NoSessionError) Error() string { return "the session was not opened: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *NoSessionError) Unwrap() error { return e.Err }

// Own makes sure that a session is the caller's; one that is still being opened is waited for.
func (r *Room) Own(ctx context.Context, c Caller, id string) error {
	if !r.book.name.MatchString(id) { // the builder takes "PREFIX:ID" for ID, and other files of it
		return fmt.Errorf("session %.100q: it is no name of a session", id)
	}
	return r.book.session(ctx, id, whose(c.Ask.Subject))
}

// mixed is a key that only one account can have.
func mixed(of, key string) string {
	sum := sha256.Sum256([]byte(of + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// session is one that is opened by a call of the protocol, in which HTTP/2 is spoken once more.
func (s *served) session(in grpc.ServerStream, q *asked) error {
	from := http.Header{}
	for k, v := range q.given {
		from[http.CanonicalHeaderKey(k)] = v
	}
	of := whose(q.ask.Subject)
	id, to, err := sessionHeader(from, of)
	if err != nil {
		return s.notUnderstood(in.Context(), q.ask.Subject, q.ask.Call.Route.Path, err)
	}
	share, err := s.tunnels(in.Context(), of)
	if err != nil {
		return err
	}
	defer share.keep(0)
	closed, err := s.room.open(id, of)
	if err != nil {
		return s.notUnderstood(in.Context(), q.ask.Subject, q.ask.Call.Route.Path, err)
	}
	defer closed()
	if err := s.room.p.Judge.Judge(in.Context(), q.ask); err != nil {
		return said(err)
	}
	md := metadata.MD{}
	for k, v := range to {
		md.Set(k, v...)
	}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), md))
	defer cancel()
	out, err := s.engine.NewStream(ctx, both(), q.ask.Call.Route.Path, grpc.MaxCallRecvMsgSize(mostTunnelled))
	if err != nil {
		return err
	}
	there, here := newTunnel(out, cancel), newTunnel(in, cancel)
	if err := s.room.relay(ctx, id, &s.caller, here, there); err != nil {
		return err
	}
	return there.said()
}

// tunnels is what a session may hold of the guard's memory while a message of it comes.
func (s *served) tunnels(ctx context.Context, of string) (*share, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnelTime)
	defer cancel()
	share, err := s.room.tunnels.take(ctx, of, largest)
	if err != nil {
		return nil, status.Error(codes.ResourceExhausted, "bulkhead: "+err.Error())
	}
	return share, nil
}

func both() *grpc.StreamDesc { return &grpc.StreamDesc{ServerStreams: true, ClientStreams: true} }

// Began says whether a build that a call of the engine's own API began is the caller's.
func (r *Room) Began(c Caller, id string) bool {
	return r.book.owns(calledBuild+id, whose(c.Ask.Subject))
}

// Claim gives a build that a call of the engine's own API begins to the caller who begins it or sends what it is made from.
func (r *Room) Claim(c Caller, id string) error { return r.book.claimID(id, whose(c.Ask.Subject)) }
