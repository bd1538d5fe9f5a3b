//go:build e2e

package plane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// faultWorld is three nodes with an engine each, two replicas, and a database with a standby.
type faultWorld struct {
	t        *testing.T
	bin      string // of the agents: the product with a clock that can be set
	replicas []*faultReplica
	nodes    []*faultNode
	db       *faultDatabase
	admin    *person
	owners   map[string]*person // by tenant
}

// faultDatabase is a primary with a standby that has what the primary acknowledged.
type faultDatabase struct{ primary, standby *postgres.Server }

// faultReplica is a server that is started again after a kill.
type faultReplica struct {
	host *lab.Host
	dir  string
	args []string
	now  atomic.Pointer[lab.Server]
}

// faultNode is a machine of the fleet: a host with an engine and an agent.
type faultNode struct {
	name, tenant string
	host         *lab.Host
	engine       *lab.Engine
	dir          string // of the agent: a small disk
	clock        string // the file that sets its clock
	log          string
	bin          string
	id           string

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	full  []span // when its disk was full
}

type span struct{ from, to time.Time }

func newFaultWorld(t *testing.T) *faultWorld {
	w := &faultWorld{t: t, owners: map[string]*person{}}
	w.bin = filepath.Join(t.TempDir(), "bulkhead")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "fakeclock", "-ldflags", "-s -w", "-o", w.bin, "../../cmd/bulkhead")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the agent with a clock of its own: %v: %s", err, out)
	}
	hosts, err := lab.NewHosts(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hosts.Remove(context.Background()) })
	w.startDatabase()
	for i, h := range hosts.All()[3:] {
		w.startReplica(h, []string{"one", "two"}[i])
	}
	w.people()
	for i, h := range hosts.All()[:3] {
		w.startNode(h, fmt.Sprintf("node-%d", i+1), []string{"acme", "acme", "globex"}[i])
	}
	return w
}

func (w *faultWorld) startDatabase() {
	args := append(postgres.Replicated(), "-c", "wal_retrieve_retry_interval=200ms")
	primary, err := postgres.Start(w.t.Context(), postgres.Options{Args: args})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = primary.Stop() })
	if _, err := primary.Create(w.t.Context(), "plane"); err != nil {
		w.t.Fatal(err)
	}
	standby, err := primary.Standby(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = standby.Stop() })
	if err := primary.Following(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.db = &faultDatabase{primary, standby}
}

func (w *faultWorld) startReplica(h *lab.Host, name string) {
	r := &faultReplica{host: h, dir: filepath.Join(w.t.TempDir(), "data")}
	public := h // one public URL, as there is one control plane
	if len(w.replicas) > 0 {
		public = w.replicas[0].host
	}
	r.args = []string{
		"--database", postgres.EitherURL("plane", w.db.primary, w.db.standby), "--name", name, "--public-url", "https://" + public.Address + ":8443", "--log-level", "info",
	}
	if len(w.replicas) > 0 {
		r.args = append(r.args, "--master-key-file", filepath.Join(w.replicas[0].dir, "master.key"))
	}
	w.replicas = append(w.replicas, r)
	if err := r.start(w.t.Context(), w.t); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		s := r.now.Load()
		if w.t.Failed() {
			w.t.Logf("the replica %s said:\n%s", name, tail(s.Log(), 4000))
		}
		s.Kill()
	})
}

// start starts the server, if need be again: while the database is away it can't.
func (r *faultReplica) start(ctx context.Context, t testing.TB) error {
	var last error
	for range 5 {
		s, err := lab.ServeOn(ctx, r.host, binary(t), r.dir, []string{
			"BULKHEAD_SERVER_NODES_CERTIFICATE=10m", // renewed every five
			"BULKHEAD_SERVER_SIGN_IN_STEP_UP=1h",    // the run may be long
			"BULKHEAD_SERVER_LIMITS_PUBLIC_RATE=100", "BULKHEAD_SERVER_LIMITS_PUBLIC_BURST=500",
		}, r.args...)
		if err == nil {
			r.now.Store(s)
			return nil
		}
		last = err
	}
	return last
}

// people are an administrator, and an owner of each tenant.
func (w *faultWorld) people() {
	first := w.replicas[0].now.Load()
	w.admin = newPerson(w.t, first)
	w.admin.enrol(first.Link, "admin")
	_, ca, _ := strings.Cut(first.Link, "&ca=")
	for _, tenant := range []string{"acme", "globex"} {
		w.admin.must("tenants", "create", tenant)
		var made struct {
			Code string `json:"enrolment_code"`
		}
		w.admin.ask(&made, "users", "create", "owner-"+tenant, "--tenant", tenant, "--role", "owner")
		p := newPerson(w.t, first)
		p.enrol(first.URL+"/enrol#code="+made.Code+"&ca="+ca, "owner-"+tenant)
		p.must("pools", "update", "default", "--collect-every", "10s")
		w.owners[tenant] = p
	}
}

func (w *faultWorld) startNode(h *lab.Host, name, tenant string) {
	short, err := os.MkdirTemp("", "bhf")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(short) })
	n := &faultNode{
		name: name, tenant: tenant, host: h, dir: smallDisk(w.t, 64<<20), clock: filepath.Join(short, "clock"), log: filepath.Join(short, "agent.log"), bin: w.bin,
	}
	n.engine, err = lab.StartEngine(w.t.Context(), lab.EngineOptions{Kind: lab.Debian, Dir: filepath.Join(short, "e"), Host: h})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.engine.Stop(ctx); err != nil {
			w.t.Log(err)
		}
	})
	cli, err := n.engine.Client()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = cli.Close() }()
	if err := lab.StartFleet(w.t.Context(), cli, n.engine.Socket, "hardened-alone", "sin-privileged", "sin-env-secret"); err != nil {
		w.t.Fatal(err)
	}
	w.join(n, short)
	w.nodes = append(w.nodes, n)
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (w *faultWorld) join(n *faultNode, dir string) {
	owner := w.owners[n.tenant]
	var made struct {
		Secret  string
		JoinURL string `json:"join_url"`
	}
	owner.ask(&made, "nodes", "join-token", "--name", n.name)
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(made.Secret), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := n.start("--join", made.JoinURL, "--token-file", token, "--name", n.name, "--server", w.replicas[1].now.Load().URL); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		n.kill()
		if w.t.Failed() {
			b, _ := os.ReadFile(n.log)
			w.t.Logf("the agent of %s said:\n%s", n.name, tail(string(b), 3000))
		}
	})
	w.within("the agent of "+n.name+" has joined and its facts are there", time.Minute, func() error {
		s, err := n.status(w)
		if err != nil {
			return err
		}
		n.id = s.Node
		var list struct {
			Nodes []struct {
				Name     string
				Assessed string
			}
		}
		owner.ask(&list, "nodes", "list")
		for _, x := range list.Nodes {
			if x.Name == n.name && x.Assessed != "" {
				return nil
			}
		}
		return fmt.Errorf("connected: %t, %s", s.Connected, s.Error)
	})
}

// start starts the agent.
func (n *faultNode) start(join ...string) error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := n.host.Command(context.Background(), n.bin, append([]string{"agent", "--data-dir", n.dir, "--log-level", "info"}, join...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.log), "BULKHEAD_ENGINE_ENDPOINT=unix://" + n.engine.Socket,
		"BULKHEAD_AGENT_SPOOL=16777216", "FAKE_CLOCK=" + n.clock,
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	n.mu.Lock()
	n.cmd, n.ended = cmd, ended
	n.mu.Unlock()
	return nil
}

// kill ends the agent as a power cut would; false where it had ended by itself.
func (n *faultNode) kill() bool {
	select {
	case <-n.ended:
		return false
	default:
	}
	_ = n.cmd.Process.Kill()
	<-n.ended
	return true
}

func (n *faultNode) signal(s syscall.Signal) error { return n.cmd.Process.Signal(s) }

// status is what the agent says of itself.
func (n *faultNode) status(w *faultWorld) (*model.AgentStatus, error) {
	cmd := exec.CommandContext(w.t.Context(), n.bin, "agent", "status", "--data-dir", n.dir, "-o", "json")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.log)}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("agent status: %w", err)
	}
	var s model.AgentStatus
	return &s, json.Unmarshal(out, &s)
}

// within waits until something is so, and says what was missing.
func (w *faultWorld) within(what string, limit time.Duration, is func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(limit); ; time.Sleep(500 * time.Millisecond) {
		if err = is(); err == nil {
			return
		}
		if time.Now().After(end) {
			w.t.Errorf("not within %s: %s: %v", limit, what, err)
			return
		}
	}
}

