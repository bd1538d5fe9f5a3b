package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/orchestrator/docker"
	"github.com/bulkhead-security/bulkhead/orchestrator/kubernetes"
	"github.com/bulkhead-security/bulkhead/orchestrator/kubernetes/upkeep"
	"github.com/bulkhead-security/bulkhead/orchestrator/swarm"
)

// maintainer makes this host's orchestrator keep workloads away from nodes.
type maintainer struct {
	swarm *swarm.Swarm
	node  *upkeep.Node // in Kubernetes; nil where the host is no node of it
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
	m := &maintainer{swarm: s}
	if c.Agent.KubernetesNode != "" {
		if m.node, err = kubernetesNode(c); err != nil {
			return nil, fmt.Errorf("agent.kubernetes_node: %w", err)
		}
		m.node.By = s.By
	}
	return m, nil
}

// namespaceFile is where a pod finds its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func kubernetesNode(c config.Config) (*upkeep.Node, error) {
	o := kubernetes.Options{Kubeconfig: c.Kubernetes.Kubeconfig, Context: c.Kubernetes.Context, AllowExec: c.Kubernetes.AllowExec}
	if c.Agent.KubernetesConfig != "" {
		o.Kubeconfig, o.Context = c.Agent.KubernetesConfig, ""
	}
	rc, err := kubernetes.RESTConfig(o)
	if err != nil {
		return nil, err
	}
	api, err := upkeep.NewAPI(rc)
	if err != nil {
		return nil, err
	}
	n := &upkeep.Node{Cluster: api, Name: c.Agent.KubernetesNode, Now: func() time.Time { return clock.Now() }}
	if namespace, err := os.ReadFile(namespaceFile); err == nil {
		if name, err := os.Hostname(); err == nil {
			n.Self = strings.TrimSpace(string(namespace)) + "/" + name // a pod's host name is its name
		}
	}
	return n, nil
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
		Now: func() time.Time { return clock.Now() },
	}
}

// Maintain implements agent.Maintainer.
func (m *maintainer) Maintain(ctx context.Context, want string, d *bundle.Maintenance) *model.Maintenance {
	if m.node != nil {
		return m.node.Maintain(ctx, want)
	}
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
	if c.Agent.KubernetesNode != "" {
		return kubernetesPart(ctx, c)
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

func kubernetesPart(ctx context.Context, c config.Config) model.AgentPart {
	p := model.AgentPart{Part: "maintenance", Needs: "the rights to get and patch nodes, list pods and evict them, to carry out cordon and drain"}
	n, err := kubernetesNode(c)
	var missing []string
	if err == nil {
		missing, err = n.Look(ctx)
	}
	switch {
	case err != nil:
		p.Detail, p.Remedy = err.Error(), "look at agent.kubernetes_config and agent.kubernetes_node"
	case len(missing) > 0:
		p.Detail = "the cluster does not let the agent " + strings.Join(missing, ", ")
		p.Remedy = "name the kubelet's kubeconfig with agent.kubernetes_config, or install the chart with agent.maintenance.enabled and use its account"
	default:
		p.Works, p.Detail = true, "Kubernetes node "+n.Name+": cordon and drain are carried out here"
	}
	return p
}
