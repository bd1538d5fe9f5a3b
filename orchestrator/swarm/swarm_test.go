package swarm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// engine is a manager with a node, which refuses a version that is not the newest as Swarm does.
type engine struct {
	info      swarm.Info
	node      swarm.Node
	conflicts int // somebody else changes the node so often just before
	refuse    error
	updates   int
	inspect   string // id that inspect answers with, for an engine that takes names
}

func newEngine(a swarm.NodeAvailability) *engine {
	e := &engine{
		info: swarm.Info{NodeID: "M", LocalNodeState: swarm.LocalNodeStateActive, ControlAvailable: true, Cluster: &swarm.ClusterInfo{ID: "C"}},
		node: swarm.Node{ID: "W", Spec: swarm.NodeSpec{Role: swarm.NodeRoleWorker, Availability: a}}, inspect: "W",
	}
	e.node.Spec.Labels = map[string]string{"rack": "7"}
	e.node.Version.Index = 10
	return e
}

func (e *engine) Info(context.Context, client.InfoOptions) (out client.SystemInfoResult, _ error) {
	out.Info.Swarm = e.info
	return out, nil
}

func (e *engine) NodeList(context.Context, client.NodeListOptions) (client.NodeListResult, error) {
	return client.NodeListResult{Items: []swarm.Node{e.node}}, nil
}

func (e *engine) NodeInspect(context.Context, string, client.NodeInspectOptions) (client.NodeInspectResult, error) {
	n := e.node
	n.ID = e.inspect
	return client.NodeInspectResult{Node: n}, nil
}

func (e *engine) NodeUpdate(_ context.Context, id string, o client.NodeUpdateOptions) (client.NodeUpdateResult, error) {
	if e.refuse != nil {
		return client.NodeUpdateResult{}, e.refuse
	}
	if e.conflicts > 0 {
		e.conflicts--
		e.node.Version.Index++
	}
	if id != "W" || o.Version.Index != e.node.Version.Index {
		return client.NodeUpdateResult{}, errors.New("rpc error: code = Unknown desc = update out of sequence")
	}
	e.updates++
	e.node.Spec = o.Spec
	e.node.Version.Index++
	return client.NodeUpdateResult{}, nil
}

func maintain(t *testing.T, e *engine, nodes ...bundle.MaintenanceNode) *model.Maintenance {
	t.Helper()
	s := &Swarm{Connect: func(context.Context) (API, func(), error) { return e, func() {}, nil }, By: "acme/1", Now: time.Now}
	return s.Maintain(t.Context(), &bundle.Maintenance{Cluster: "C", Nodes: nodes})
}

func want(w string) bundle.MaintenanceNode {
	return bundle.MaintenanceNode{ID: "W", Name: "w1", Want: w}
}

func TestMaintain(t *testing.T) {
	e := newEngine(swarm.NodeAvailabilityActive)
	got := maintain(t, e, want("drain"))
	if e.node.Spec.Availability != "drain" || e.node.Spec.Role != "worker" || e.node.Spec.Labels["rack"] != "7" || e.node.Spec.Labels[maintenance.Label] == "" {
		t.Errorf("%+v", e.node.Spec)
	}
	if n := got.Nodes; len(n) != 1 || n[0].State != model.MaintenanceApplied || n[0].Was != "active" || n[0].Is != "drain" || n[0].Since.IsZero() || !got.Acts {
		t.Errorf("%+v", got)
	}
	if maintain(t, e, want("drain")); e.updates != 1 {
		t.Errorf("%d updates for one change", e.updates)
	}
	if got = maintain(t, e, want("")); e.node.Spec.Availability != "active" || len(e.node.Spec.Labels) != 1 || len(got.Nodes) != 1 || got.Nodes[0].Want != "" {
		t.Errorf("%+v, %+v", e.node.Spec, got)
	}
	if got = maintain(t, e, want("")); len(got.Nodes) != 0 || e.updates != 2 {
		t.Errorf("%+v after %d updates", got, e.updates)
	}
}

func TestConflictsAreRetried(t *testing.T) {
	for conflicts, state := range map[int]model.MaintenanceState{tries - 1: model.MaintenanceApplied, tries: model.MaintenanceFailed} {
		e := newEngine(swarm.NodeAvailabilityActive)
		e.conflicts = conflicts
		got := maintain(t, e, want("cordon"))
		if got.Nodes[0].State != state || (state == model.MaintenanceApplied) != (e.node.Spec.Availability == "pause") {
			t.Errorf("after %d conflicts: %+v, %s", conflicts, got.Nodes, e.node.Spec.Availability)
		}
		if state == model.MaintenanceFailed && !strings.Contains(got.Nodes[0].Detail, "out of sequence") {
			t.Errorf("%+v", got.Nodes)
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(e *engine)
		node   bundle.MaintenanceNode
		detail string // of the answer, or of its node
		acts   bool
	}{
		"the engine refuses":   {func(e *engine) { e.refuse = errors.New("no quorum") }, want("drain"), "the engine refused: no quorum", true},
		"no such node":         {func(*engine) {}, bundle.MaintenanceNode{ID: "X", Name: "x", Want: "drain"}, "no such node", true},
		"another node answers": {func(e *engine) { e.conflicts, e.inspect = 1, "W2" }, want("drain"), "another node", true},
		"another swarm":        {func(e *engine) { e.info.Cluster.ID = "C2" }, want("drain"), `for the swarm "C", and this is C2`, true},
		"a worker":             {func(e *engine) { e.info.ControlAvailable = false }, want("drain"), "worker", false},
		"no swarm":             {func(e *engine) { e.info = swarm.Info{LocalNodeState: swarm.LocalNodeStateInactive} }, want("drain"), NoSwarm, false},
		"a locked swarm":       {func(e *engine) { e.info.LocalNodeState = swarm.LocalNodeStateLocked }, want("drain"), "locked", false},
		"somebody else's label": {func(e *engine) {
			e.node.Spec.Labels[maintenance.Label] = "v1 globex/1 pause active 2027-03-01T09:00:00Z"
		}, want("drain"), "another control plane's", true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(swarm.NodeAvailabilityActive)
			c.change(e)
			got := maintain(t, e, c.node)
			detail := got.Detail
			for _, n := range got.Nodes {
				detail += n.Detail
				if n.State != model.MaintenanceFailed {
					t.Errorf("%+v", n)
				}
			}
			if !strings.Contains(detail, c.detail) || got.Acts != c.acts || e.updates != 0 || e.node.Spec.Availability != "active" {
				t.Errorf("%+v; %d updates", got, e.updates)
			}
		})
	}
}
