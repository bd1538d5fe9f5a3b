package drill

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/google/uuid"
	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// othersSession names victor's session in a build of mallory's, whose program writes the secret of it into the image.
func othersSession(ctx context.Context, w *EngineWorld) (*control.SolveRequest, io.Closer, error) {
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	s, err := w.victor.opens(ctx, id, w.secret)
	if err != nil {
		return nil, nil, err
	}
	r, err := w.solved(w.seen(), baseImage(), program("cat /run/secret > /seen", func(e *pb.ExecOp) {
		e.Mounts = append(e.Mounts, &pb.Mount{
			Input: -1, Dest: "/run/secret", Output: -1, MountType: pb.MountType_SECRET, SecretOpt: &pb.SecretOpt{ID: "witness", Mode: 0o444},
		})
	}))
	r.Session = id
	return r, s, err
}

const askedFor = "/moby.buildkit.secrets.v1.Secrets/GetSecret"

// opens opens a session in which there is one secret.
func (c *caller) opens(ctx context.Context, id, secret string) (io.Closer, error) {
	answer := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), secret)
	return c.serves(ctx, id, map[string]grpc.StreamHandler{askedFor: func(_ any, s grpc.ServerStream) error {
		var asked []byte
		if err := s.RecvMsg(&asked); err != nil {
			return err
		}
		return s.SendMsg(&answer)
	}})
}

// serves opens a session in which the builder is answered by these.
func (c *caller) serves(ctx context.Context, id string, methods map[string]grpc.StreamHandler) (io.Closer, error) {
	headers := "X-Docker-Expose-Session-Uuid: " + id + "\r\nX-Docker-Expose-Session-Name: drill\r\nX-Docker-Expose-Session-Sharedkey: drill\r\n"
	for m := range methods {
		headers += "X-Docker-Expose-Session-Grpc-Method: " + m + "\r\n"
	}
	conn, err := c.upgraded(ctx, "/session", headers)
	if err != nil {
		return nil, fmt.Errorf("%s opens a session: %w", c.Name, err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(bare{}), grpc.UnknownServiceHandler(func(srv any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		if do := methods[method]; do != nil {
			return do(srv, s)
		}
		if method != grpc_health_v1.Health_Check_FullMethodName {
			return status.Error(codes.Unimplemented, method)
		}
		var asked []byte
		if err := s.RecvMsg(&asked); err != nil {
			return err
		}
		well := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(grpc_health_v1.HealthCheckResponse_SERVING))
		return s.SendMsg(&well)
	}))
	l := &single{conn: conn, over: make(chan struct{})}
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Serve(l) })
	return closer(func() error { server.Stop(); wait.Wait(); return nil }), nil
}

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }

// single is a listener that has one connection.
type single struct {
	mu   sync.Mutex
	conn net.Conn
	over chan struct{}
	once sync.Once
}

// Accept implements net.Listener.
func (s *single) Accept() (net.Conn, error) {
	s.mu.Lock()
	c := s.conn
	s.conn = nil
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	<-s.over
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (s *single) Close() error { s.once.Do(func() { close(s.over) }); return nil }

// Addr implements net.Listener.
func (s *single) Addr() net.Addr { return &net.UnixAddr{Name: "session", Net: "unix"} }

// bare passes messages as they are on the wire.
type bare struct{}

// Marshal implements encoding.CodecV2.
func (bare) Marshal(v any) (mem.BufferSlice, error) {
	text, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*text)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (bare) Unmarshal(data mem.BufferSlice, v any) error {
	text, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	*text = data.Materialize()
	return nil
}

// Name implements encoding.CodecV2.
func (bare) Name() string { return "proto" }
