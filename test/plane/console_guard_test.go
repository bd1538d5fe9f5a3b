//go:build e2e

package plane

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/judged"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// guards are two guards before the engines of simulated nodes: what they decide and record is the judge's own doing, over the shipped
// policies and the facts of bodies as the guard reads them.
type guards struct {
	enforcing, observing *guarded
}

// guarded is one node's guard with the log that it writes.
type guarded struct {
	*judged.Guard
	mu   sync.Mutex
	node *sim.Agent
	log  *nodeLog
	sent uint64
	kept []uint64
}

// quietHost has nothing that a body could name beside what it says itself.
type quietHost struct{}

func (quietHost) Path(p string) workload.Path {
	if p == "/var/run/docker.sock" {
		return workload.Path{Resolved: "/run/docker.sock"}
	}
	return workload.Path{Resolved: path.Clean(p)}
}

func (quietHost) Below(string) bool { return false }

func (quietHost) Volume(context.Context, string) (workload.Volume, bool, error) {
	return workload.Volume{}, false, nil
}

func (quietHost) Container(_ context.Context, name string) (workload.Peer, error) {
	return workload.Peer{}, fmt.Errorf("no container %q", name)
}

func (quietHost) Network(_ context.Context, name string) (workload.Network, error) {
	return workload.Network{ID: name, Name: name, Driver: "bridge"}, nil
}

func (quietHost) Image(_ context.Context, ref string) (workload.Image, bool, error) {
	return workload.Image{ID: "sha256:" + strings.Repeat("1", 64), User: "10001", Cmd: []string{"/app"}}, true, nil
}

// reads says what a call would run by its body.
type reads struct{ workload.Reader }

func (reads) Harden(context.Context, *call.Ask) ([]string, error) { return nil, nil }

func (r reads) Facts(ctx context.Context, a *call.Ask) (map[string]any, error) {
	var w model.Workload
	switch b := a.Body.(type) {
	case *container.CreateRequest:
		w = r.FromCreate(ctx, b)
	case *call.ExecCreate:
		w = r.FromExec(&b.ExecCreateRequest, model.Workload{}, nil)
	default:
		return nil, errors.New("not of this test")
	}
	return workload.Facts(&w, workload.Extra{Defaults: r.Defaults, Tenant: a.Subject.Principal.Tenant}), nil
}

func (w *consoleWorld) newGuarded(t *testing.T, node *sim.Agent, mode judge.Mode, profile string) *guarded {
	t.Helper()
	d := workload.Defaults{
		Seccomp: "default", AppArmor: "docker-default", CgroupNamespace: "private", Runtime: "runc", Runtimes: []string{"runc"},
		Sockets: []string{"/run/docker.sock"}, LogDriver: "json-file",
	}
	g := judged.New(t, t.TempDir(), model.NodeLogs+node.Node, judge.Parts{
		Host: node.Node, Profile: profile, Mode: mode, FourEyes: []string{"ContainerCopyOut"},
		Workloads: reads{workload.Reader{Host: quietHost{}, Texts: &secret.Detector{}, Defaults: d}},
	})
	g.At = time.Now().Add(-3 * 24 * time.Hour)
	return &guarded{node: node, log: &nodeLog{g.Log, g.Key}, Guard: g}
}

// ask has somebody call the engine, as the guard's door would put it to the judge.
func (g *guarded) ask(t *testing.T, who *call.Subject, target string, o *call.Object, body any) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	method, at, _ := strings.Cut(target, " ")
	a := g.Ask(t, who, method, at, o)
	if a.Call.Name == "" && o != nil {
		a.Call.Name = o.Name
	}
	if body != nil {
		a.Body = body
	}
	g.Judge(t, a)
	g.At = g.At.Add(7 * time.Minute)
}

// send gives the control plane what is new in the log, as an agent does.
func (g *guarded) send(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	part := g.log.part(t, g.sent)
	if len(g.kept) > 0 {
		g.log.prove(t, part, g.kept...)
	}
	res, err := g.node.SendLog(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	g.sent, g.kept = res.GetNext(), res.GetKept()
}

func subject(name, tenant string, uid int, roles ...string) *call.Subject {
	return &call.Subject{
		Principal: model.Principal{Ref: model.Ref{Type: "User", ID: name}, Name: name, Tenant: tenant, Roles: roles, Credential: model.Ref{Type: "Session", ID: fmt.Sprintf("peer:%d", uid)}},
		Address:   fmt.Sprintf("unix:pid=%d,uid=%d,gid=%d", 4000+uid, uid, uid), UserAgent: "Docker-Client/29.1 (linux)",
	}
}

func made(name string) *call.Object {
	return &call.Object{Kind: route.Container, Name: name, New: true}
}

// containerOf is a container of a simulated host.
func containerOf(index int, name, owner string) *call.Object {
	return &call.Object{Kind: route.Container, ID: fmt.Sprintf("%064x", index), Name: name, Tenant: "acme", Owner: owner, Labels: map[string]string{}}
}

func create(image string, hc container.HostConfig) *container.CreateRequest {
	return &container.CreateRequest{Config: &container.Config{Image: image}, HostConfig: &hc}
}

// askedFor is the id of a container of edge-01 that somebody asks to copy from.
const askedFor = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"

// guard has people work with two engines for three days: one guard enforces, one observes, and one node has none. A request waits for a
// second person.
func (w *consoleWorld) guard(t *testing.T) {
	t.Helper()
	started := time.Now().Add(-80 * time.Hour)
	status := func(mode model.ControlMode, profile string) model.GuardStatus {
		return model.GuardStatus{
			Schema: model.GuardSchema, PID: 911, Started: started, Mode: mode, Version: "1.4.0", Engine: "/run/docker.sock",
			Socket: "/run/bulkhead/docker.sock", Profile: profile,
		}
	}
	become := func(node, kind string, names []string, g model.GuardStatus, locked bool) {
		n := 14 // as many containers as the node has had in the console's world
		if kind == "swarm" {
			n = len(hostileNames)
		}
		h, err := sim.ReadHost("../../framework/assess/testdata/cases/"+kind+".txtar", n, names...)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "hardened-debian" { // recorded hosts have the same ids, and an engine's are its own
			must(t, h.Alter("redis-cache", func(c *model.Container) { c.ID = askedFor }))
		}
		if err := h.Guarded(g, locked); err != nil {
			t.Fatal(err)
		}
		if kind == "swarm" {
			h = w.objects(t, h)
		}
		w.agents[node].Become(h)
	}
	become("edge-01", "hardened-debian", hostileNames[5:], status(model.ModeEnforce, "baseline"), true)
	become("db-primary", "swarm", hostileNames, status(model.ModeObserve, "restricted"), false)
	w.guards.enforcing = w.newGuarded(t, w.agents["edge-01"], judge.Enforce, "baseline")
	w.guards.observing = w.newGuarded(t, w.agents["db-primary"], judge.Observe, "restricted")
	alice, bob := subject("alice", "acme", 1001, model.RoleDeveloper), subject(hostileNames[0], "acme", 1002, model.RoleDeveloper)
	root := subject("root", "system", 0, model.RoleAdministrator)
	for _, g := range []*guarded{w.guards.enforcing, w.guards.observing} {
		for i := range 6 {
			g.ask(t, alice, "GET /containers/json", nil, nil)
			g.ask(t, alice, fmt.Sprintf("POST /containers/create?name=job-%d", i), made(fmt.Sprintf("job-%d", i)), create("registry.example/shop/job:1", container.HostConfig{}))
			g.ask(t, alice, "POST /containers/web-frontend/restart", containerOf(2, "web-frontend", "alice"), create("", container.HostConfig{}))
		}
		g.ask(t, alice, "POST /containers/create?name=debug", made("debug"), create("busybox:1.36", container.HostConfig{Privileged: true}))
		g.ask(t, bob, "POST /containers/create?name=tools", made("tools"), create("busybox:1.36", container.HostConfig{Privileged: true, Binds: []string{"/:/host"}}))
		g.ask(t, bob, "POST /containers/create?name=agent", made("agent"), create("busybox:1.36", container.HostConfig{Binds: []string{"/var/run/docker.sock:/var/run/docker.sock"}}))
		g.ask(t, alice, "POST /containers/create?name=net", made("net"), create("nginx:1.29", container.HostConfig{NetworkMode: "host", CapAdd: []string{"NET_ADMIN"}}))
		g.ask(t, bob, "POST /containers/billing-api/stop", containerOf(3, "billing-api", "carol"), nil)
		g.ask(t, bob, "GET /swarm", nil, nil)
		g.ask(t, alice, "GET /containers/web-frontend/archive?path=/srv", containerOf(2, "web-frontend", "alice"), nil)
		g.ask(t, root, "GET /info", nil, nil)
		g.ask(t, root, "DELETE /images/nginx", &call.Object{Kind: route.Image, ID: "sha256:" + strings.Repeat("ab", 32), Name: "nginx:1.29"}, nil)
		g.At = time.Now().Add(-40 * time.Minute)
		g.ask(t, alice, "POST /containers/create?name="+hostileNames[3], made(hostileNames[3]), create(hostileNames[1], container.HostConfig{PidMode: "host"}))
		g.ask(t, alice, "POST /containers/create?name=job-9", made("job-9"), create("registry.example/shop/job:1", container.HostConfig{}))
		g.send(t)
	}
	w.owner.must("access", "request", "ContainerCopyOut", "Container::"+askedFor, "--for", "30m", "--reason", "the shop's logs, for the incident of last night")
}

// call has alice ask the enforcing guard for something that it refuses, and tells the control plane at once.
func (g *guards) call(t *testing.T, name string) {
	t.Helper()
	g.enforcing.mu.Lock()
	g.enforcing.At = time.Now()
	g.enforcing.mu.Unlock()
	g.enforcing.ask(t, subject("alice", "acme", 1001, model.RoleDeveloper), "POST /containers/create?name="+name, made(name), create("busybox:1.36", container.HostConfig{Privileged: true}))
	g.enforcing.send(t)
}
