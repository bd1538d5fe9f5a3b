package buildkit

import (
	"errors"
	"strings"
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// evil refuses files that something is fetched for.
func (w *world) evil() {
	w.judge.no = func(a *call.Ask) error {
		if s, ok := a.Body.(*call.Solve); ok && len(s.Fetches) > 0 {
			return &call.Refusal{Why: "no addresses", Record: "r7"}
		}
		return nil
	}
}

const evilFile = "FROM scratch\nADD https://h.test/x /\n"

// builds begins a build of alice's in sessions, and gives the part that the engine is told to read its file from.
func (w *world) builds(t *testing.T, cc *grpc.ClientConn, ref string, c *opened, attrs map[string]string) string {
	t.Helper()
	if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: ref, Session: c.id, Frontend: "dockerfile.v0", FrontendAttrs: attrs}); err != nil {
		t.Fatal(err)
	}
	w.engine.mu.Lock()
	defer w.engine.mu.Unlock()
	var got control.SolveRequest
	if err := proto.Unmarshal(w.engine.txt, &got); err != nil {
		t.Fatal(err)
	}
	return got.GetFrontendAttrs()["dockerfilekey"]
}

// What came in a session before a build said that it reads it may be in the builder's cache: each build has its file sent by a name of its own,
// which is looked at, and which the client does not see.
func TestEachBuildHasAPartOfItsOwn(t *testing.T) {
	w := newWorld()
	w.evil()
	c := w.session(t, "s1", false, map[string]string{"dockerfile:Dockerfile": evilFile, "d é:Dockerfile": evilFile})
	if err := c.takes(t, t.TempDir(), "dockerfile", "Dockerfile"); err != nil {
		t.Fatal("nobody reads it yet", err)
	}
	cc, _ := w.client(t, "alice")
	seen := map[string]bool{}
	for _, local := range []string{"", "", "d é"} { // a build that is tried again has another part
		attrs := map[string]string{}
		if local != "" {
			attrs["dockerfilekey"] = local
		}
		part := w.builds(t, cc, "b1", c, attrs)
		if !strings.HasPrefix(part, ownPart) || seen[part] {
			t.Fatalf("the engine reads %q", part)
		}
		seen[part] = true
		for range 2 {
			if err := c.takes(t, t.TempDir(), part, "Dockerfile"); err == nil || !strings.Contains(err.Error(), "no addresses") {
				t.Errorf("%q: %v", local, err)
			}
		}
	}
	if c.id = "s1"; w.room.files.of[c.id].size != w.kept(c.id) {
		t.Errorf("%d bytes are kept of %d", w.room.files.of[c.id].size, w.kept(c.id))
	}
}

// kept is what ways of reading take in a session.
func (w *world) kept(id string) int {
	n := 0
	for _, b := range w.room.files.of[id].reads {
		n += sizeOf(b)
	}
	return n
}

// The builder asks another session of the build where the first one is gone; one of another account has nothing of it, and nobody has when the
// build's own are gone.
func TestPartsInOtherSessions(t *testing.T) {
	w := newWorld()
	w.evil()
	files := map[string]string{"dockerfile:Dockerfile": evilFile}
	first, second := w.session(t, "s1", false, files), w.session(t, "s2", false, files)
	cc, _ := w.client(t, "alice")
	part := w.builds(t, cc, "b1", first, map[string]string{"local-sessionid:context": "s1"})
	if err := second.takes(t, t.TempDir(), part); err == nil || !strings.Contains(err.Error(), "no addresses") {
		t.Errorf("the fallback to any session: %v", err)
	}
	w.opens(t, "mallory", "m")
	if _, err := w.room.files.asked("m", part, nil); !errors.Is(err, errPart) {
		t.Errorf("another's: %v", err)
	}
	if err := first.takes(t, t.TempDir(), "dockerfile"); err == nil {
		t.Fatal("it is not looked at")
	}
	first.end()
	w.gone(t, "s1")
	if err := second.takes(t, t.TempDir(), part); err == nil || !strings.Contains(err.Error(), "of no build that runs") || !strings.Contains(err.Error(), "audit record: r1") {
		t.Errorf("after its session: %v", err)
	}
}

// A build from no session has no file that could be looked at.
func TestBuildNamesItsSession(t *testing.T) {
	w := newWorld()
	cc, _ := w.client(t, "alice")
	for _, name := range []string{"dockerfile.v0", "gateway.v0"} {
		_, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b1", Frontend: name, FrontendAttrs: map[string]string{"source": "f:1"}})
		if err == nil || !strings.Contains(err.Error(), "it names none") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), keyBuild, "b1")
	if _, err := gateway.NewLLBBridgeClient(cc).Solve(ctx, &gateway.SolveRequest{Frontend: "dockerfile.v0"}); err == nil || !strings.Contains(err.Error(), "it names none") {
		t.Errorf("a part of a build: %v", err)
	}
	if _, err := control.NewControlClient(cc).Solve(t.Context(), &control.SolveRequest{Ref: "b2", Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"context": "https://h.test/x.git"}}); err != nil {
		t.Errorf("one that reads none: %v", err)
	}
	if len(w.judge.strange) != 3 {
		t.Errorf("records %q", w.judge.strange)
	}
}

// The engine's own API has no other name for a build's file: what came by its name unlooked keeps a session from such builds.
func TestPassedFilesAreNoBuilds(t *testing.T) {
	w := newWorld()
	c := w.session(t, "s1", false, map[string]string{"dockerfile:Dockerfile": evilFile, "dockerfile:Own": "FROM a"})
	if err := c.takes(t, t.TempDir(), "dockerfile", "./sub/../Dockerfile"); err != nil {
		t.Fatal(err)
	}
	if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}); !errors.Is(err, errPassed) {
		t.Error(err)
	}
	for _, b := range []*call.BuildFile{{Local: "dockerfile", Name: "Own"}, {Local: "context", Name: "Dockerfile"}} {
		if err := w.file(t, c, b); err != nil {
			t.Error(err)
		}
	}
	if err := c.takes(t, t.TempDir(), "dockerfile", "Own"); err != nil {
		t.Fatal(err)
	}
	if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Own", Target: "x"}); err != nil {
		t.Errorf("it was looked at: %v", err)
	}
	for i := range mostPassed + 1 {
		if _, err := w.room.files.asked(c.id, "x", []string{strings.Repeat("x", i+1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Other"}); !errors.Is(err, errPassed) || len(w.room.files.of[c.id].passed) > mostPassed {
		t.Errorf("more came than is remembered: %v", err)
	}
}

// While such a build runs whose session is gone, its file is looked at in the account's other sessions, where the builder asks for it then.
func TestRunningBuildsFilesElsewhere(t *testing.T) {
	w := newWorld()
	w.evil()
	files := map[string]string{"dockerfile:Dockerfile": evilFile}
	first, second := w.session(t, "s1", false, files), w.session(t, "s2", false, files)
	over, err := w.room.File(t.Context(), w.caller("alice").Ask.Subject, first.id, &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"})
	if err != nil {
		t.Fatal(err)
	}
	w.opens(t, "mallory", "m")
	if n := w.names(t, second, "dockerfile"); len(n) > 0 {
		t.Errorf("parallel builds are none of each other's business: %q", n)
	}
	if err := first.takes(t, t.TempDir(), "dockerfile"); err == nil {
		t.Fatal("it is not looked at")
	}
	first.end()
	w.gone(t, "s1")
	if err := second.takes(t, t.TempDir(), "dockerfile", "Dockerfile"); err == nil || !strings.Contains(err.Error(), "no addresses") {
		t.Error(err)
	}
	if n := w.names(t, &opened{id: "m"}, "dockerfile"); len(n) > 0 {
		t.Errorf("another account's: %q", n)
	}
	over()
	if n := w.names(t, second, "dockerfile"); len(n) > 0 {
		t.Errorf("after it: %q", n)
	}
}
