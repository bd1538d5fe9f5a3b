package buildkit

import (
	"strings"
	"testing"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// Clients ask how a build goes on while they begin it, and show the first error that they get: both calls say why it was refused, and nobody else is
// told.
func TestRefusedBuild(t *testing.T) {
	w := newWorld()
	w.judge.no = func(a *call.Ask) error {
		if a.Call.Route.Action != "BuildSolve" {
			return nil
		}
		return &call.Refusal{Rule: "a/b", Why: "it has all rights", Record: "r1"}
	}
	alice, _ := w.client(t, "alice")
	mallory, _ := w.client(t, "mallory")
	how := func(c control.ControlClient) error {
		s, err := c.Status(t.Context(), &control.StatusRequest{Ref: "b1"})
		if err == nil {
			_, err = s.Recv()
		}
		return err
	}
	waits := make(chan error, 1)
	go func() { waits <- how(control.NewControlClient(alice)) }()
	if _, err := control.NewControlClient(alice).Solve(t.Context(), &control.SolveRequest{Ref: "b1"}); status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
	for _, err := range []error{<-waits, how(control.NewControlClient(alice))} {
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "it has all rights") || !strings.Contains(err.Error(), "r1") {
			t.Errorf("how the build goes on: %v", err)
		}
	}
	if err := how(control.NewControlClient(mallory)); err == nil || strings.Contains(err.Error(), "all rights") {
		t.Errorf("mallory is told %v", err)
	}
}

// A builder that says no more than that a build was cancelled, since its file was not passed on, is given the guard's reason for it; one that says
// something else has it said.
func TestRefusedFileOfABuild(t *testing.T) {
	w := newWorld()
	w.judge.no = func(a *call.Ask) error {
		if s, ok := a.Body.(*call.Solve); ok && len(s.FrontendImages) > 0 {
			return &call.Refusal{Rule: "a/b", Why: "no such program", Record: "r2"}
		}
		return nil
	}
	c := w.session(t, "s1", false, map[string]string{"dockerfile:Dockerfile": "# syntax=evil/f\nFROM a"})
	if err := w.file(t, c, &call.BuildFile{Local: "dockerfile", Name: "Dockerfile"}); err != nil {
		t.Fatal(err)
	}
	alice, _ := w.client(t, "alice")
	solve := func(ref string) error {
		_, err := control.NewControlClient(alice).Solve(t.Context(), &control.SolveRequest{Ref: ref, Session: "s1", Frontend: "dockerfile.v0"})
		return err
	}
	ends := status.Error(codes.Canceled, "context canceled")
	w.engine.during = func() error { return ends }
	if err := solve("b1"); status.Code(err) != codes.Canceled {
		t.Errorf("nothing was refused: %v", err)
	}
	w.engine.during = func() error {
		if err := c.takes(t, t.TempDir(), "dockerfile"); err == nil {
			t.Error("it came")
		}
		return ends
	}
	if err := solve("b2"); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "no such program") || !strings.Contains(err.Error(), "r2") {
		t.Error(err)
	}
	ends = status.Error(codes.Unknown, "the disk is full")
	if err := solve("b3"); status.Code(err) != codes.Unknown {
		t.Error(err)
	}
}
