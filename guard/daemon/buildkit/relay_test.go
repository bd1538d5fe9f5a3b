package buildkit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/tonistiigi/fsutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// opened is a session of somebody's with files, as a client serves it and a builder asks for them, with the guard between the two.
type opened struct {
	id, dir string
	builder *grpc.ClientConn
	end     func() // of the client
}

// session is one of alice's, opened over a connection of its own, or by a call of the protocol. Files are LOCAL:PATH to what they say.
func (w *world) session(t *testing.T, id string, byCall bool, files map[string]string) *opened {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, strings.Replace(name, ":", "/", 1)), text)
	}
	client := w.connection(t, id, byCall)
	go serveFiles(t, client, dir)
	var far net.Conn
	select {
	case far = <-w.engine.sessions:
	case <-time.After(20 * time.Second):
		t.Fatal("the engine sees no session")
	}
	cc, err := dial(far, mostHeader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close(); client.Close() })
	return &opened{id: id, dir: dir, builder: cc, end: func() { client.Close() }}
}

func (w *world) connection(t *testing.T, id string, byCall bool) net.Conn {
	t.Helper()
	if byCall {
		cc, _ := w.client(t, "alice")
		ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), strings.ToLower(headerID), id))
		s, err := cc.NewStream(ctx, both(), control.Control_Session_FullMethodName, grpc.ForceCodecV2(codec{}))
		if err != nil {
			t.Fatal(err)
		}
		return newTunnel(s, cancel)
	}
	client, here := pipe(t)
	there, far := pipe(t)
	go func() {
		_ = w.room.Session(t.Context(), http.Header{headerID: {id}}, w.caller("alice"), func(ctx context.Context, _ http.Header, carry Carry) error {
			w.engine.sessions <- far
			return carry(ctx, here, there)
		})
	}()
	return client
}

// serveFiles is the client's end: it sends what it is asked for, and echoes all else.
func serveFiles(t *testing.T, c net.Conn, dir string) {
	s := grpc.NewServer(grpc.ForceServerCodecV2(packets{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		md, _ := metadata.FromIncomingContext(s.Context())
		if method != diffCopy {
			for {
				var f frame
				if err := s.RecvMsg(&f); err != nil {
					return nil //nolint:nilerr // its end
				}
				if string(f.text) == "fail" {
					return status.Error(7, "not yours")
				}
				if err := s.SendMsg(&f); err != nil {
					return err
				}
			}
		}
		fs, err := fsutil.NewFS(filepath.Join(dir, saidBy(md, keyDirName)[0]))
		if err != nil {
			return err
		}
		return fsutil.Send(s.Context(), s, fs, nil)
	}))
	l := listenOnce(c)
	_ = s.Serve(l)
	t.Log("the client is gone")
}

func write(t *testing.T, at, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if to, is := strings.CutPrefix(text, "-> "); is {
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// takes has the builder take a part of a session, by paths if there are some.
func (o *opened) takes(t *testing.T, to, local string, follow ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), keyDirName, local), 20*time.Second)
	defer cancel()
	for _, at := range follow {
		ctx = metadata.AppendToOutgoingContext(ctx, keyFollow, at)
	}
	s, err := o.builder.NewStream(ctx, both(), diffCopy, grpc.ForceCodecV2(packets{}))
	if err != nil {
		return err
	}
	if err := fsutil.Receive(ctx, s, to, fsutil.ReceiveOpt{}); err != nil {
		return err
	}
	return s.CloseSend()
}

// file is a build of alice's by the engine's own API that reads a file of a session, and goes on until the test is over.
func (w *world) file(t *testing.T, o *opened, b *call.BuildFile) error {
	t.Helper()
	over, err := w.room.File(t.Context(), w.caller("alice").Ask.Subject, o.id, b)
	if err == nil {
		t.Cleanup(over)
	}
	return err
}

// names are the paths of a part of a session that are looked at.
func (w *world) names(t *testing.T, o *opened, local string) []string {
	t.Helper()
	p, err := w.room.files.asked(o.id, local, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.names()
}

func content(t *testing.T, at ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(at...))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// both ways of opening a session.
func eachWay(t *testing.T, do func(t *testing.T, byCall bool)) {
	t.Run("connection", func(t *testing.T) { do(t, false) })
	t.Run("call", func(t *testing.T) { do(t, true) })
}

// packets are written as the builder writes them; frames go as they are.
type packets struct{ codec }

func (p packets) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(proto.Message); ok {
		text, err := proto.Marshal(m)
		return mem.BufferSlice{mem.SliceBuffer(text)}, err
	}
	return p.codec.Marshal(v)
}

func (p packets) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(proto.Message); ok {
		return proto.Unmarshal(data.Materialize(), m)
	}
	return p.codec.Unmarshal(data, v)
}

// A Dockerfile is judged on its way, and comes whole; other files are not held, and secrets come too.
func TestDockerfileOnItsWay(t *testing.T) {
	eachWay(t, func(t *testing.T, byCall bool) {
		w := newWorld()
		large := strings.Repeat("0123456789abcdef", 512<<10) // 8 MiB
		text := "FROM base:1\nADD https://h.test/x /\n" + strings.Repeat("# a remark\n", 20_000)
		c := w.session(t, "s1", byCall, map[string]string{"dockerfile:Dockerfile": text, "dockerfile:Dockerfile.dockerignore": "x", "context:large": large})
		if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := c.takes(t, dir, "dockerfile"); err != nil {
			t.Fatal(err)
		}
		if content(t, dir, "Dockerfile") != text || content(t, dir, "Dockerfile.dockerignore") != "x" {
			t.Error("it came otherwise")
		}
		w.judge.mu.Lock()
		asks := w.judge.asks[len(w.judge.asks)-1]
		w.judge.mu.Unlock()
		if s, ok := asks.Body.(*call.Solve); !ok || len(s.Bases) != 1 || s.Bases[0].Name != "base:1" || len(s.Fetches) != 1 || asks.Call.Route.Action != "BuildSolve" {
			t.Errorf("%+v", asks)
		}
		dir = t.TempDir()
		if err := c.takes(t, dir, "context"); err != nil || content(t, dir, "large") != large {
			t.Error(err)
		}
	})
}

// What is refused does not come, and the builder is told why in the judge's words.
func TestDockerfileRefused(t *testing.T) {
	eachWay(t, func(t *testing.T, byCall bool) {
		w := newWorld()
		w.judge.no = func(a *call.Ask) error {
			if s, ok := a.Body.(*call.Solve); ok && len(s.FrontendImages) > 0 {
				return &call.Refusal{Rule: "r/frontend", Why: "no such program", Remedy: "leave it out", Record: "r7"}
			}
			return nil
		}
		c := w.session(t, "s1", byCall, map[string]string{"dockerfile:Dockerfile": "# syntax=evil/f\nFROM a"})
		file := &call.BuildFile{Local: "dockerfile", Name: "Dockerfile", Own: true}
		if err := w.file(t, c, file); err != nil {
			t.Fatal(err)
		}
		if err := c.takes(t, t.TempDir(), "dockerfile"); err != nil {
			t.Fatalf("the builder's own program: %v", err)
		}
		// The builder asks once for what two builds read: the other way of reading is judged by what came.
		// Who tries it again is told the same.
		other := &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}
		for range 2 {
			if err := w.file(t, c, other); err == nil || !strings.Contains(err.Error(), "no such program") {
				t.Errorf("another reading of what came: %v", err)
			}
		}
		dir := t.TempDir()
		err := c.takes(t, dir, "dockerfile")
		for _, want := range []string{"no such program", "rule: r/frontend", "what would pass: leave it out", "audit record: r7"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: no %q", err, want)
			}
		}
		if got := content(t, dir, "Dockerfile"); got != "" {
			t.Errorf("the builder has it: %q", got)
		}
	})
}

// What the builder kept of an earlier build it asks for again: it may have been judged by other rules, or as something else.
func TestDockerfileComesAgain(t *testing.T) {
	w := newWorld()
	c := w.session(t, "s1", false, map[string]string{"dockerfile:Dockerfile": "FROM a"})
	dir := t.TempDir()
	if err := c.takes(t, dir, "dockerfile"); err != nil || len(w.judge.asks) != 0 {
		t.Fatal("nobody reads it yet", err)
	}
	if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := len(w.judge.asks)
		if err := c.takes(t, dir, "dockerfile"); err != nil || len(w.judge.asks) != before+1 {
			t.Errorf("%v: judged %d times", err, len(w.judge.asks)-before)
		}
	}
}

// A Dockerfile that is a link could become another file than the one that was judged.
func TestDockerfileIsNoLink(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"itself": {"dockerfile:Dockerfile": "-> sub/x", "dockerfile:sub/x": "FROM a"},
		"before": {"dockerfile:Dockerfile": "FROM a", "dockerfile:sub": "-> ."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c := w.session(t, "s1", false, files)
			for _, at := range []string{"Dockerfile", "sub/Dockerfile"} {
				if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: at}); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.takes(t, t.TempDir(), "dockerfile"); err == nil || !strings.Contains(err.Error(), "is a link") || !strings.Contains(err.Error(), "audit record: r1") {
				t.Error(err)
			}
			if len(w.judge.strange) != 1 {
				t.Errorf("records %q", w.judge.strange)
			}
		})
	}
}

// A build says how its file is read; parts of it are read in its own sessions.
func TestBuildsSayHowFilesAreRead(t *testing.T) {
	w := newWorld()
	c := w.session(t, "s1", false, map[string]string{"dockerfile:Dockerfile": "FROM a"})
	cc, _ := w.client(t, "alice")
	if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b1", Session: c.id}); err != nil {
		t.Fatal(err)
	}
	if names := w.names(t, c, "dockerfile"); len(names) != 0 {
		t.Error(names)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), keyBuild, "b1")
	if _, err := gateway.NewLLBBridgeClient(cc).Solve(ctx, &gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: map[string]string{"filename": "Own"}}); err != nil {
		t.Fatal(err)
	}
	if names := w.names(t, c, "dockerfile"); len(names) != 1 || names[0] != "Own" {
		t.Error(names)
	}
	if names := w.names(t, c, "context"); len(names) != 0 {
		t.Error(names)
	}
	other := w.session(t, "s2", false, map[string]string{"dockerfile:Own": "FROM a"})
	if names := w.names(t, other, "dockerfile"); len(names) != 0 {
		t.Errorf("no build reads in it: %v", names)
	}
}

// What else the builder asks goes on as it is, with what the client answers; a session ends with its client.
func TestSessionCarriesAll(t *testing.T) {
	eachWay(t, func(t *testing.T, byCall bool) {
		w := newWorld()
		c := w.session(t, "s1", byCall, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s, err := c.builder.NewStream(ctx, both(), "/moby.buildkit.secrets.v1.Secrets/GetSecret")
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			f := &frame{text: []byte("hello")}
			if err := s.SendMsg(f); err != nil {
				t.Fatal(err)
			}
			if f.text = nil; s.RecvMsg(f) != nil || string(f.text) != "hello" {
				t.Fatalf("%q", f.text)
			}
		}
		if err := w.room.Own(t.Context(), w.caller("alice"), "s1"); err != nil {
			t.Error(err)
		}
		if err := w.room.Own(t.Context(), w.caller("mallory"), "s1"); !errors.Is(err, errOthers) {
			t.Error(err)
		}
		if err := s.SendMsg(&frame{text: []byte("fail")}); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&frame{}); status.Code(err) != 7 || !strings.Contains(err.Error(), "not yours") {
			t.Error(err)
		}
		tar, err := c.builder.NewStream(ctx, both(), tarStream)
		if err == nil {
			err = tar.RecvMsg(&frame{})
		}
		if err == nil || errors.Is(err, io.EOF) {
			t.Error("files are sent in a way that nobody looks at")
		}
		c.end()
		w.over(t)
	})
}

// A session that the engine ends is over, though its client says nothing.
func TestSessionThatTheEngineEnds(t *testing.T) {
	eachWay(t, func(t *testing.T, byCall bool) {
		w := newWorld()
		c := w.session(t, "s1", byCall, nil)
		s, err := c.builder.NewStream(t.Context(), both(), "/moby.buildkit.secrets.v1.Secrets/GetSecret")
		if err == nil {
			err = errors.Join(s.SendMsg(&frame{text: []byte("hello")}), s.RecvMsg(&frame{}))
		}
		if err != nil {
			t.Fatal(err)
		}
		c.builder.Close()
		w.over(t)
	})
}

// over waits until there is no session.
func (w *world) over(t *testing.T) {
	t.Helper()
	w.waits(t, func() bool { return len(w.room.book.sessions)+len(w.room.files.of) == 0 })
}

// gone waits until a session is over.
func (w *world) gone(t *testing.T, id string) {
	t.Helper()
	w.waits(t, func() bool { return w.room.book.sessions[id] == "" && w.room.files.of[id] == nil })
}

func (w *world) waits(t *testing.T, is func() bool) {
	t.Helper()
	for range 600 {
		w.room.book.mu.Lock()
		w.room.files.mu.Lock()
		ok := is()
		w.room.files.mu.Unlock()
		w.room.book.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("it goes on without one of its ends, or holds what it had")
}
