//go:build e2e

package plane

import (
	"testing"
	"time"
)

// TestWhyANodeIsSilent has three nodes and a server on a host each. One loses its way to the server alone, one its cable, and of one the
// agent is killed: each is found within 30 s, with the reason, which only the others can tell for the first two.
func TestWhyANodeIsSilent(t *testing.T) {
	hosts, home, admin := hostsWithServer(t, 3)
	var nodes []*machine
	for i, name := range []string{"cut", "gone", "killed"} {
		m := newMachine(t, name)
		m.host = hosts[i]
		m.env = []string{"BULKHEAD_AGENT_EVERY=10s"}
		admin.join(m)
		nodes = append(nodes, m)
	}
	cut, gone, killed := nodes[0], nodes[1], nodes[2]
	for _, x := range []struct {
		m          *machine
		reason     string
		do, mended func() error
	}{
		{cut, "network cut", func() error { return cut.host.Cut(t.Context(), home) }, func() error { return cut.host.Mend(t.Context(), home) }},
		{gone, "host gone", func() error { return gone.host.Unplug(t.Context()) }, func() error { return gone.host.Plug(t.Context()) }},
		{killed, "process gone", func() error { killed.kill(); return nil }, func() error { killed.start(); return nil }},
	} {
		begin := time.Now()
		if err := x.do(); err != nil {
			t.Fatal(err)
		}
		n := admin.health(detection+soon, x.m.name, "silent", x.reason)
		e := admin.told(soon, x.m.name, "silent", x.reason)
		if took := e.Time.Sub(begin); took > detection {
			t.Errorf("%s: %s was known %s later", x.m.name, x.reason, took.Round(time.Millisecond))
		} else {
			t.Logf("%s: %s was known %s later", x.m.name, x.reason, took.Round(time.Millisecond))
		}
		if len(n.Losses) == 0 {
			t.Errorf("nothing says what the loss of %s means", x.m.name)
		}
		for _, other := range nodes {
			if h := admin.node(other.name).Health; other != x.m && h != "up" {
				t.Errorf("with %s lost, %s is %s", x.m.name, other.name, h)
			}
		}
		if err := x.mended(); err != nil {
			t.Fatal(err)
		}
		admin.health(time.Minute, x.m.name, "up", "")
	}
}
