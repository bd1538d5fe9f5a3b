package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Calls of a session by which the engine has files sent to it.
const (
	diffCopy  = "/moby.filesync.v1.FileSync/DiffCopy"
	tarStream = "/moby.filesync.v1.FileSync/TarStream"
)

// Bounds of a session, in which the engine asks and the caller answers.
const (
	mostSessionStreams = 250     // as the builder's clients have it
	mostSessionHeader  = 1 << 20 // patterns of a .dockerignore are in it
)

// relay is a session: it ends HTTP/2 on both sides, passes on what the engine asks, and looks at build files on their way.
type relay struct {
	room   *Room
	id     string
	caller *Caller
	client *grpc.ClientConn // of the caller, who answers
}

// relay carries a session until one of its connections ends, or ctx does, and closes both.
func (r *Room) relay(ctx context.Context, id string, c *Caller, here, there net.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := dial(&told{Conn: here, end: cancel}, mostSessionHeader)
	if err != nil {
		return errors.Join(err, here.Close(), there.Close())
	}
	defer here.Close()
	defer there.Close()
	defer func() { _ = client.Close() }() // its connection is closed in any case
	client.Connect()
	s := &relay{room: r, id: id, caller: c, client: client}
	return serve(ctx, there, s.handle, serving{streams: mostSessionStreams, header: mostSessionHeader})
}

// handle is one call of the engine's.
func (s *relay) handle(_ any, in grpc.ServerStream) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.room.p.Log.ErrorContext(in.Context(), "a session made the guard fall over", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "bulkhead: the guard could not pass this on; its log says why")
		}
	}()
	method, _ := grpc.MethodFromServerStream(in)
	if method == tarStream { // which no builder asks for
		return status.Error(codes.Unimplemented, "bulkhead: files are sent by DiffCopy")
	}
	share, err := s.share(in.Context(), method)
	if err != nil {
		return err
	}
	defer share.keep(0)
	md, _ := metadata.FromIncomingContext(in.Context())
	md = kept(md)
	var files *transfer
	if method == diffCopy {
		if files, err = s.transfer(md); err != nil {
			return s.said(in.Context(), held("", "%w", err))
		}
	}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(in.Context(), md))
	defer cancel()
	out, err := s.client.NewStream(ctx, both(), method, grpc.MaxCallRecvMsgSize(mostAnswer(method)))
	if err != nil {
		return err
	}
	asked := make(chan error, 1)
	go func() { // it ends with the call at the latest
		if err := asks(in, out, files); err != nil {
			asked <- err
			cancel()
		}
	}()
	err = answers(in, out, func(text []byte) ([][]byte, error) {
		if files == nil {
			return [][]byte{text}, nil
		}
		return files.come(ctx, text)
	})
	select {
	case err = <-asked:
	default:
	}
	return s.said(in.Context(), err)
}

// share is what of an answer may be held while it comes. Whether a session is well is always asked.
func (s *relay) share(ctx context.Context, method string) (*share, error) {
	most := mostAnswer(method)
	if most == answerHealth {
		return nil, nil //nolint:nilnil // it is small
	}
	ctx, cancel := context.WithTimeout(ctx, s.room.readTime)
	defer cancel()
	share, err := s.room.answers.take(ctx, whose(s.caller.Ask.Subject), most)
	if err != nil {
		return nil, status.Error(codes.ResourceExhausted, "bulkhead: "+err.Error())
	}
	return share, nil
}

// said is why a call ended as the engine is told it, which tells its client. What the guard refused without a judge has its record made.
func (s *relay) said(ctx context.Context, err error) error {
	var held *heldError
	var no *call.Refusal
	own := errors.As(err, &no)
	if errors.As(err, &held) {
		own = true
		who, werr := s.caller.Who()
		if werr != nil {
			return status.Error(codes.Unauthenticated, "bulkhead: "+werr.Error())
		}
		err = s.room.fileNotUnderstood(ctx, who, held.name, held.err)
	}
	if err == nil {
		return nil
	}
	err = said(err)
	if own {
		s.room.files.refused(s.id, err)
	}
	return err
}

// asks passes on what the engine asks of a caller until it ends.
func asks(in grpc.ServerStream, out grpc.ClientStream, files *transfer) error {
	for {
		var f frame
		switch err := in.RecvMsg(&f); {
		case err == io.EOF: //nolint:errorlint // as it is documented
			return out.CloseSend()
		case err != nil:
			return nil //nolint:nilerr // the engine is gone
		}
		if files != nil {
			if err := files.goes(f.text); err != nil {
				return err
			}
		}
		if err := out.SendMsg(&f); err != nil {
			return nil //nolint:nilerr // what the caller says of it comes with the answer
		}
	}
}

// transfer looks at a part of the session, in which there may be build files, and has the client asked for it by its own name.
func (s *relay) transfer(md metadata.MD) (*transfer, error) {
	name := ""
	if v := saidBy(md, keyDirName); len(v) > 0 {
		name = v[0]
	}
	p, err := s.room.files.asked(s.id, name, saidBy(md, keyFollow))
	if err != nil {
		return nil, err
	}
	if p.own != nil {
		named(md, p.local)
	}
	whole := func(ctx context.Context, name string, text []byte) error {
		who, err := s.caller.Who()
		if err != nil {
			return err
		}
		t := &sentText{local: p.local, name: name, text: text}
		list, err := s.room.files.came(s.id, p, t)
		if err != nil {
			return err
		}
		for _, b := range list {
			if err := s.room.judgeFile(ctx, who, t, b); err != nil {
				return err
			}
		}
		return nil
	}
	return newTransfer(p.names(), whole, func(n int) error { return s.room.files.grow(s.id, n) }), nil
}
