// Package swarm lets the managers of a Docker Swarm keep workloads away from its nodes: it sets their availability and gives it back.
// It changes nothing else of a swarm, and nothing of a node that it was not told of. What to do is decided by fleet/maintenance;
// whether it was asked by the right control plane is the agent's to know.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// API is what is needed of an engine; *client.Client is one.
type API interface {
	Info(ctx context.Context, o client.InfoOptions) (client.SystemInfoResult, error)
	NodeList(ctx context.Context, o client.NodeListOptions) (client.NodeListResult, error)
	NodeInspect(ctx context.Context, id string, o client.NodeInspectOptions) (client.NodeInspectResult, error)
	NodeUpdate(ctx context.Context, id string, o client.NodeUpdateOptions) (client.NodeUpdateResult, error)
}

// Swarm acts on the swarm that an engine is in.
type Swarm struct {
	// Connect gives the engine, and what ends the connection.
	Connect func(ctx context.Context) (API, func(), error)
	// By names whose wishes these are, in the label of nodes.
	By  string
	Now func() time.Time
}

// Bounds of one round.
const (
	lookTime = 10 * time.Second
	nodeTime = 10 * time.Second
	tries    = 5 // of one node that somebody else changes at the same time
	again    = 100 * time.Millisecond
)

// Place says where the engine is: its swarm, "" for none, and whether it can act there, or else why not.
type Place struct {
	Cluster string
	Node    string
	Acts    bool
	Why     string
}

// NoSwarm is why nothing can be done where the engine is in none.
const NoSwarm = "its engine is in no swarm"

// Look looks where the engine is. It changes nothing.
func (s *Swarm) Look(ctx context.Context) (Place, error) {
	api, done, err := s.Connect(ctx)
	if err != nil {
		return Place{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return look(ctx, api)
}

func look(ctx context.Context, api API) (Place, error) {
	res, err := api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Place{}, fmt.Errorf("ask the engine for its swarm: %w", err)
	}
	in := res.Info.Swarm
	p := Place{Node: in.NodeID}
	switch {
	case in.LocalNodeState == "" || in.LocalNodeState == swarm.LocalNodeStateInactive:
		return Place{Why: NoSwarm}, nil
	case in.LocalNodeState != swarm.LocalNodeStateActive:
		p.Why = fmt.Sprintf("the engine is in a swarm, but %s: %s", in.LocalNodeState, in.Error)
	case !in.ControlAvailable || in.Cluster == nil:
		p.Why = "its engine is a worker of a swarm: only the agent of a manager can act, for this node too"
	default:
		p.Cluster, p.Acts = in.Cluster.ID, true
	}
	return p, nil
}

// Maintain brings the nodes of the swarm to what a document says of them. d may be nil. What it could not do is in the answer, with
// why, and is tried again with the next call.
func (s *Swarm) Maintain(ctx context.Context, d *bundle.Maintenance) *model.Maintenance {
	api, done, err := s.Connect(ctx)
	if err != nil {
		return &model.Maintenance{Detail: "the engine can't be reached: " + err.Error()}
	}
	defer done()
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	place, err := look(looking, api)
	if err != nil {
		return &model.Maintenance{Detail: err.Error()}
	}
	out := &model.Maintenance{Cluster: place.Cluster, Acts: place.Acts, Detail: place.Why}
	if place.Node != "" {
		out.Orchestrator = model.OrchestratorSwarm
	}
	if !place.Acts || d == nil {
		return out
	}
	if d.Cluster != place.Cluster {
		out.Detail = fmt.Sprintf("what it was told is for the swarm %.64q, and this is %s", d.Cluster, place.Cluster)
		return out
	}
	list, err := api.NodeList(looking, client.NodeListOptions{})
	if err != nil {
		out.Acts, out.Detail = false, fmt.Sprintf("the swarm's nodes can't be listed: %v", err)
		return out
	}
	there := make(map[string]*swarm.Node, len(list.Items))
	for i := range list.Items {
		there[list.Items[i].ID] = &list.Items[i]
	}
	for _, n := range d.Nodes {
		if one, tell := s.node(ctx, api, n, there[n.ID]); tell {
			out.Nodes = append(out.Nodes, one)
		}
	}
	return out
}

// node does what is wanted of one. It says whether there is anything to tell.
func (s *Swarm) node(ctx context.Context, api API, n bundle.MaintenanceNode, now *swarm.Node) (model.MaintenanceOf, bool) {
	one := model.MaintenanceOf{ID: n.ID, Name: n.Name, Want: n.Want, State: model.MaintenanceFailed}
	if now == nil {
		one.Detail = "this swarm has no such node (any more)"
		return one, n.Want != model.WantNothing
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTime)
	defer cancel()
	changed := false
	for try := 1; ; try++ {
		step := maintenance.Next(s.By, n.Want, maintenance.Placement{
			Availability: string(now.Spec.Availability), Label: now.Spec.Labels[maintenance.Label],
		}, s.Now())
		one.State, one.Was, one.Is, one.Detail, one.Since = step.State, step.Was, step.To.Availability, step.Detail, step.Since
		if !step.Change {
			return one, changed || n.Want != model.WantNothing
		}
		changed = true
		err := update(ctx, api, now, step.To)
		if err == nil {
			return one, true
		}
		one.State, one.Is, one.Since = model.MaintenanceFailed, string(now.Spec.Availability), time.Time{}
		one.Detail = "the engine refused: " + err.Error()
		if try == tries || !pause(ctx, again*time.Duration(try)) {
			return one, true
		}
		// Somebody changed the node at the same time, most often another manager's agent, which did the same: look again.
		res, err := api.NodeInspect(ctx, n.ID, client.NodeInspectOptions{})
		if err == nil && res.Node.ID != n.ID { // an engine takes names and beginnings of ids as well
			err = errors.New("it answers with another node")
		}
		if err != nil {
			one.Detail = fmt.Sprintf("the node can't be looked at: %v", err)
			return one, true
		}
		now = &res.Node
	}
}

// update writes what a node should have over the version that was seen: a newer one is a conflict.
func update(ctx context.Context, api API, now *swarm.Node, to maintenance.Placement) error {
	spec := now.Spec
	spec.Labels = maps.Clone(spec.Labels)
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	delete(spec.Labels, maintenance.Label)
	if to.Label != "" {
		spec.Labels[maintenance.Label] = to.Label
	}
	spec.Availability = swarm.NodeAvailability(to.Availability)
	_, err := api.NodeUpdate(ctx, now.ID, client.NodeUpdateOptions{Version: now.Version, Spec: spec})
	return err
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
