//go:build e2e

package plane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// swarmWorld is a server, and hosts whose engines are one swarm: the first is its manager.
type swarmWorld struct {
	t     *testing.T
	admin *person
	nodes []*swarmHost
}

// swarmHost is a host of it.
type swarmHost struct {
	name   string
	host   *lab.Host
	engine *lab.Engine
	cli    *client.Client
	id     string // in the swarm
	dir    string
}

const swarmImage = "lab/sleeper:1"

func newSwarmWorld(t *testing.T, kind lab.Kind, names ...string) *swarmWorld {
	hosts, _, admin := hostsWithServer(t, len(names), "BULKHEAD_SERVER_SIGN_IN_STEP_UP=1h")
	w := &swarmWorld{t: t, admin: admin}
	w.admin.must("tenants", "create", "globex")
	for _, tenant := range []string{"acme", "globex"} {
		w.admin.must("pools", "update", "default", "--collect-every", "10s", "--tenant", tenant)
	}
	for i, name := range names {
		w.nodes = append(w.nodes, w.newHost(hosts[i], name))
	}
	var starting errgroup.Group
	for _, n := range w.nodes {
		starting.Go(func() error { return n.start(t.Context(), kind) })
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, n := range w.nodes {
		if err := n.enter(t.Context(), w.nodes[0]); err != nil {
			t.Fatalf("%s does not get into the swarm: %v", n.name, err)
		}
	}
	return w
}

func (w *swarmWorld) newHost(h *lab.Host, name string) *swarmHost {
	dir, err := os.MkdirTemp("", "bhs") // sockets need short paths
	if err != nil {
		w.t.Fatal(err)
	}
	n := &swarmHost{name: name, host: h, dir: dir}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if n.engine != nil {
			if err := n.engine.Stop(ctx); err != nil {
				w.t.Log(err)
			}
		}
		_ = os.RemoveAll(dir)
	})
	return n
}

func (n *swarmHost) start(ctx context.Context, kind lab.Kind) error {
	var err error
	if n.engine, err = lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Dir: filepath.Join(n.dir, "e"), Host: n.host}); err != nil {
		return err
	}
	if n.cli, err = n.engine.Client(); err != nil {
		return err
	}
	_, err = lab.Load(ctx, n.cli, lab.Image{Tag: swarmImage, Config: v1.Config{Cmd: []string{"sleep", "3600"}}})
	return err
}

// enter makes the first host a swarm, and lets others join it.
func (n *swarmHost) enter(ctx context.Context, first *swarmHost) error {
	at := n.host.Address + ":2377"
	if n == first {
		if _, err := n.cli.SwarmInit(ctx, client.SwarmInitOptions{ListenAddr: at, AdvertiseAddr: at}); err != nil {
			return err
		}
	} else {
		s, err := first.cli.SwarmInspect(ctx, client.SwarmInspectOptions{})
		if err != nil {
			return err
		}
		_, err = n.cli.SwarmJoin(ctx, client.SwarmJoinOptions{
			ListenAddr: at, AdvertiseAddr: at, RemoteAddrs: []string{first.host.Address + ":2377"}, JoinToken: s.Swarm.JoinTokens.Worker,
		})
		if err != nil {
			return err
		}
	}
	info, err := n.cli.Info(ctx, client.InfoOptions{})
	n.id = info.Info.Swarm.NodeID
	return err
}

// agent joins the host to a tenant under a name, and runs its agent until the test or what it returns ends it.
func (w *swarmWorld) agent(n *swarmHost, tenant, name string) (kill func()) {
	w.t.Helper()
	log := filepath.Join(n.dir, name+".log")
	args := []string{"agent", "--data-dir", filepath.Join(n.dir, name), "--log-level", "info"}
	args = append(args, w.admin.joinArgs(name, "--tenant", tenant)...)
	out, err := os.Create(log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	cmd := n.host.Command(context.WithoutCancel(w.t.Context()), binary(w.t), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "BULKHEAD_ENGINE_ENDPOINT=unix://" + n.engine.Socket}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	kill = func() { _ = cmd.Process.Kill(); <-ended }
	w.t.Cleanup(func() {
		kill()
		if w.t.Failed() {
			b, _ := os.ReadFile(log)
			w.t.Logf("the agent %s said:\n%s", name, tail(string(b), 3000))
		}
	})
	w.admin.within(90*time.Second, name+" has reported its facts", func() error {
		var list struct{ Nodes []nodeSeen }
		w.admin.ask(&list, "nodes", "list", "--tenant", tenant)
		for _, x := range list.Nodes {
			if x.Name == name && !x.FactsReceived.IsZero() {
				return nil
			}
		}
		return errors.New("it has not")
	})
	return kill
}

// doctor is what `agent doctor` says there.
func (w *swarmWorld) doctor(n *swarmHost, name string) string {
	cmd := exec.CommandContext(w.t.Context(), binary(w.t), "agent", "doctor", "--data-dir", filepath.Join(n.dir, name))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + n.dir, "BULKHEAD_ENGINE_ENDPOINT=unix://" + n.engine.Socket}
	out, _ := cmd.CombinedOutput() // its exit code is about other parts
	return string(out)
}

// manager is the engine that is asked how the swarm is.
func (w *swarmWorld) manager() *client.Client { return w.nodes[0].cli }

func (w *swarmWorld) node(n *swarmHost) swarm.Node {
	w.t.Helper()
	res, err := w.manager().NodeInspect(w.t.Context(), n.id, client.NodeInspectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return res.Node
}

// byHand sets the availability as an operator would with `docker node update --availability`.
func (w *swarmWorld) byHand(n *swarmHost, a swarm.NodeAvailability) {
	w.t.Helper()
	now := w.node(n)
	now.Spec.Availability = a
	if err := update(w, n, now); err != nil {
		w.t.Fatal(err)
	}
}

// becomes waits until a node has an availability.
func (w *swarmWorld) becomes(n *swarmHost, a swarm.NodeAvailability) {
	w.t.Helper()
	w.admin.within(30*time.Second, n.name+" "+string(a), func() error {
		if is := w.node(n).Spec.Availability; is != a {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
}

// stays makes sure that a node keeps an availability for longer than an agent needs to act.
func (w *swarmWorld) stays(n *swarmHost, a swarm.NodeAvailability) {
	w.t.Helper()
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if is := w.node(n).Spec.Availability; is != a {
			w.t.Fatalf("%s became %s, and should have stayed %s", n.name, is, a)
		}
	}
}

// service runs so many tasks of a service.
func (w *swarmWorld) service(replicas uint64) {
	w.t.Helper()
	_, err := w.manager().ServiceCreate(w.t.Context(), client.ServiceCreateOptions{Spec: swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "web"},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: swarmImage, Command: []string{"sleep", "3600"}},
		},
		Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// running are how many tasks run on a node, and in all.
func (w *swarmWorld) running(n *swarmHost) (here, all int) {
	w.t.Helper()
	res, err := w.manager().TaskList(w.t.Context(), client.TaskListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, task := range res.Items {
		if task.Status.State == swarm.TaskStateRunning {
			all++
			if task.NodeID == n.id {
				here++
			}
		}
	}
	return here, all
}

func update(w *swarmWorld, n *swarmHost, to swarm.Node) error {
	_, err := w.manager().NodeUpdate(w.t.Context(), n.id, client.NodeUpdateOptions{Version: to.Version, Spec: to.Spec})
	return err
}
