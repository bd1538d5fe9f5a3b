package buildkit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestBudget(t *testing.T) {
	b := newBudget(mostRead, mostReadEach, errBusy)
	var shares []*share
	for _, c := range []struct {
		who string
		has int // the fewer are left, the fewer one account gets of them
	}{{"a", mostReadEach / largest}, {"b", mostReadEach / largest}, {"c", mostReadEach / largest}, {"d", 2}, {"e", 1}, {"f", 1}, {"g", 0}} {
		for i := range c.has + 1 {
			soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			s, err := b.take(soon, c.who, largest)
			cancel()
			if i == c.has {
				if !errors.Is(err, errBusy) {
					t.Errorf("%s has more than %d: %v", c.who, c.has, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, %d: %v", c.who, i, err)
			}
			shares = append(shares, s)
		}
	}
	got := make(chan error, 1)
	go func() { _, err := b.take(t.Context(), "g", largest); got <- err }()
	shares[0].keep(0)
	shares[0].keep(5) // it has nothing to keep
	if err := <-got; err != nil {
		t.Error(err)
	}
	for _, s := range shares {
		s.keep(0)
	}
	if b.free != mostRead-largest || len(b.each) != 1 {
		t.Errorf("%d bytes are free, and %v have some", b.free, b.each)
	}
}

// One account that has much taken apart leaves a place to others, in requests and in Dockerfiles.
func TestPlaces(t *testing.T) {
	w := newWorld()
	w.room.readTime = 50 * time.Millisecond
	mallory := &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: "mallory"}}}
	var given []func()
	for range mostDecodesEach {
		back, err := w.room.decodes.take(t.Context(), whose(mallory))
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, back)
	}
	asks := func(who *call.Subject) error {
		_, err := w.room.fileAsks(t.Context(), who, []byte("FROM a"), &call.BuildFile{}, nil)
		return err
	}
	if err := asks(mallory); !errors.Is(err, errBusy) {
		t.Errorf("more than one account may have: %v", err)
	}
	w.room.readTime = time.Minute
	if err := asks(&call.Subject{}); err != nil {
		t.Errorf("another waits: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, given[0])
	if err := asks(mallory); err != nil {
		t.Errorf("a place that was given back: %v", err)
	}
	given[0]() // once is enough
	given[1]()
	if len(w.room.decodes.each) != 0 || w.room.decodes.free != mostDecodes {
		t.Errorf("%d places are free, and %v have some", w.room.decodes.free, w.room.decodes.each)
	}
}

// begun is a request whose headers are there, and its message is not.
func begun(t *testing.T, cc *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	s, err := cc.NewStream(t.Context(), both(), "/moby.buildkit.v1.Control/Info", grpc.ForceCodecV2(codec{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Who sends slowly, on as many connections as he likes, holds no place for others, and gives his own back.
func TestSlowRequests(t *testing.T) {
	w := newWorld()
	w.room.readTime = 5 * time.Second
	var slow []grpc.ClientStream
	for range 3 {
		cc, _ := w.client(t, "mallory")
		for range 4 {
			slow = append(slow, begun(t, cc))
		}
	}
	alice, _ := w.client(t, "alice")
	if _, err := control.NewControlClient(alice).Info(t.Context(), &control.InfoRequest{}); err != nil {
		t.Errorf("alice waits for mallory: %v", err)
	}
	var busy, late int
	for _, s := range slow {
		switch err := s.RecvMsg(&frame{}); {
		case status.Code(err) == codes.ResourceExhausted:
			busy++
		case err != nil && strings.Contains(err.Error(), "did not come in time"):
			late++
		default:
			t.Error(err)
		}
	}
	if late < mostReadEach/largest || busy+late != len(slow) {
		t.Errorf("%d were refused, %d were late", busy, late)
	}
	w.room.reads.mu.Lock()
	defer w.room.reads.mu.Unlock()
	if w.room.reads.free != mostRead {
		t.Errorf("%d bytes of %d are free", w.room.reads.free, mostRead)
	}
}

// A build that goes on holds nothing of what may be read.
func TestRunningHoldsNothing(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	c := control.NewControlClient(cc)
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	for range 2 * mostReadEach / largest {
		if _, err := c.Status(t.Context(), &control.StatusRequest{Ref: "b1"}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		w.room.reads.mu.Lock()
		free := w.room.reads.free
		w.room.reads.mu.Unlock()
		w.engine.mu.Lock()
		n := len(w.engine.got)
		w.engine.mu.Unlock()
		if free == mostRead && n == 1+2*mostReadEach/largest {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of %d are free, with %d calls", free, mostRead, n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A call that the guard falls over ends, with its record; the connection and the guard go on.
func TestFallsOver(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	c := control.NewControlClient(cc)
	w.judge.no = func(*call.Ask) error { panic("moon") }
	_, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b1"})
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "moon") {
		t.Error(err)
	}
	if len(w.judge.failed) != 1 {
		t.Errorf("it is recorded as %v", w.judge.failed)
	}
	w.judge.no = nil
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b2"}); err != nil {
		t.Error(err)
	}
}
