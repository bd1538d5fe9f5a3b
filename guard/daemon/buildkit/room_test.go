package buildkit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/model"
)

// judged remembers what it was asked, and refuses by no.
type judged struct {
	mu      sync.Mutex
	asks    []*call.Ask
	strange []string
	failed  []string
	no      func(a *call.Ask) error
	whole   bool
}

func (j *judged) Judge(_ context.Context, a *call.Ask) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asks = append(j.asks, a)
	if j.no != nil {
		return j.no(a)
	}
	return nil
}

func (j *judged) Whole(context.Context, *call.Ask) bool { return j.whole }

func (j *judged) NotUnderstood(_ context.Context, _ *call.Subject, method, target string, why error) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.strange = append(j.strange, method+" "+target+" "+why.Error())
	return "r1", nil
}

func (j *judged) Failed(_ context.Context, _ *call.Ask, why string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = append(j.failed, why)
	return nil
}

// engine answers every call, and remembers what it got.
type engine struct {
	mu  sync.Mutex
	got []string
	md  metadata.MD
	txt []byte
	// says is what it answers to a method; nothing otherwise.
	says map[string][]byte
	// during is called in a build, and says how that ends.
	during func() error
	// sessions are those that were opened, at the engine's end.
	sessions chan net.Conn
}

func (e *engine) handle(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	if strings.HasSuffix(method, "/Session") {
		over := make(chan struct{})
		e.sessions <- newTunnel(s, func() { close(over) })
		<-over
		return nil
	}
	var f frame
	if err := s.RecvMsg(&f); err != nil {
		return err
	}
	e.mu.Lock()
	e.got, e.txt = append(e.got, method), f.text
	e.md, _ = metadata.FromIncomingContext(s.Context())
	says, during := e.says[method], e.during
	e.mu.Unlock()
	if strings.HasSuffix(method, "/Solve") && during != nil {
		return during()
	}
	if strings.HasSuffix(method, "/Status") {
		<-s.Context().Done()
		return s.Context().Err()
	}
	return s.SendMsg(&frame{text: says})
}

// pipe is a pair of connections, of which closing one ends the other.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

type world struct {
	room   *Room
	judge  *judged
	engine *engine
	holds  atomic.Pointer[error]
}

func newWorld() *world {
	w := &world{judge: &judged{}, engine: &engine{sessions: make(chan net.Conn, 1)}}
	w.room = New(Parts{Judge: w.judge})
	w.room.every = 20 * time.Millisecond
	return w
}

func (w *world) caller(id string) Caller {
	s := &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: id}, Name: id}}
	return Caller{
		Ask: &call.Ask{Subject: s}, Who: func() (*call.Subject, error) { return s, nil },
		Holds: func(context.Context) error {
			if e := w.holds.Load(); e != nil {
				return *e
			}
			return nil
		},
	}
}

// client is a connection of somebody; ended gives what the room said in the end.
func (w *world) client(t *testing.T, id string) (*grpc.ClientConn, chan error) {
	t.Helper()
	client, here := pipe(t)
	there, far := pipe(t)
	go func() { _ = serve(t.Context(), far, w.engine.handle, calls()) }()
	ended := make(chan error, 1)
	go func() { ended <- w.room.GRPC(t.Context(), here, there, w.caller(id)) }()
	cc, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return client, nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return cc, ended
}

func TestCallsAreJudgedAndMadeAnew(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	c := control.NewControlClient(cc)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-evil", "1", "traceparent", "00-1-2-3")
	if _, err := c.Solve(ctx, &control.SolveRequest{Ref: "b1", Entitlements: []string{"network.host"}}); err != nil {
		t.Fatal(err)
	}
	s, ok := w.judge.asks[0].Body.(*call.Solve)
	if !ok || !s.HostNetwork || w.judge.asks[0].Call.Route.Action != "BuildSolve" {
		t.Errorf("%+v", w.judge.asks[0])
	}
	if len(w.engine.md.Get("x-evil")) > 0 || len(w.engine.md.Get("traceparent")) != 1 {
		t.Errorf("the engine got %v", w.engine.md)
	}
	w.judge.no = func(*call.Ask) error { return &call.Refusal{Why: "because", Rule: "r/1", Remedy: "use another"} }
	_, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b2"})
	if st := status.Convert(err); st.Code() != codes.PermissionDenied || !strings.Contains(st.Message(), "use another") {
		t.Error(err)
	}
	if len(w.engine.got) != 1 {
		t.Errorf("the engine got %v", w.engine.got)
	}
}

// opens notes a session that says nothing.
func (w *world) opens(t *testing.T, name, id string) string {
	t.Helper()
	if _, err := w.room.open(id, whose(w.caller(name).Ask.Subject)); err != nil {
		t.Fatal(err)
	}
	return id
}

// What is judged is what the engine gets, with the builder's own program for Dockerfiles where that is wanted.
func TestOwnFrontend(t *testing.T) {
	for _, own := range []bool{false, true} {
		w := newWorld()
		w.room.p.OwnFrontend = func() bool { return own }
		cc, _ := w.client(t, "alice")
		if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b1", Session: w.opens(t, "alice", "s1"), Frontend: "dockerfile.v0"}); err != nil {
			t.Fatal(err)
		}
		var got control.SolveRequest
		if err := proto.Unmarshal(w.engine.txt, &got); err != nil {
			t.Fatal(err)
		}
		if _, has := got.GetFrontendAttrs()["cmdline"]; has != own {
			t.Errorf("%t: the engine got %v", own, got.GetFrontendAttrs())
		}
	}
}

func TestUnknownIsRefusedAndRecorded(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	for _, method := range []string{
		"/moby.buildkit.v1.frontend.LLBBridge/NewContainer", "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess", "/moby.buildkit.v1.frontend.LLBBridge/ReleaseContainer",
		"/moby.buildkit.v1.Control/Moon", "/containerd.services.content.v1.Content/Write", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	} {
		w.judge.strange = nil
		err := cc.Invoke(t.Context(), method, &control.InfoRequest{}, &control.InfoResponse{})
		if status.Code(err) != codes.Unimplemented || len(w.judge.strange) != 1 || !strings.Contains(w.judge.strange[0], method) {
			t.Errorf("%s: %v %v", method, err, w.judge.strange)
		}
	}
	odd := &frame{text: protowire.AppendString(protowire.AppendTag(nil, 999, protowire.BytesType), "x")}
	w.judge.strange = nil
	err := cc.Invoke(t.Context(), "/moby.buildkit.v1.Control/Solve", odd, &frame{}, grpc.ForceCodecV2(codec{}))
	if status.Code(err) != codes.InvalidArgument || len(w.judge.strange) != 1 {
		t.Errorf("a field that nobody knows: %v %v", err, w.judge.strange)
	}
	big := &frame{text: make([]byte, largest+1)}
	if err := cc.Invoke(t.Context(), "/moby.buildkit.v1.Control/Solve", big, &frame{}, grpc.ForceCodecV2(codec{})); err == nil {
		t.Error("a message of more than the most")
	}
	stream, err := cc.NewStream(t.Context(), both(), "/moby.buildkit.v1.Control/Info", grpc.ForceCodecV2(codec{}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := stream.SendMsg(&frame{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.RecvMsg(&frame{}); err == nil {
		t.Error("two requests in one")
	}
	if len(w.engine.got) > 0 {
		t.Errorf("the engine got %v", w.engine.got)
	}
}

// Builds and sessions are of who opened them.
func TestOthers(t *testing.T) {
	w := newWorld()
	alice, _ := w.client(t, "alice")
	mallory, _ := w.client(t, "mallory")
	closed := make(chan struct{})
	opened := make(chan struct{})
	go func() {
		_ = w.room.Session(t.Context(), http.Header{headerID: {"s1"}, headerKey: {"k"}}, w.caller("alice"), func(_ context.Context, h http.Header, _ Carry) error {
			if h.Get(headerKey) == "k" || h.Get(headerID) != "s1" {
				t.Errorf("the engine gets %v", h)
			}
			close(opened)
			<-closed
			return nil
		})
	}()
	<-opened
	solve := func(cc *grpc.ClientConn, ref, session string) error {
		_, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: ref, Session: session})
		return err
	}
	if err := solve(alice, "b1", "s1"); err != nil {
		t.Error(err)
	}
	if err := solve(mallory, "b2", "s1"); err == nil || !strings.Contains(err.Error(), "another account's") {
		t.Errorf("alice's session: %v", err)
	}
	if err := solve(alice, "b2", "x:s1"); err == nil || !strings.Contains(err.Error(), "has a prefix") {
		t.Errorf("the builder would ask for other files than those that are looked at: %v", err)
	}
	if err := w.room.Own(t.Context(), w.caller("alice"), "x:s1"); err == nil || errors.Is(err, errNone) {
		t.Errorf("a call of the engine's own API: %v", err)
	}
	if err := solve(mallory, "b1", ""); err == nil {
		t.Error("alice's build is begun again")
	}
	if err := w.room.Session(t.Context(), http.Header{headerID: {"s1"}}, w.caller("mallory"), func(context.Context, http.Header, Carry) error { return nil }); !errors.Is(err, errTaken) {
		t.Errorf("a session of that name: %v", err)
	}
	// Builds of the engine's own API have names of their own: who takes one has no build of the builder's, and keeps nobody from one.
	if err := w.room.Claim(w.caller("alice"), "b3"); err != nil {
		t.Error(err)
	}
	if err := w.room.Claim(w.caller("mallory"), "b3"); !errors.Is(err, errOthers) {
		t.Errorf("alice's build is claimed: %v", err)
	}
	if err := w.room.Claim(w.caller("mallory"), "b4"); err != nil || w.room.book.owns("b4", whose(w.caller("mallory").Ask.Subject)) {
		t.Errorf("mallory has a build of the builder's: %v", err)
	}
	if err := solve(alice, "b4", "s1"); err != nil {
		t.Errorf("mallory took the name of a build: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), keyBuild, "b1")
	if _, err := gateway.NewLLBBridgeClient(alice).Ping(ctx, &gateway.PingRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := gateway.NewLLBBridgeClient(mallory).ReadFile(ctx, &gateway.ReadFileRequest{Ref: "x"}); err == nil || !strings.Contains(err.Error(), "another account's") {
		t.Errorf("a file of alice's build: %v", err)
	}
	s, err := control.NewControlClient(mallory).Status(t.Context(), &control.StatusRequest{Ref: "b1"})
	if err == nil {
		_, err = s.Recv()
	}
	if err == nil || !strings.Contains(err.Error(), "another account's") {
		t.Errorf("what alice's build writes: %v", err)
	}
	close(closed)
}

// History of an own build is one's own; of all it is the host's.
func TestHistory(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	c := control.NewControlClient(cc)
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"b1": "BuildPart", "b2": "BuildHistory", "": "BuildHistory"} {
		w.judge.asks = nil
		s, err := c.ListenBuildHistory(t.Context(), &control.BuildHistoryRequest{Ref: ref})
		if err == nil {
			_, err = s.Recv()
		}
		if err != nil || len(w.judge.asks) != 1 || string(w.judge.asks[0].Call.Route.Action) != want {
			t.Errorf("%q: %v %+v", ref, err, w.judge.asks)
		}
	}
}

// A connection ends with the right to it, and calls on it say why.
func TestEndsWithItsRight(t *testing.T) {
	w := newWorld()
	cc, ended := w.client(t, "alice")
	c := control.NewControlClient(cc)
	if _, err := c.Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Status(t.Context(), &control.StatusRequest{Ref: "b1"})
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("alice left")
	w.holds.Store(&no)
	if _, err := s.Recv(); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "alice left") {
		t.Errorf("%v", err)
	}
	var end *lasting.EndedError
	select {
	case err := <-ended:
		if !errors.As(err, &end) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
	if len(w.judge.failed) == 0 {
		t.Error("the end is not recorded")
	}
}

// A session over HTTP ends with the right to it, too.
func TestSessionEndsWithItsRight(t *testing.T) {
	w := newWorld()
	no := errors.New("alice left")
	err := w.room.Session(t.Context(), http.Header{headerID: {"s1"}}, w.caller("alice"), func(ctx context.Context, _ http.Header, _ Carry) error {
		w.holds.Store(&no)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	var end *lasting.EndedError
	if !errors.As(err, &end) || !errors.Is(err, no) || len(w.judge.failed) != 1 {
		t.Errorf("%v %v", err, w.judge.failed)
	}
	if len(w.room.book.sessions) != 0 {
		t.Errorf("it goes on: %v", w.room.book.sessions)
	}
	for name, h := range map[string]http.Header{
		"twice": {headerID: {"a", "b"}}, "no name": {}, "odd": {headerID: {"a"}, headerKey: {"a\nb"}}, "many": {headerID: {"a"}, headerMethod: make([]string, mostMethods+1)},
	} {
		var none *NoSessionError
		err := w.room.Session(t.Context(), h, w.caller("alice"), func(context.Context, http.Header, Carry) error { return nil })
		if !errors.As(err, &none) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	w := newWorld()
	client, here := pipe(t)
	go func() { _ = w.room.Refuse(t.Context(), here, &call.Refusal{Why: "no", Remedy: "DOCKER_BUILDKIT=0"}) }()
	cc, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return client, nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	_, err = control.NewControlClient(cc).ListWorkers(t.Context(), &control.ListWorkersRequest{})
	if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "DOCKER_BUILDKIT=0") {
		t.Error(err)
	}
}
