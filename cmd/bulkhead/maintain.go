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
	return m.swarm.Maintain(ctx, d)
}
