package buildkit

import (
	"strings"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// tunnels opens a session by a call, and waits until the engine has it; the error is what the client is told where it has not.
func (w *world) tunnels(t *testing.T, who, id string) (control.Control_SessionClient, error) {
	t.Helper()
	cc, _ := w.client(t, who)
	s, err := control.NewControlClient(cc).Session(metadata.AppendToOutgoingContext(t.Context(), strings.ToLower(headerID), id))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Recv(); err != nil {
				told <- err
				return
			}
		}
	}()
	select {
	case <-w.engine.sessions:
		return s, nil
	case err := <-told:
		return nil, err
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return nil, nil
}

// Sessions that are opened by a call have so much memory together, and each account its part; what one had comes back when it ends.
func TestTunnelsAreBound(t *testing.T) {
	w := newWorld()
	w.room.tunnels = newBudget(3*largest, 2*largest, errTunnels)
	first, err := w.tunnels(t, "alice", "s1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.tunnels(t, "alice", "s2"); err != nil {
		t.Fatal(err)
	}
	busy := func(who, id string) {
		t.Helper()
		if _, err := w.tunnels(t, who, id); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "POST /session") {
			t.Errorf("%s has another one: %v", who, err)
		}
	}
	busy("alice", "s3")
	if _, err := w.tunnels(t, "bob", "s4"); err != nil {
		t.Fatal(err)
	}
	busy("carol", "s5")
	// A message that is too large ends the session, and what it had is there for others.
	if err := first.Send(&control.BytesMessage{Data: make([]byte, mostTunnelled)}); err != nil {
		t.Fatal(err)
	}
	w.waits(t, func() bool {
		w.room.tunnels.mu.Lock()
		defer w.room.tunnels.mu.Unlock()
		return w.room.tunnels.free == largest && w.room.tunnels.each[whose(w.caller("alice").Ask.Subject)] == largest
	})
	if _, err := w.tunnels(t, "carol", "s6"); err != nil {
		t.Error(err)
	}
}
