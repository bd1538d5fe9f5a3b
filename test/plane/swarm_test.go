//go:build e2e

package plane

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// maintained waits until the control plane says so of a node.
func (w *swarmWorld) maintained(name, state, part string) {
	w.t.Helper()
	w.admin.within(60*time.Second, name+" told as "+state, func() error {
		var n struct {
			Maintenance struct{ State, Orchestrator, By, Text, Since string }
		}
		w.admin.ask(&n, "nodes", "get", name, "--tenant", "acme")
		if m := n.Maintenance; m.State != state || !strings.Contains(m.By+" "+m.Text, part) {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
}

func (w *swarmWorld) wish(verb, name string) {
	w.t.Helper()
	w.admin.must("nodes", verb, name, "--tenant", "acme")
}

// TestSwarmMaintenance drains and cordons nodes of a real swarm, on the oldest engine that is supported.
func TestSwarmMaintenance(t *testing.T) {
	w := newSwarmWorld(t, lab.Debian, "m1", "w1", "w2")
	m1, w1, w2 := w.nodes[0], w.nodes[1], w.nodes[2]
	w.service(6)
	w.admin.within(2*time.Minute, "six tasks on three nodes", func() error {
		for _, n := range w.nodes {
			if here, all := w.running(n); here == 0 || all != 6 {
				return fmt.Errorf("%d of %d on %s", here, all, n.name)
			}
		}
		return nil
	})
	w.agent(w1, "acme", "w1")
	w.agent(w2, "acme", "w2")

	t.Log("a manager whose agent is in another tenant is not used, and that is said")
	w.agent(m1, "globex", "m1-globex")
	w.wish("drain", "w1")
	w.maintained("w1", "nobody", "no manager of its swarm is a node of this tenant")
	w.stays(w1, swarm.NodeAvailabilityActive)
	if here, _ := w.running(w1); here == 0 {
		t.Error("nobody acted, and the tasks are gone")
	}

	t.Log("with a manager in the tenant it is drained, and its tasks move")
	kill := w.agent(m1, "acme", "m1")
	w.becomes(w1, swarm.NodeAvailabilityDrain)
	w.maintained("w1", "applied", "m1")
	w.admin.within(time.Minute, "the tasks are elsewhere", func() error {
		if here, all := w.running(w1); here != 0 || all != 6 {
			return fmt.Errorf("%d of %d are still there", here, all)
		}
		return nil
	})
	list := w.admin.must("nodes", "get", "w1", "--tenant", "acme")
	if !strings.Contains(list, "drain: applied on swarm by m1") {
		t.Errorf("nodes get says:\n%s", list)
	}
	if d := w.doctor(m1, "m1"); !strings.Contains(d, "works    maintenance") {
		t.Errorf("the doctor of a manager:\n%s", d)
	}
	if d := w.doctor(w1, "w1"); !strings.Contains(d, "missing  maintenance") || !strings.Contains(d, "worker") {
		t.Errorf("the doctor of a worker:\n%s", d)
	}

	t.Log("and gets back what it had")
	w.wish("uncordon", "w1")
	w.becomes(w1, swarm.NodeAvailabilityActive)
	w.maintained("w1", "applied", "active")
	if l := w.node(w1).Spec.Labels; l[maintenance.Label] != "" {
		t.Errorf("a label is left: %v", l)
	}

	t.Log("what it had may be pause, which an operator chose")
	w.byHand(w2, swarm.NodeAvailabilityPause)
	w.wish("drain", "w2")
	w.becomes(w2, swarm.NodeAvailabilityDrain)
	w.maintained("w2", "applied", "was pause")
	w.wish("uncordon", "w2")
	w.becomes(w2, swarm.NodeAvailabilityPause)
	w.byHand(w2, swarm.NodeAvailabilityActive)

	t.Log("cordon pauses; the manager does it for itself as well")
	w.wish("cordon", "m1")
	w.becomes(m1, swarm.NodeAvailabilityPause)
	w.wish("uncordon", "m1")
	w.becomes(m1, swarm.NodeAvailabilityActive)

	t.Log("who changes it by hand meanwhile is not overridden, and that is said")
	w.wish("drain", "w1")
	w.becomes(w1, swarm.NodeAvailabilityDrain)
	w.maintained("w1", "applied", "m1")
	w.byHand(w1, swarm.NodeAvailabilityActive)
	w.maintained("w1", "by_hand", "by hand")
	w.stays(w1, swarm.NodeAvailabilityActive)
	w.admin.within(30*time.Second, "a finding says so", func() error {
		if !slices.ContainsFunc(w.admin.findings("m1", "node/maintenance"), func(f fleetFinding) bool { return strings.Contains(f.Text, "by hand") }) {
			return errors.New("none")
		}
		return nil
	})
	w.byHand(w1, swarm.NodeAvailabilityDrain) // the operator again
	w.wish("uncordon", "w1")
	w.admin.within(30*time.Second, "the label is gone", func() error {
		if l := w.node(w1).Spec.Labels[maintenance.Label]; l != "" {
			return errors.New(l)
		}
		return nil
	})
	w.stays(w1, swarm.NodeAvailabilityDrain)
	w.byHand(w1, swarm.NodeAvailabilityActive)

	t.Log("another manager goes on where the first one's agent is lost")
	w.promote(w2)
	w.wish("drain", "w1")
	w.becomes(w1, swarm.NodeAvailabilityDrain)
	kill()
	w.wish("uncordon", "w1")
	w.admin.within(90*time.Second, "the second manager's agent gave it back", func() error {
		if is := w.node(w1).Spec.Availability; is != swarm.NodeAvailabilityActive {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
	w.maintained("w1", "applied", "w2")
}

// promote makes a worker a manager.
func (w *swarmWorld) promote(n *swarmHost) {
	w.t.Helper()
	w.admin.within(30*time.Second, n.name+" is a manager", func() error {
		now := w.node(n)
		if now.ManagerStatus != nil && now.ManagerStatus.Reachability == swarm.ReachabilityReachable {
			return nil
		}
		now.Spec.Role = swarm.NodeRoleManager
		return errors.Join(errors.New("not yet"), update(w, n, now))
	})
}
