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
// it, and the right is asked for again while the stream is open.
func (g *Gate) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		name := conn.Spec().Procedure
		defer func() {
			if p := recover(); p != nil {
				err = g.show(ctx, name, panicked(p), "")
			}
		}()
		in, err := g.enterStream(ctx, conn)
		if err != nil {
			return g.show(ctx, name, err, "")
		}
		leave, err := g.streams.enter(in.call.principal, g.Settings.Streams, g.Settings.TenantStreams)
		if err != nil {
			return g.show(ctx, name, err, "")
		}
		defer leave()
		place, err := g.record(in)
		if err != nil {
			return g.show(ctx, name, err, "")
		}
		if place != "" {
			conn.ResponseHeader().Set(recordHeader, place)
		}
		ctx, end := context.WithCancelCause(in.ctx)
		unwatch := g.watch(ctx, in, end)
		err = next(ctx, &judged{StreamingHandlerConn: conn, msg: in.msg})
		var over *ended
		if errors.As(context.Cause(ctx), &over) {
			err = over.err
		}
		end(nil)
		unwatch()
		if err != nil && in.recordID != "" {
			g.recordFailure(in, err)
		}
		return g.show(ctx, name, err, place)
	}
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
