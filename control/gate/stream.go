package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

// WrapStreamingClient implements connect.Interceptor; the gate is for servers.
func (g *Gate) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor: the request is read, judged and recorded before the handler sees
// it, and the right is asked for again while the stream is open. What is done before and after stands in functions of its own, which
// are not on the stack while it is open.
func (g *Gate) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer g.caught(ctx, conn, &err)
		s, err := g.openStream(ctx, conn)
		if err != nil {
			return err
		}
		defer s.leave()
		return g.closeStream(s, next(s.ctx, &s.conn))
	}
}

// caught makes an error of a panic.
func (g *Gate) caught(ctx context.Context, conn connect.StreamingHandlerConn, err *error) {
	if p := recover(); p != nil {
		*err = g.show(ctx, conn.Spec().Procedure, panicked(p), "")
	}
}

// stream is one that was let in.
type stream struct {
	ctx     context.Context //nolint:containedctx // lives as long as the stream
	conn    judged
	in      *entry
	place   string
	end     context.CancelCauseFunc
	unwatch func()
	leave   func()
}

func (g *Gate) openStream(ctx context.Context, conn connect.StreamingHandlerConn) (*stream, error) {
	name := conn.Spec().Procedure
	in, err := g.enterStream(ctx, conn)
	if err != nil {
		return nil, g.show(ctx, name, err, "")
	}
	leave, err := g.streams.enter(in.call.principal, g.Settings.Streams, g.Settings.TenantStreams)
	if err != nil {
		return nil, g.show(ctx, name, err, "")
	}
	place, err := g.record(in)
	if err != nil {
		leave()
		return nil, g.show(ctx, name, err, "")
	}
	if place != "" {
		conn.ResponseHeader().Set(recordHeader, place)
	}
	s := &stream{conn: judged{StreamingHandlerConn: conn, msg: in.msg}, in: in, place: place, leave: leave}
	s.ctx, s.end = context.WithCancelCause(in.ctx)
	s.unwatch = g.watch(s.ctx, in, s.end)
	return s, nil
}

func (g *Gate) closeStream(s *stream, err error) error {
	var over *ended
	if errors.As(context.Cause(s.ctx), &over) {
		err = over.err
	}
	s.end(nil)
	s.unwatch()
	if err != nil && s.in.recordID != "" {
		g.recordFailure(s.in, err)
	}
	return g.show(s.ctx, s.in.procedure, err, s.place)
}

func (g *Gate) enterStream(ctx context.Context, conn connect.StreamingHandlerConn) (*entry, error) {
	name := conn.Spec().Procedure
	r, ok := g.rules[name]
	if !ok || conn.Spec().StreamType != connect.StreamTypeServer {
		return nil, &model.Error{Code: model.CodeDenied, Message: "this method says not what it needs, so nobody may call it"}
	}
	// A stream is let in no faster than it says who it is: the message is read before, so it has a deadline of its own.
	m := r.input.New().Interface()
	if err := conn.Receive(m); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &model.Error{Code: model.CodeInvalid, Message: "the stream has no request"}
		}
		return nil, err
	}
	return g.enter(ctx, m)
}

// ended is why the gate ended a stream.
type ended struct{ err error }

// Error implements error.
func (e *ended) Error() string { return "the stream ended: " + e.err.Error() }

// watch ends the stream when the right to it ends, and when the server stops, until it is told to leave off. A node's right is not
// asked for again, since there are as many streams as nodes: its handler ends the stream when the node is revoked, and with the
// change that says so. For the same reason nobody waits for a stop of the server in a goroutine of each stream.
func (g *Gate) watch(ctx context.Context, in *entry, end context.CancelCauseFunc) (unwatch func()) {
	if in.rule.public() {
		return func() {}
	}
	stop := context.AfterFunc(g.draining, func() {
		end(&ended{&model.Error{Code: model.CodeUnavailable, Message: "this server is stopping", Remedy: "Connect again and go on from the last cursor."}})
	})
	if in.rule.node() {
		return func() { stop() }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.askAgain(ctx, in, end)
	}()
	return func() { stop(); <-done }
}

// askAgain asks for the right to a stream while it is open.
func (g *Gate) askAgain(ctx context.Context, in *entry, end context.CancelCauseFunc) {
	again := time.NewTicker(g.Settings.Recheck)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			if err := g.again(ctx, in); err != nil && ctx.Err() == nil {
				end(&ended{err})
				return
			}
		}
	}
}

// judged gives the handler the message that the gate has read.
type judged struct {
	connect.StreamingHandlerConn
	msg proto.Message
}

// Receive gives the message once, then what else the client sends.
func (j *judged) Receive(m any) error {
	if j.msg == nil {
		return j.StreamingHandlerConn.Receive(m)
	}
	to, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", m)
	}
	proto.Merge(to, j.msg)
	j.msg = nil
	return nil
}
