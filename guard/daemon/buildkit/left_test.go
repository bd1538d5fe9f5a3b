package buildkit

import (
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// When another guard has taken over, builds go on where they run, and no others begin there.
func TestLeft(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	c := control.NewControlClient(cc)
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	w.room.Leave(true)
	w.engine.mu.Lock()
	before := len(w.engine.got)
	w.engine.mu.Unlock()
	_, solve := c.Solve(t.Context(), &control.SolveRequest{Ref: "b2"})
	_, history := c.UpdateBuildHistory(t.Context(), &control.UpdateBuildHistoryRequest{Ref: "b1"})
	_, prune := func() (any, error) {
		s, err := c.Prune(t.Context(), &control.PruneRequest{})
		if err != nil {
			return nil, err
		}
		return s.Recv()
	}()
	for name, err := range map[string]error{"Solve": solve, "UpdateBuildHistory": history, "Prune": prune} {
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.engine.mu.Lock()
	if len(w.engine.got) != before {
		t.Errorf("the engine got %v", w.engine.got)
	}
	w.engine.mu.Unlock()
	ctx := metadata.AppendToOutgoingContext(t.Context(), keyBuild, "b1")
	if _, err := gateway.NewLLBBridgeClient(cc).Solve(ctx, &gateway.SolveRequest{}); err != nil {
		t.Errorf("a build that runs: %v", err)
	}
	w.room.Leave(false)
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b2"}); err != nil {
		t.Errorf("it came back: %v", err)
	}
}
