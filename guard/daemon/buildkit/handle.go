package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// served is one connection.
type served struct {
	room   *Room
	caller Caller
	engine *grpc.ClientConn
	over   context.Context //nolint:containedctx // of the connection; it ends with the right to it
}

// asked is a call of the protocol.
type asked struct {
	ask   *call.Ask
	given metadata.MD   // as it came
	md    metadata.MD   // as the engine gets it
	build string        // that it is about; empty for none
	part  string        // of the session, that the build's own file comes in; empty for none
	msg   proto.Message // until it is judged
	text  []byte        // until it is sent
	share *share        // of what may be read, until it is sent
}

// keyBuild is where clients say which build a call is about.
const keyBuild = "buildkit-controlapi-buildid"

// handle is one call.
func (s *served) handle(_ any, in grpc.ServerStream) (err error) {
	q := &asked{ask: s.caller.Ask}
	defer func() {
		if p := recover(); p != nil {
			err = s.fell(context.WithoutCancel(in.Context()), q.ask, p)
		}
	}()
	err = s.call(in, q)
	if ended, ok := context.Cause(s.over).(*lasting.EndedError); ok && err != nil { //nolint:errorlint // as it was set
		return status.Error(codes.PermissionDenied, "bulkhead: "+ended.Error())
	}
	return err
}

// fell is a call that the guard itself fell over. The others go on.
func (s *served) fell(ctx context.Context, a *call.Ask, p any) error {
	s.room.p.Log.ErrorContext(ctx, "a call of the builder's protocol made the guard fall over", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if err := s.room.p.Judge.Failed(ctx, a, "the guard fell over it"); err != nil {
		s.room.p.Log.ErrorContext(ctx, "a call that failed could not be recorded", "error", err)
	}
	return status.Error(codes.Internal, "bulkhead: the guard could not make this call; its log says why")
}

func (s *served) call(in grpc.ServerStream, q *asked) error {
	ctx, cancel := context.WithCancel(in.Context())
	defer cancel()
	defer context.AfterFunc(s.over, cancel)()
	in = &within{in, ctx}
	who, err := s.caller.Who()
	if err != nil {
		return status.Error(codes.Unauthenticated, "bulkhead: "+err.Error())
	}
	method, _ := grpc.MethodFromServerStream(in)
	if s.room.left.Load() && begins(method) {
		return errLeft
	}
	r, known := s.room.methods[method]
	if !known {
		return s.notUnderstood(ctx, who, method, errors.New("the guard knows no such call of the builder's protocol"))
	}
	q.ask = &call.Ask{Subject: who, Call: &route.Call{Route: r}}
	if err := q.metadata(ctx); err != nil {
		return s.notUnderstood(ctx, who, method, err)
	}
	if r.Action == "BuildSession" {
		return s.session(in, q)
	}
	defer func() { q.share.keep(0) }()
	end, err := s.judged(ctx, in, q)
	if err != nil {
		return err
	}
	return s.made(ctx, in, q, end)
}

// within is a call with a context that ends with the right to the connection.
type within struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // it stands in for the stream's own
}

// Context implements grpc.ServerStream.
func (w *within) Context() context.Context { return w.ctx }

// metadata takes what the engine may get of what goes with a call.
func (q *asked) metadata(ctx context.Context) error {
	q.given, _ = metadata.FromIncomingContext(ctx)
	q.md = metadata.MD{}
	for _, key := range []string{keyBuild, "traceparent", "tracestate"} {
		v := q.given.Get(key)
		if len(v) > 1 || len(v) == 1 && !plain(v[0]) {
			return fmt.Errorf("metadata %s: it is there more than once, or is no short text", key)
		}
		if len(v) == 1 {
			q.md.Set(key, v[0])
		}
	}
	if v := q.md.Get(keyBuild); len(v) == 1 {
		q.build = v[0]
	}
	return nil
}

// judged reads the request, and has it judged. What it gives is called when the call was made.
func (s *served) judged(ctx context.Context, in grpc.ServerStream, q *asked) (end func(error, []byte) error, err error) {
	method := q.ask.Call.Route.Path
	if err := s.read(ctx, in, q); errors.Is(err, errBusy) {
		return nil, status.Error(codes.ResourceExhausted, "bulkhead: "+err.Error())
	} else if err != nil {
		return nil, s.notUnderstood(ctx, q.ask.Subject, method, err)
	}
	var no *call.Refusal
	if err := s.own(ctx, q); errors.As(err, &no) {
		return nil, said(no) // of the build that this is about, which has its record
	} else if err != nil {
		return nil, s.notUnderstood(ctx, q.ask.Subject, method, err)
	}
	if s.room.p.Objects != nil && q.ask.Body != nil {
		if err := s.room.p.Objects.Complete(ctx, q.ask); err != nil {
			return nil, s.notUnderstood(ctx, q.ask.Subject, method, err)
		}
	}
	begins, _ := q.msg.(*control.SolveRequest)
	if err := s.room.p.Judge.Judge(ctx, q.ask); err != nil {
		if begins != nil {
			s.room.book.refuse(begins.GetRef(), whose(q.ask.Subject), err)
		}
		return nil, said(err)
	}
	if begins != nil {
		if err := s.room.book.claim(begins.GetRef(), whose(q.ask.Subject)); err != nil {
			return nil, s.notUnderstood(ctx, q.ask.Subject, method, err)
		}
	}
	if err := s.file(ctx, q); err != nil {
		return nil, said(err)
	}
	if err := s.regular(ctx, q); err != nil {
		return nil, err
	}
	end, err = s.watched(ctx, q)
	q.msg = nil
	return end, err
}

// own makes sure that the builds and sessions that a call names are the caller's.
func (s *served) own(ctx context.Context, q *asked) error {
	of := whose(q.ask.Subject)
	if strings.HasPrefix(q.ask.Call.Route.Path, "/moby.buildkit.v1.frontend.") {
		if err := s.room.book.build(ctx, q.build, of); err != nil {
			return err
		}
	}
	if asks, ok := q.ask.Body.(*call.Solve); ok {
		for _, id := range asks.Sessions {
			if err := s.room.book.session(ctx, id, of); err != nil {
				return err
			}
		}
		if q.part != "" && len(s.sessions(q, asks)) == 0 {
			return errNoPart
		}
	}
	switch m := q.msg.(type) {
	case *control.SolveRequest:
		return s.room.book.free(m.GetRef(), of)
	case *control.StatusRequest:
		if s.room.p.Judge.Whole(ctx, q.ask) {
			return nil
		}
		return s.room.book.build(ctx, m.GetRef(), of)
	case *control.BuildHistoryRequest:
		s.history(q, m.GetRef(), of)
	case *control.UpdateBuildHistoryRequest:
		s.history(q, m.GetRef(), of)
	}
	return nil
}

// history of an own build is a part of it.
func (s *served) history(q *asked, ref, of string) {
	if s.room.book.owns(ref, of) {
		r := *q.ask.Call.Route
		r.Action = "BuildPart"
		q.ask.Call.Route = &r
	}
}

// made makes the call that was judged.
func (s *served) made(ctx context.Context, in grpc.ServerStream, q *asked, end func(error, []byte) error) error {
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, q.md))
	defer cancel()
	kept := false
	keep := func(err error, answer []byte) {
		if kept {
			return
		}
		kept = true
		if err := end(err, answer); err != nil {
			s.room.p.Log.ErrorContext(ctx, "whom new images belong to could not be kept", "error", err)
		}
	}
	defer keep(errFell, nil)
	err := func() error {
		out, err := s.engine.NewStream(ctx, both(), q.ask.Call.Route.Path)
		if err != nil {
			return err
		}
		if err := out.SendMsg(&frame{text: q.text}); err != nil && err != io.EOF { //nolint:errorlint // of EOF the answer says why
			return err
		}
		q.text = nil // a build may go on for hours
		q.share.keep(0)
		if err := out.CloseSend(); err != nil {
			return err
		}
		// Whose an image is is known before the caller is told of it.
		return answers(in, out, func(m []byte) ([][]byte, error) { keep(nil, m); return [][]byte{m}, nil })
	}()
	keep(err, nil)
	// A builder whose transfer the guard ended says that, or that it was cancelled, whichever it sees first.
	if asks, ok := q.ask.Body.(*call.Solve); ok && status.Code(err) == codes.Canceled {
		if why := s.room.files.why(asks.Sessions); why != nil {
			err = why
		}
	}
	if err != nil && q.ask.Call.Route.Effect == route.Changes {
		if ferr := s.room.p.Judge.Failed(context.WithoutCancel(ctx), q.ask, err.Error()); ferr != nil {
			s.room.p.Log.ErrorContext(ctx, "a call that failed could not be recorded", "error", ferr)
		}
	}
	return err
}

// notUnderstood refuses what could not be judged, with its record.
func (s *served) notUnderstood(ctx context.Context, who *call.Subject, method string, why error) error {
	if ctx.Err() != nil {
		return said(ctx.Err())
	}
	id, err := s.room.p.Judge.NotUnderstood(ctx, who, route.GRPC, method, why)
	if err != nil {
		s.room.p.Log.ErrorContext(ctx, "a refusal could not be recorded", "error", err, "refused", why)
	} else {
		why = fmt.Errorf("%w; audit record: %s", why, id)
	}
	if _, known := s.room.methods[method]; !known {
		return status.Error(codes.Unimplemented, "bulkhead: "+why.Error())
	}
	return said(why)
}

// kept are headers of answers that are the engine's own, and not of its connection.
func kept(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for k, v := range md {
		if k != "content-type" && k != "trailer" && !strings.HasPrefix(k, "grpc-") {
			out[k] = v
		}
	}
	return out
}
