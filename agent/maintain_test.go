package agent_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// swarmOf is an orchestrator: it does what it is told, says what it is told to say, and remembers.
type swarmOf struct {
	mu    sync.Mutex
	state model.MaintenanceState
	asked []string // "own/DOCUMENT'S" wishes
}

func (s *swarmOf) Maintain(_ context.Context, want string, d *bundle.Maintenance) *model.Maintenance {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := want + "/"
	out := &model.Maintenance{Orchestrator: "swarm", Cluster: "C1", Acts: true}
	if d == nil {
		s.asked = append(s.asked, asked)
		return nil
	}
	for _, n := range d.Nodes {
		asked += n.Name + " " + n.Want
		if n.Want != "" {
			out.Nodes = append(out.Nodes, model.MaintenanceOf{ID: n.ID, Name: n.Name, Want: n.Want, State: s.state, Is: "drain", Detail: "because"})
		}
	}
	s.asked = append(s.asked, asked)
	return out
}

func (s *swarmOf) set(state model.MaintenanceState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

func (s *swarmOf) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		return ""
	}
	return s.asked[len(s.asked)-1]
}

// maintenance is the document of the swarm C1.
func (f *fake) maintenance(version int64, tenant, want string, managers ...string) {
	f.send(wrap(f.document(model.BundleMaintenance, tenant+"/C1", version, bundle.Maintenance{
		Schema: bundle.Schema, Tenant: tenant, Cluster: "C1", Managers: managers, Nodes: []bundle.MaintenanceNode{{ID: "W1", Name: "w1", Want: want}},
	})))
}

// told is what the agent's last snapshot says.
func (f *fake) told() (m model.Maintenance) {
	for i := len(f.reports) - 1; i >= 0; i-- {
		for _, x := range f.reports[i].GetFacts().GetSet() {
			if x.GetKey() == "maintenance" {
				_ = json.Unmarshal(x.GetData(), &m)
				return m
			}
		}
	}
	return m
}

func TestMaintenance(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	s := &swarmOf{state: model.MaintenanceApplied}
	m.maintainer, m.withLog = s, true
	m.join(f)
	stop := m.run()
	<-f.follows
	f.seen("that it acts", func() bool { return f.streams[0].GetMaintains() })

	f.maintenance(5, "acme", "drain", nodeID)
	f.seen("what was done", func() bool {
		n := f.told().Nodes
		return len(n) == 1 && n[0].State == model.MaintenanceApplied && n[0].Want == "drain" && !n[0].Since.IsZero()
	})
	f.seen("its record", func() bool {
		for _, e := range f.entries {
			if strings.Contains(string(e), "NodeMaintain") {
				return true
			}
		}
		return false
	})

	// It is refused by who signed it for another tenant, and where it is older; what was in force stays.
	f.maintenance(6, "globex", "", nodeID)
	f.maintenance(4, "acme", "", nodeID)
	f.seen("refusals", func() bool { return f.found("node/bundle-refused", "maintenance") != nil })
	if got := s.last(); got != "/w1 drain" {
		t.Errorf("in force is %q", got)
	}

	s.set(model.MaintenanceFailed)
	f.maintenance(7, "acme", "cordon", nodeID)
	f.seen("a finding", func() bool {
		x := f.found("node/maintenance", "swarm w1")
		return x != nil && !x.GetOver() && strings.Contains(x.GetText(), "because") && x.GetTextZh() != ""
	})
	s.set(model.MaintenanceApplied)
	f.seen("that it is over", func() bool { return f.found("node/maintenance", "swarm w1").GetOver() })

	// What is on disk goes on without a server, and a node that is no manager any more does not act.
	stop()
	f.stop()
	m.run()
	f.eventually("the wish from the disk", func() bool { return s.last() == "/w1 cordon" })
	if st := m.agent.Status(); st.Maintenance == nil {
		f.eventually("the status", func() bool { return m.agent.Status().Maintenance != nil })
	}
}

func TestMaintenanceOfOthers(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	s := &swarmOf{state: model.MaintenanceApplied}
	m.maintainer = s
	m.join(f)
	m.run()
	<-f.follows
	f.maintenance(5, "acme", "drain", "another node")
	time.Sleep(300 * time.Millisecond)
	f.eventually("that it acted for nobody", func() bool { return s.last() == "/" })
}

// An agent that leaves the orchestrator alone says so, and nothing else happens.
func TestMaintenanceSwitchedOff(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	m.run()
	<-f.follows
	f.send(wrap(f.document(model.BundleAssignment, nodeID, 2, bundle.Assignment{Schema: bundle.Schema, Node: nodeID, Tenant: "acme", Cordoned: true})))
	f.seen("why nothing happens", func() bool { m := f.told(); return !m.Acts && strings.Contains(m.Detail, "agent.maintenance is false") })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams[0].GetMaintains() {
		t.Error("it says that it acts")
	}
}
