package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	control "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// buildKitDrills are made by developers who may use BuildKit by a policy of the host's: what they ask of it is judged all the same.
func buildKitDrills() []Drill {
	const escape = "T1611"
	builds := func(id, technique, title string, do attack) Drill {
		d := guardDrill("buildkit-"+id, technique, title, do)
		d.policies = PoliciesBuilders
		return d
	}
	return append([]Drill{
		builds("host-network", escape, "A program of a build by BuildKit runs in the host's network", buildKitSaw(hostSolve, hostNetwork)),
		builds("call-host-network", escape, "A build that is asked of BuildKit by the engine's own call runs in the host's network",
			buildsWith("version=2&networkmode=host", hostNetwork)),
		builds("fetch", "T1090", "BuildKit is made to call an address that only its host reaches", reaches(fetches)),
		builds("name", "T1036.005", "An image that BuildKit makes takes the name of another's", renames(takesName)),
		builds("session", "T1552", "A build takes secrets from the session of somebody else", buildKitSaw(othersSession, func(w *EngineWorld, text string) bool {
			return text == w.secret
		})),
		builds("container", escape, "A program is started beside a build, by a call that asks for no entitlement (CVE-2024-23653)", startsBeside),
	}, dockerfileDrills(builds)...)
}

// builder speaks the builder's own protocol.
func (c *caller) builder(ctx context.Context) (control.ControlClient, *grpc.ClientConn, error) {
	conn, err := c.upgraded(ctx, "/grpc", "")
	if err != nil {
		return nil, nil, err
	}
	var used atomic.Bool
	cc, err := grpc.NewClient("passthrough:///builder", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, errors.New("the connection is over")
			}
			return conn, nil
		}))
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return control.NewControlClient(cc), cc, nil
}

// errNoUpgrade is of a door that does not go on in another protocol.
var errNoUpgrade = errors.New("the door does not go on in the builder's protocol")

// upgraded is a connection on which HTTP/2 is spoken after a call.
func (c *caller) upgraded(ctx context.Context, path, headers string) (net.Conn, error) {
	conn, err := c.User.Dial(ctx, c.door)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"+headers+"\r\n"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	head, err := http.ReadResponse(newByteReader(conn), nil) //nolint:bodyclose // it ends with the connection
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(errNoUpgrade, conn.Close())
	}
	return conn, nil
}

// solves has a build made; whether it was, its effect says.
func (w *EngineWorld) solves(ctx context.Context, r *control.SolveRequest) error {
	b, c, err := w.mallory.builder(ctx)
	if errors.Is(err, errNoUpgrade) {
		return nil
	}
	if err != nil {
		return err
	}
	_, _ = b.Solve(ctx, r) // a refusal is an answer, too
	return c.Close()
}

// steps is a build: each step works on the one before.
func steps(ops ...*pb.Op) (*pb.Definition, error) {
	d := &pb.Definition{}
	var before digest.Digest
	for _, op := range append(ops, &pb.Op{}) {
		if before != "" {
			op.Inputs = []*pb.Input{{Digest: before.String()}}
		}
		if op.GetOp() != nil {
			op.Platform = &pb.Platform{OS: "linux", Architecture: runtime.GOARCH}
		}
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(op)
		if err != nil {
			return nil, fmt.Errorf("a build: %w", err)
		}
		d.Def = append(d.Def, text)
		before = digest.FromBytes(text)
	}
	return d, nil
}

func baseImage() *pb.Op {
	return &pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{
		Identifier: "docker-image://docker.io/" + ground.Image, Attrs: map[string]string{pb.AttrImageResolveMode: pb.AttrImageResolveModePreferLocal},
	}}}
}

func program(command string, change func(e *pb.ExecOp)) *pb.Op {
	e := &pb.ExecOp{
		Meta:   &pb.Meta{Args: []string{"/bin/sh", "-c", command + " # " + uuid.NewString()}, Cwd: "/", Env: []string{"PATH=/bin:/usr/bin"}},
		Mounts: []*pb.Mount{{Input: 0, Dest: "/", Output: 0}},
	}
	change(e)
	return &pb.Op{Op: &pb.Op_Exec{Exec: e}}
}

// solved is a build whose result gets a name in the engine.
func (w *EngineWorld) solved(name string, ops ...*pb.Op) (*control.SolveRequest, error) {
	d, err := steps(ops...)
	return &control.SolveRequest{
		Ref: strings.ReplaceAll(uuid.NewString(), "-", ""), Definition: d, ExporterDeprecated: "moby", ExporterAttrsDeprecated: map[string]string{"name": name},
		Cache: &control.CacheOptions{},
	}, err
}

func (w *EngineWorld) seen() string { return "docker.io/" + w.name + "/seen:1" }

// buildKitSaw has a build made whose image tells what its program saw.
func buildKitSaw(of func(ctx context.Context, w *EngineWorld) (*control.SolveRequest, io.Closer, error), saw func(w *EngineWorld, text string) bool) attack {
	return func(ctx context.Context, w *EngineWorld) (_ bool, err error) {
		r, c, err := of(ctx, w)
		if err != nil {
			return false, err
		}
		if c != nil {
			defer func() { err = errors.Join(err, c.Close()) }()
		}
		if err := w.solves(ctx, r); err != nil {
			return false, err
		}
		if _, err := w.root.ImageInspect(ctx, w.name+"/seen:1"); err != nil {
			return false, nil // it was not built
		}
		return w.builtSaw(ctx, saw)
	}
}

func hostSolve(_ context.Context, w *EngineWorld) (*control.SolveRequest, io.Closer, error) {
	r, err := w.solved(w.seen(), baseImage(), program("readlink /proc/self/ns/net > /seen", func(e *pb.ExecOp) { e.Network = pb.NetMode_HOST }))
	r.Entitlements = []string{"network.host"}
	return r, nil, err
}

func fetches(ctx context.Context, w *EngineWorld, address string) error {
	d, err := steps(&pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "http://" + address + "/x"}}})
	if err != nil {
		return err
	}
	return w.solves(ctx, &control.SolveRequest{Ref: strings.ReplaceAll(uuid.NewString(), "-", ""), Definition: d, Cache: &control.CacheOptions{}})
}

func takesName(ctx context.Context, w *EngineWorld, _ string) error {
	repo, tag := w.victimsTag()
	r, err := w.solved("docker.io/"+repo+":"+tag, baseImage(), program("echo mallory > /who", func(*pb.ExecOp) {}))
	if err != nil {
		return err
	}
	return w.solves(ctx, r)
}
