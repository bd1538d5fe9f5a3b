//go:build e2e

package plane

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// hostileNames are what somebody can call a container or write into its image.
var hostileNames = []string{
	`<img src=x onerror="document.title='owned'">`, `"><script>alert(1)</script>`, "javascript:alert(1)", "\u202etxt.exe", "{{constructor.constructor('x')()}}",
	strings.Repeat("very-long-name-", 16), "数据库-主", "web-frontend", "billing-api", "redis-cache", "nginx-edge", "batch-worker",
}

// consoleWorld is a server with something to see: the own host, a fleet of two tenants that got worse and lost a node, a request
// that waits, an exception, and names that want to be more than text.
type consoleWorld struct {
	server *lab.Server
	admin  *person
	owner  *person
	ann    string // links of two people with a browser
	tom    string
	agents map[string]*sim.Agent
	links  map[string]string // of others, by name
	plane2 *sim.Agent        // plane-02, of globex
	guards guards
}

func consoleSettings() []string {
	return []string{"BULKHEAD_SERVER_LIMITS_RATE=500", "BULKHEAD_SERVER_LIMITS_BURST=1000", "BULKHEAD_SERVER_SIGN_IN_STEP_UP=1h"}
}

func newConsoleWorld(t *testing.T) *consoleWorld {
	t.Helper()
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := withAgent(t, dir, port, consoleSettings()...)
	w := &consoleWorld{server: s, agents: map[string]*sim.Agent{}, links: map[string]string{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(w.server.Log(), 6000))
		}
		if err := w.server.Stop(); err != nil {
			t.Error(err)
		}
	})
	w.admin = newPerson(t, s)
	w.admin.enrol(s.Link, "admin")
	w.admin.must("tenants", "create", "acme")
	w.admin.must("tenants", "create", "globex")
	w.owner = newPerson(t, s)
	w.owner.enrol(w.admin.invite("olga", "owner"), "olga")
	w.ann, w.tom = w.admin.inviteTo("ann", "administrator", "system"), w.admin.invite("tom", "auditor")
	w.fleet(t)
	w.owner.must("exceptions", "create", "8.1.c", "--owner", "olga", "--reason", "replaced with the new hosts in June", "--expires",
		time.Now().AddDate(0, 3, 0).Format(time.DateOnly))
	w.admin.must("access", "request", "TenantDelete", "Tenant::globex", "--reason", "the contract ended")
	w.findings(t)
	w.policies(t)
	w.guard(t)
	w.forkedLog(t)
	w.directory(t)
	w.proofs(t)
	return w
}

// fleet joins simulated machines: two that stay, one that gets worse, one that falls silent, one of another tenant.
func (w *consoleWorld) fleet(t *testing.T) {
	t.Helper()
	cases := "../../framework/assess/testdata/cases/"
	host := func(name string, n int, names ...string) *sim.Host {
		h, err := sim.ReadHost(cases+name+".txtar", n, names...)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	good, bad := host("hardened-debian", 14, hostileNames[5:]...), w.objects(t, host("swarm", len(hostileNames), hostileNames...))
	join := func(name, tenant string, h *sim.Host) (*sim.Agent, context.CancelFunc) {
		a := &sim.Agent{URL: w.server.URL, Roots: w.server.CA, Name: name, Host: h, Every: time.Second}
		if err := a.Join(t.Context(), w.admin.joinTokenOf(tenant)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		go a.Run(ctx)
		w.agents[name] = a
		return a, cancel
	}
	join("edge-01", "acme", good)
	join("edge-02", "acme", bad)
	worse, _ := join("db-primary", "acme", good)
	_, lose := join("lost-in-space", "acme", good)
	w.plane2, _ = join("plane-02", "globex", good)
	assessed := func(n int) {
		eventually(t, fmt.Sprintf("%d nodes are assessed", n), func() bool {
			var status struct{ Nodes []struct{ Node string } }
			w.admin.ask(&status, "status")
			return len(status.Nodes) >= n
		})
	}
	assessed(6) // with the server's own host
	worse.Become(bad)
	lose()
	eventually(t, "a node is silent and one got worse", func() bool {
		var told struct {
			Events []struct{ Kind, Severity string }
		}
		w.admin.ask(&told, "nodes", "events")
		kinds := map[string]bool{}
		for _, e := range told.Events {
			kinds[e.Kind] = kinds[e.Kind] || e.Severity != "info"
		}
		return kinds["silent"] && kinds["status"]
	})
}
