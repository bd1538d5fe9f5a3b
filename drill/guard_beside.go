package drill

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/metadata"
)

// besideTime is how long a program may take to start and say something.
const besideTime = 30 * time.Second

// startsBeside begins a build that waits for what it is to make, and starts a program beside it.
func startsBeside(ctx context.Context, w *EngineWorld) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, besideTime)
	defer cancel()
	b, c, err := w.mallory.builder(ctx)
	if errors.Is(err, errNoUpgrade) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ref := strings.ReplaceAll(uuid.NewString(), "-", "")
	var wait sync.WaitGroup
	wait.Go(func() { _, _ = b.Solve(ctx, &control.SolveRequest{Ref: ref, Cache: &control.CacheOptions{}}) })
	said, err := beside(metadata.AppendToOutgoingContext(ctx, "buildkit-controlapi-buildid", ref), gateway.NewLLBBridgeClient(c))
	cancel()
	err = errors.Join(err, c.Close())
	wait.Wait()
	return said, err
}

// beside says whether a program in a container of its own said something. What the door refuses is no error.
func beside(ctx context.Context, b gateway.LLBBridgeClient) (bool, error) {
	d, err := steps(baseImage())
	if err != nil {
		return false, err
	}
	solved, err := b.Solve(ctx, &gateway.SolveRequest{Definition: d, AllowResultReturn: true, AllowResultArrayRef: true})
	if err != nil {
		return false, nil //nolint:nilerr // it is refused
	}
	id := solved.GetResult().GetRef().GetId()
	if old := solved.GetResult().GetRefDeprecated(); id == "" {
		id = old
	}
	_, err = b.NewContainer(ctx, &gateway.NewContainerRequest{
		ContainerID: "c", Mounts: []*pb.Mount{{Dest: "/", ResultID: id, MountType: pb.MountType_BIND, Input: -1, Output: -1}},
	})
	if err != nil {
		return false, nil //nolint:nilerr // it is refused
	}
	s, err := b.ExecProcess(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // it is refused
	}
	witness := uuid.NewString()
	init := &gateway.InitMessage{ContainerID: "c", Meta: &pb.Meta{Args: []string{"/bin/echo", witness}, Cwd: "/", Env: []string{"PATH=/bin"}}, Fds: []uint32{0, 1, 2}}
	if err := s.Send(&gateway.ExecMessage{ProcessID: "p", Input: &gateway.ExecMessage_Init{Init: init}}); err != nil {
		return false, nil //nolint:nilerr // it is refused
	}
	for {
		m, err := s.Recv()
		if err != nil {
			return false, nil //nolint:nilerr // it did not start
		}
		if strings.Contains(string(m.GetFile().GetData()), witness) {
			return true, nil
		}
	}
}
