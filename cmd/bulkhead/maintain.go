package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/orchestrator/docker"
	"github.com/bulkhead-security/bulkhead/orchestrator/swarm"
)

// maintainer makes this host's orchestrator keep workloads away from nodes.
type maintainer struct {
	swarm *swarm.Swarm
}

// maintainerOf is for a host that has joined. What it marks says whose it is: the tenant, and the key of the control plane.
func maintainerOf(c config.Config, d *state.Dir) (*maintainer, error) {
	n, err := d.Node()
	if err != nil {
		return nil, err
	}
	v, err := n.Verifier()
	if err != nil {
		return nil, fmt.Errorf("the key of documents: %w", err)
	}
	s := swarmOf(c)
	s.By = fmt.Sprintf("%s/%08x", n.Tenant, v.KeyHash())
	return &maintainer{swarm: s}, nil
}

func swarmOf(c config.Config) *swarm.Swarm {
	return &swarm.Swarm{
		Connect: func(ctx context.Context) (swarm.API, func(), error) {
			client, err := docker.Connect(ctx, c.Engine.Endpoint, docker.ConnectOptions{})
			if err != nil {
				return nil, nil, err
			}
			return client.API(), func() { _ = client.API().Close() }, nil
		},
		Now: func() time.Time { return clock()() },
	}
}

// Maintain implements agent.Maintainer.
func (m *maintainer) Maintain(ctx context.Context, want string, d *bundle.Maintenance) *model.Maintenance {
	if want == model.WantNothing && d == nil {
		return nil
	}
	out := m.swarm.Maintain(ctx, d)
	if out.Detail == swarm.NoSwarm {
		out.Detail = onlyShown
	}
	return out
}

const onlyShown = "this host is in no swarm and in no Kubernetes cluster that the agent knows, so that cordon and drain are only shown here: " +
	"nothing keeps workloads away"

// maintenancePart says whether cordon and drain can be carried out from here.
func maintenancePart(ctx context.Context, c config.Config) model.AgentPart {
	p := model.AgentPart{Part: "maintenance", Needs: "an engine that manages a swarm, to carry out cordon and drain of its nodes"}
	if !c.Agent.Maintenance {
		p.Detail, p.Remedy = "agent.maintenance is false: this agent leaves the orchestrator alone", "set agent.maintenance to true if it should act"
		return p
	}
	at, err := swarmOf(c).Look(ctx)
	switch {
	case err != nil:
		p.Detail, p.Remedy = err.Error(), "run as root, or name the engine with engine.endpoint"
	case at.Acts:
		p.Works, p.Detail = true, "manager of the swarm "+at.Cluster+": cordon and drain of its nodes are carried out here"
	case at.Node == "":
		p.Detail = onlyShown
	default:
		p.Detail, p.Remedy = at.Why, "join a manager of the swarm to the same tenant"
	}
	return p
}
