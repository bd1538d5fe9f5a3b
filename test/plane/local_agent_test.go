//go:build e2e

package plane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// fleetNode is a node as `bulkhead nodes list` has it.
type fleetNode struct {
	ID, Name, Tenant, Health string
}

func (p *person) fleet() []fleetNode {
	p.t.Helper()
	var list struct{ Nodes []fleetNode }
	p.ask(&list, "nodes", "list")
	return list.Nodes
}

// withAgent starts a server that looks after its own host. What it gives may be stopped and started again.
func withAgent(t *testing.T, dir string, port int, env ...string) *lab.Server {
	t.Helper()
	s, err := lab.Serve(t.Context(), binary(t), dir, port, append([]string{"BULKHEAD_SERVER_LOCAL_AGENT=true", "BULKHEAD_AGENT_EVERY=10s"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLocalAgent: `bulkhead serve` makes its own host a node without any further step, and the same one after a restart.
func TestLocalAgent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := withAgent(t, dir, port)
	defer func() { s.Kill() }()
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	first := assessed(t, admin, host)
	if first.Tenant != "system" {
		t.Errorf("%+v", first)
	}
	made := admin.records("JoinTokenCreate")
	if len(made) != 1 {
		t.Errorf("%d join tokens", len(made))
	}
	joins := len(admin.records("NodeJoin")) // in the server's log and in the node's own
	for _, r := range made {
		if r.ActorName != "server" || r.Outcome != "allowed" {
			t.Errorf("the join token's record: %+v", r)
		}
	}

	// It says goodbye before the server ends its stream, so that nobody takes it for dead. The end is an orderly one.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if said := s.Log(); strings.Contains(said, "was not told") || strings.Contains(said, "did not end in time") {
		t.Error("the agent's goodbye was not heard:", said)
	}
	s = withAgent(t, dir, port)
	admin.server = s
	eventually(t, "the node is up again", func() bool {
		now := admin.fleet()
		return len(now) == 1 && now[0].ID == first.ID && now[0].Health == "up"
	})
	var told struct{ Events []struct{ Kind string } }
	admin.ask(&told, "nodes", "events")
	for _, e := range told.Events {
		if e.Kind == "node/silent" {
			t.Errorf("a stop in good order made the node silent: %+v", told.Events)
		}
	}
	if made, now := admin.records("JoinTokenCreate"), admin.records("NodeJoin"); len(made) != 1 || len(now) != joins || joins == 0 {
		t.Errorf("after a restart there are records of %d join tokens and %d joins; before there were %d joins", len(made), len(now), joins)
	}

	// A second server on this machine leaves the host to the first one.
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "agent"), filepath.Join(t.TempDir(), "elsewhere")); err != nil {
		t.Fatal(err)
	}
	s = withAgent(t, dir, port, "BULKHEAD_LOG_LEVEL=info")
	admin.server = s
	eventually(t, "the server says that the host has an agent", func() bool { return strings.Contains(s.Log(), "no agent is started beside the server") })
	if now := admin.fleet(); len(now) != 1 || now[0].ID != first.ID {
		t.Errorf("%+v", now)
	}

	// Revoked, it stays out, and the server goes on.
	admin.must("nodes", "revoke", first.ID, "--reason", "test", "--yes")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = withAgent(t, dir, port)
	admin.server = s
	eventually(t, "the server says that the node was revoked", func() bool { return strings.Contains(s.Log(), "bulkhead nodes delete "+first.ID) })
	admin.must("nodes", "delete", first.ID, "--yes")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = withAgent(t, dir, port)
	admin.server = s
	eventually(t, "the host is a node again", func() bool { return len(admin.fleet()) == 1 })
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// assessed waits until status has this host, with requirements.
func assessed(t *testing.T, p *person, host string) fleetNode {
	t.Helper()
	var status struct {
		Requirements []struct{ ID, Status string }
		Nodes        []struct{ Node string }
	}
	eventually(t, "status has this host", func() bool {
		p.ask(&status, "status")
		return len(status.Requirements) > 10 && len(status.Nodes) == 1
	})
	nodes := p.fleet()
	if len(nodes) != 1 || nodes[0].Name != host || nodes[0].Health != "up" {
		t.Fatalf("the nodes are %+v, this host is %s", nodes, host)
	}
	return nodes[0]
}

// TestWithoutLocalAgent: set to false, the server leaves its host alone.
func TestWithoutLocalAgent(t *testing.T) {
	s := serve(t, "--local-agent=false")
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	if nodes := admin.fleet(); len(nodes) != 0 {
		t.Errorf("%+v", nodes)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "agent")); err == nil {
		t.Error("the agent's directory is there")
	}
	if r := admin.records("JoinTokenCreate"); len(r) != 0 {
		t.Errorf("%+v", r)
	}
}
