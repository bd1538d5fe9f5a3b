//go:build e2e

package guarded

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// whose says whose connection it is.
type whose struct{}

func (whose) Identify(r *http.Request) (*call.Subject, error) {
	s, ok := r.Context().Value(whose{}).(call.Subject)
	if !ok {
		return nil, errors.New("nobody")
	}
	return &s, nil
}

// memory keeps records.
type memory struct {
	mu      sync.Mutex
	records []model.Record
}

func (m *memory) Append(_ context.Context, r model.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
	return nil
}

func (m *memory) Later(ctx context.Context, r model.Record) error { return m.Append(ctx, r) }

// guarded is an engine with a door for each of some people.
type guarded struct {
	*testing.T
	dir    string
	id     string // of its host
	at     string // its address; empty where the engine has a network to itself
	engine *lab.Engine
	log    *memory
	// profile is what workloads are held to; baseline where it is empty.
	profile    string
	harden     config.GuardHarden
	registries []string // that the engine may be made to call; none is any, but the host itself
}

func person(id, tenant string, roles ...string) call.Subject {
	return call.Subject{
		Principal: model.Principal{
			Ref: model.Ref{Type: "User", ID: id}, Name: id, Tenant: tenant, Roles: roles, Hosts: []string{"h1"},
			Credential: model.Ref{Type: "Session", ID: "peer"}, Auth: model.Strength{MFA: true},
		},
		Address: "unix:pid=1", FreshFactor: true,
	}
}

func newGuarded(t *testing.T, kind lab.Kind) *guarded {
	t.Helper()
	return newGuardedOn(t, kind, "h1", nil)
}

// newGuardedOn starts the engine with the network of a host of the lab, or with one of its own.
func newGuardedOn(t *testing.T, kind lab.Kind, id string, host *lab.Host) *guarded {
	t.Helper()
	dir, err := os.MkdirTemp("", "g")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e, err := lab.StartEngine(t.Context(), lab.EngineOptions{Kind: kind, Dir: filepath.Join(dir, "e"), Private: true, Host: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	g := &guarded{T: t, dir: dir, id: id, engine: e, log: &memory{}}
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if host != nil {
		g.at = host.Address
	}
	if _, err := lab.Load(t.Context(), cli, lab.Image{Tag: "busybox:1"}); err != nil {
		t.Fatal(err)
	}
	return g
}

// people opens a socket for each of them.
func (g *guarded) people(list ...call.Subject) {
	g.Helper()
	decider, err := authz.New(authz.Options{})
	if err != nil {
		g.Fatal(err)
	}
	own := filepath.Join(g.dir, "guard")
	if err := os.MkdirAll(own, 0o700); err != nil {
		g.Fatal(err)
	}
	door, err := newGuardedEngine(doorParts{
		engine: g.engine.Socket, dir: own, who: whose{}, slog: slog.New(slog.DiscardHandler), tenantLabel: "tenant", readable: []string{"/srv"},
		wanted: wanted(g.harden), pinDigest: g.harden.PinDigest,
		judge: judge.Parts{Decider: decider, Log: g.log, Tenant: model.SystemTenant, Host: g.id, Profile: cmp.Or(g.profile, "baseline"), Mode: judge.Enforce, Registries: g.registries},
	})
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = door.close() })
	for _, s := range list {
		l, err := net.Listen("unix", g.socket(s.Principal.ID))
		if err != nil {
			g.Fatal(err)
		}
		server := &http.Server{Handler: door, ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, whose{}, s)
		}}
		go func() { _ = server.Serve(l) }()
		g.Cleanup(func() { _ = server.Close() })
	}
}

func (g *guarded) socket(id string) string { return filepath.Join(g.dir, id+".sock") }

// docker runs the command line as somebody.
func (g *guarded) docker(id string, args ...string) (string, error) {
	g.Helper()
	ctx, cancel := context.WithTimeout(g.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+g.socket(id), "DOCKER_BUILDKIT=0", "DOCKER_CONFIG="+filepath.Join(g.dir, "config"))
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (g *guarded) may(id, want string, args ...string) string {
	g.Helper()
	out, err := g.docker(id, args...)
	if err != nil || !strings.Contains(out, want) {
		g.Errorf("%s: docker %s: %v: %s; want %q", id, strings.Join(args, " "), err, out, want)
	}
	return out
}

func (g *guarded) mayNot(id, want string, args ...string) {
	g.Helper()
	out, err := g.docker(id, args...)
	if err == nil || !strings.Contains(out, want) {
		g.Errorf("%s: docker %s: %v: %s; want a refusal with %q", id, strings.Join(args, " "), err, out, want)
	}
}

// builds: what somebody builds is that one's, whatever the builder says of it, and nobody else's.
func (g *guarded) builds(kind string) {
	g.Helper()
	dir := filepath.Join(g.dir, "context")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		g.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM busybox:1\nRUN echo "+kind+" > /made\n"), 0o644); err != nil {
		g.Fatal(err)
	}
	g.may("alice", "", "build", "-t", "alice/loud:1", dir)
	g.may("alice", "", "build", "-q", "-t", "alice/quiet:1", "--build-arg", "x=y", dir)
	for _, image := range []string{"alice/loud:1", "alice/quiet:1"} {
		g.may("alice", kind, "run", "--rm", image, "cat", "/made")
		g.mayNot("bob", "", "run", "--rm", image, "cat", "/made")
		g.mayNot("bob", "", "tag", "busybox:1", image)
	}
	if out := g.may("bob", "busybox", "images"); strings.Contains(out, "alice") {
		g.Errorf("bob sees %s", out)
	}
	g.may("alice", "alice/quiet:1", "rmi", "alice/quiet:1")
	g.mayNot("alice", "", "rmi", "busybox:1")
}

// TestGuardedEngine: a developer works with own things and nothing else, on both engines.
func TestGuardedEngine(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			g := newGuarded(t, kind)
			g.people(person("alice", "acme", model.RoleDeveloper), person("bob", "globex", model.RoleDeveloper), person("root", model.SystemTenant, model.RoleAdministrator),
				person("olga", "acme", model.RoleOperator), person("oleg", "globex", model.RoleOperator))
			g.may("alice", "Server", "version")
			g.may("alice", "hello", "run", "--rm", "busybox:1", "sh", "-c", "echo hello")
			id := g.may("alice", "", "run", "-d", "--name", "web", "-v", "data:/data", "busybox:1", "sleep", "300")
			g.may("alice", "web", "ps")
			g.may("alice", "uid=0", "exec", "web", "id")
			g.may("alice", "data", "volume", "ls")
			g.may("alice", "acme", "inspect", "--format", "{{json .Config.Labels}}", "web")
			g.may("root", "web", "ps")

			if out := g.may("bob", "", "ps", "-a"); strings.Contains(out, "web") {
				t.Errorf("bob sees %s", out)
			}
			if out := g.may("bob", "", "volume", "ls"); strings.Contains(out, "data") {
				t.Errorf("bob sees %s", out)
			}
			g.mayNot("bob", "No such container: web", "stop", "web")
			g.mayNot("bob", "No such container", "logs", id[:12])
			g.mayNot("bob", "", "exec", "web", "id")
			g.mayNot("bob", "", "run", "--rm", "-v", "data:/data", "busybox:1", "ls")
			g.mayNot("bob", "", "run", "--rm", "--pid", "container:web", "busybox:1", "ps")
			g.mayNot("bob", "", "rename", "web", "mine")

			g.mayNot("alice", "", "run", "--rm", "--privileged", "busybox:1", "id")
			g.mayNot("alice", "", "run", "--rm", "-v", "/:/host", "busybox:1", "ls", "/host")
			g.mayNot("alice", "", "exec", "--privileged", "web", "id")
			g.mayNot("alice", "", "run", "--rm", "--label", "io.bulkhead.owner=bob", "busybox:1", "id")
			g.mayNot("alice", "", "swarm", "init")
			g.shares()
			g.may("alice", "web", "rm", "-f", "web")
			g.builds(string(kind))
			g.prunes()
			g.loads()
			for _, r := range g.log.records {
				if r.Outcome == model.OutcomeFailed {
					t.Logf("%s %s %s", r.ActorName, r.Action, r.Reason)
				}
			}
		})
	}
}
