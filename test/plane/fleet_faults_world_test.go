//go:build e2e

package plane

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
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
	var engines errgroup.Group
	for i, h := range hosts.All()[:3] {
		n := w.newNode(h, fmt.Sprintf("node-%d", i+1), []string{"acme", "acme", "globex"}[i])
		engines.Go(func() error { return n.startEngine(t.Context()) })
	}
	if err := engines.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, n := range w.nodes {
		w.join(n)
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

// start starts the server, as systemd would again and again: without a database that takes changes it ends at once.
func (r *faultReplica) start(ctx context.Context, t testing.TB) error {
	var last error
	for range 30 {
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
		sleepFor(ctx, time.Second)
		if ctx.Err() != nil {
			break
		}
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
		p.must("pools", "update", "default", "--collect-every", "10s", "--step", "50,100", "--soak", "2s", "--most-findings", "1000", "--most-failures", "100")
		w.owners[tenant] = p
	}
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
