package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Bounds of a connection.
const (
	mostStreams   = 64
	largest       = 16 << 20 // of a message, as the builder has it
	largestAnswer = 32 << 20
	mostHeader    = 64 << 10
	streamWindow  = 256 << 10 // that may be under way, of a call and of a connection
	connWindow    = 4 << 20
	greetTime     = 10 * time.Second
	idlePings     = 5 * time.Second // clients may ping this often
	refusedTime   = 30 * time.Second
)

// GRPC serves the builder's calls on a connection of a caller's, by one to the engine, until one of them ends or the right to it does. It closes
// both.
func (r *Room) GRPC(ctx context.Context, here, there net.Conn, c Caller) error {
	engine, err := dial(there, mostHeader)
	if err != nil {
		return errors.Join(err, here.Close(), there.Close())
	}
	defer there.Close()
	defer func() { _ = engine.Close() }() // its connection is closed in any case
	return r.while(ctx, &c, func(ctx context.Context) error {
		s := &served{room: r, caller: c, engine: engine, over: ctx}
		return serve(ctx, here, s.handle, calls())
	})
}

// Refuse answers every call on a connection with why there are none: clients don't show what they are told before it.
func (r *Room) Refuse(ctx context.Context, here net.Conn, why error) error {
	ctx, cancel := context.WithTimeout(ctx, refusedTime)
	defer cancel()
	return serve(ctx, here, func(any, grpc.ServerStream) error { return said(why) }, calls())
}

// Silent has a caller who may have no session wait for the answer to what names it, and asks nothing.
func Silent(ctx context.Context, here net.Conn) error {
	defer here.Close()
	stop := context.AfterFunc(ctx, func() { _ = here.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := here.SetDeadline(time.Now().Add(refusedTime)); err != nil {
		return fmt.Errorf("the caller's connection: %w", err)
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(here, mostHeader)); err != nil {
		return fmt.Errorf("the caller's connection: %w", err)
	}
	return nil
}

// serving is how a connection is served: how many calls it may have at a time, how large their headers may be, and how long calls may take to
// say why they end.
type serving struct {
	streams, header uint32
	last            time.Duration
}

func calls() serving { return serving{streams: mostStreams, header: mostHeader, last: lastWord} }

// serve speaks HTTP/2 on a connection until that or ctx ends.
func serve(ctx context.Context, here net.Conn, handle grpc.StreamHandler, as serving) error {
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(codec{}), grpc.UnknownServiceHandler(handle), grpc.MaxConcurrentStreams(as.streams),
		grpc.MaxRecvMsgSize(largest), grpc.MaxSendMsgSize(largestAnswer), grpc.MaxHeaderListSize(as.header), grpc.ConnectionTimeout(greetTime),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: idlePings, PermitWithoutStream: true}),
		grpc.StaticStreamWindowSize(streamWindow), grpc.StaticConnWindowSize(connWindow), grpc.WaitForHandlers(true),
	)
	l := listenOnce(here)
	stop := context.AfterFunc(ctx, func() {
		time.Sleep(as.last) // calls say meanwhile why they end
		server.Stop()
	})
	defer stop()
	err := server.Serve(l)
	server.Stop()
	if errors.Is(err, net.ErrClosed) {
		err = nil // it ended
	}
	if err != nil {
		return fmt.Errorf("the builder's protocol: %w", err)
	}
	return nil
}

// dial speaks to who serves on a connection that is there, and on no other.
func dial(there net.Conn, header uint32) (*grpc.ClientConn, error) {
	var used atomic.Bool
	cc, err := grpc.NewClient("passthrough:///engine",
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"), grpc.WithIdleTimeout(0), grpc.WithNoProxy(),
		grpc.WithStaticStreamWindowSize(streamWindow), grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithMaxHeaderListSize(header),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errors.New("the connection was ended at its other end")
			}
			return there, nil
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(largestAnswer), grpc.MaxCallSendMsgSize(largest)),
	)
	if err != nil {
		return nil, fmt.Errorf("speak to the builder: %w", err)
	}
	return cc, nil
}

// frame is a message as it is on the wire.
type frame struct {
	text []byte
	most int // bytes that are taken; none is all that the connection may have
}

// codec passes messages as they are.
type codec struct{}

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(f.text)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	if f.most > 0 && data.Len() > f.most {
		return fmt.Errorf("a message of %d bytes, and no more than %d are taken", data.Len(), f.most)
	}
	f.text = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// said is an error as callers of the protocol are told it.
func said(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	var no *call.Refusal
	switch {
	case errors.As(err, &no) && no.Hidden:
		return status.Errorf(codes.NotFound, "no such thing on this host: %s %.200s", no.Kind, no.Name)
	case errors.As(err, &no):
		return status.Error(codes.PermissionDenied, "bulkhead: "+err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.InvalidArgument, "bulkhead: "+err.Error())
}

// answers passes on what is answered. pass is shown each message, and gives those that go on.
func answers(in grpc.ServerStream, out grpc.ClientStream, pass func([]byte) ([][]byte, error)) error {
	head, err := out.Header()
	if err != nil {
		return err
	}
	if err := in.SendHeader(kept(head)); err != nil {
		return err
	}
	for {
		var f frame
		err := out.RecvMsg(&f)
		if err != nil {
			in.SetTrailer(kept(out.Trailer()))
		}
		switch {
		case err == io.EOF: //nolint:errorlint // as it is documented
			return nil
		case err != nil:
			return err
		}
		list, err := pass(f.text)
		if err != nil {
			return err
		}
		for _, text := range list {
			if err := in.SendMsg(&frame{text: text}); err != nil {
				return err
			}
		}
	}
}
