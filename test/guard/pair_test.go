//go:build e2e

package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// side is an engine as its clients see it.
type side struct {
	name   string
	dir    string // home and working directory of its clients; the other side's has a name of the same length
	socket string // what clients call
	engine *lab.Engine
}

// pair are two engines of the same kind: clients call one directly and the other through the door.
type pair struct {
	kind            lab.Kind
	direct, through *side
}

func (p *pair) sides() []*side { return []*side{p.direct, p.through} }

// newPair starts both engines, alike in everything that clients see, with the image lab/sh:1.
func newPair(t *testing.T, kind lab.Kind, r *recorder) *pair {
	t.Helper()
	p := &pair{kind: kind, direct: newSide(t, kind, "a"), through: newSide(t, kind, "b")}
	p.direct.socket = filepath.Join(p.direct.dir, "s.sock")
	if err := os.Symlink(p.direct.engine.Socket, p.direct.socket); err != nil {
		t.Fatal(err)
	}
	p.through.socket = filepath.Join(p.through.dir, "s.sock")
	r.between(t, p.through.socket, startGuard(t, p.through.dir, p.through.engine.Socket, "none").socket)
	return p
}

func newSide(t testing.TB, kind lab.Kind, name string) *side {
	t.Helper()
	dir, err := os.MkdirTemp("", "bhg") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &side{name: name, dir: filepath.Join(dir, "home")}
	if err := os.CopyFS(s.dir, os.DirFS("testdata/home")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(s.dir, "tree", "link")); err != nil {
		t.Fatal(err)
	}
	e, err := lab.StartEngine(t.Context(), lab.EngineOptions{Kind: kind, Private: true, Dir: filepath.Join(dir, "e")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	s.engine = e
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cli.Close() }()
	image := lab.Image{Tag: "lab/sh:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}, Created: time.Unix(1_700_000_000, 0).UTC()}
	if _, err := lab.Load(t.Context(), cli, image); err != nil {
		t.Fatal(err)
	}
	return s
}

// client is a set of command lines, first in PATH.
type client struct {
	name string
	bin  string
	// compose is what COMPOSE stands for.
	compose string
	// plugins are those of docker.
	plugins string
}

// equip gives a side the client's configuration.
func (s *side) equip(c client) error {
	dir := s.config(c)
	if err := os.MkdirAll(dir, 0o755); err != nil || c.plugins == "" {
		return err
	}
	if err := os.Symlink(c.plugins, filepath.Join(dir, "cli-plugins")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (s *side) config(c client) string { return filepath.Join(s.dir, ".config-"+c.name) }

// clients are Debian's command lines and the newest.
func clients(t *testing.T) (old, newest client) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../scripts/clients-current").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("scripts/clients-current: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink("/usr/bin/docker", filepath.Join(bin, "docker")); err != nil {
		t.Fatal(err)
	}
	built := string(bytes.TrimSpace(out))
	return client{name: "docker-20.10", bin: bin, compose: "docker-compose"},
		client{name: "docker-29", bin: built, compose: "docker compose", plugins: filepath.Join(built, "cli-plugins")}
}

// answer is what a command did.
type answer struct {
	code     int
	out, err string
}

func (a answer) String() string {
	return fmt.Sprintf("exit %d\n--- stdout\n%s\n--- stderr\n%s", a.code, a.out, a.err)
}

// longest is how long one command may take on a busy machine.
const longest = 90 * time.Second

// run runs a command line on one side.
func (s *side) run(ctx context.Context, c client, line string) answer {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir = s.dir
	cmd.Env = []string{
		"PATH=" + c.bin + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "DOCKER_HOST=unix://" + s.socket, "DOCKER_BUILDKIT=0", "DOCKER_CONFIG=" + s.config(c),
		"DOCKER_CLI_HINTS=false", "LC_ALL=C", "COMPOSE_PROGRESS=plain", "BUILDKIT_PROGRESS=plain", "TZ=UTC",
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, 5*time.Second
	err := cmd.Run()
	// The guard calls the engine by full ids, and the engine's complaints are about those.
	a := answer{out: normal(out.String(), s), err: ownNames.ReplaceAllString(normal(errs.String(), s), "ID")}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		a.code, a.err = -1, a.err+"\n(it did not end in time)"
	case errors.As(err, &exit):
		a.code = exit.ExitCode()
	case err != nil:
		a.code, a.err = -2, a.err+err.Error()
	}
	return a
}

// both runs a command line on both sides at the same time.
func (p *pair) both(ctx context.Context, c client, line string) [2]answer {
	var got [2]answer
	var wait sync.WaitGroup
	for i, s := range p.sides() {
		wait.Go(func() { got[i] = s.run(ctx, c, line) })
	}
	wait.Wait()
	return got
}
