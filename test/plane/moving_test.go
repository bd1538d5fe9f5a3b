//go:build e2e

package plane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead-security/bulkhead/test/lab"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// balancer spreads connections over the servers that are there, as a load balancer does.
type balancer struct {
	mu   sync.Mutex
	to   []*lab.Server
	turn int
}

func (b *balancer) set(to ...*lab.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to = to
}

// next is the server whose turn it is.
func (b *balancer) next() *lab.Server {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	return b.to[b.turn%len(b.to)]
}

func (b *balancer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var all []error
	for range 4 {
		_, port, _ := strings.Cut(strings.TrimPrefix(b.next().URL, "https://"), ":")
		c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, "127.0.0.1:"+port)
		if err == nil {
			return c, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

// nodes are simulated agents that reach the servers through the balancer, until the test ends.
type nodes struct {
	t      *testing.T
	url    string // of the database
	agents []*sim.Agent
	rounds atomic.Int64
}

func join(t *testing.T, owner *person, b *balancer, database string, n int) *nodes {
	t.Helper()
	f := &nodes{t: t, url: database}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	host, err := sim.ReadHost("../../framework/assess/testdata/cases/hardened-debian.txtar", 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		a := &sim.Agent{
			Host: host, URL: owner.server.URL, Roots: owner.server.CA, Dial: b.dial, Name: fmt.Sprintf("moving-%d", i), Every: time.Second, Changed: 1,
		}
		var token struct{ Secret string }
		if status, body := owner.post(owner.secret(), "NodeService/CreateJoinToken", map[string]string{"tenant": "acme"}, &token); status != 200 {
			t.Fatalf("join token: %d %s", status, body)
		}
		if err := a.Join(ctx, token.Secret); err != nil {
			t.Fatal(err)
		}
		f.agents = append(f.agents, a)
		wg.Go(func() { a.Run(ctx) })
	}
	f.report()
	return f
}

// report waits until each has said something anew and has policies.
func (f *nodes) report() {
	f.t.Helper()
	before := map[*sim.Agent]int64{}
	for _, a := range f.agents {
		before[a] = a.Reports.Load()
	}
	eventually(f.t, "all nodes report and have policies", func() bool {
		for _, a := range f.agents {
			if a.Reports.Load() < before[a]+2 || a.Policies() == 0 {
				return false
			}
		}
		return true
	})
}

// policy applies one, by whoever asks, and waits until all nodes have it: their streams are open.
func (f *nodes) policy(by *person) {
	f.t.Helper()
	before := int64(0)
	for _, a := range f.agents {
		before = max(before, a.Policies())
	}
	n := f.rounds.Add(1)
	text := fmt.Sprintf("@id(\"round-%d\")\n@reason(\"round %d\")\nforbid (principal, action, resource)\nwhen { context.address == \"192.0.2.%d\" };\n", n, n, n)
	status, body := by.post(by.secret(), "PolicyService/ApplyPolicies", map[string]any{
		"tenant": "acme", "baseVersion": -1, "files": []map[string]string{{"name": "round.cedar", "text": text}},
	}, nil)
	if status != 200 {
		f.t.Fatalf("apply: %d %s", status, body)
	}
	eventually(f.t, "all nodes have the new policies, and the server knows", func() bool {
		for _, a := range f.agents {
			if a.Policies() <= before || a.Told() < a.Policies() {
				return false
			}
		}
		return true
	})
}

// kept looks in the database whether it has the facts that each node was told it has, and that all are up.
func (f *nodes) kept(p *person) {
	f.t.Helper()
	c, err := pgx.Connect(f.t.Context(), f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(f.t.Context()))
	for _, a := range f.agents {
		eventually(f.t, "the facts of "+a.Name+" are those that it sent", func() bool {
			var digest string
			said := a.Acked()
			if err := c.QueryRow(f.t.Context(), "SELECT facts_digest FROM nodes WHERE id = $1", a.Node).Scan(&digest); err != nil {
				f.t.Fatal(err)
			}
			return digest == said && digest != ""
		})
	}
	for _, n := range p.fleet() {
		if n.Health != "up" {
			f.t.Errorf("%+v", n)
		}
	}
	var told struct{ Events []struct{ Kind string } }
	p.ask(&told, "nodes", "events")
	for _, e := range told.Events {
		if e.Kind == "node/silent" || e.Kind == "node/stopped" {
			f.t.Errorf("a node was taken for dead because its server went: %s", e.Kind)
		}
	}
}
