package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

func (e *Collector) services(ctx context.Context, sw *model.Swarm) error {
	res, err := e.c.api.ServiceList(ctx, client.ServiceListOptions{})
	if err != nil {
		return err
	}
	tasks, err := e.c.api.TaskList(ctx, client.TaskListOptions{})
	if err != nil {
		return err
	}
	running := map[string]int{}
	for _, t := range tasks.Items {
		if t.Status.State == swarm.TaskStateRunning {
			running[t.ServiceID]++
		}
	}
	names := e.networkNames(ctx)
	for _, s := range res.Items {
		one := model.SwarmSvc{ID: s.ID, Name: s.Spec.Name, Running: running[s.ID]}
		one.Mode, one.Replicas = serviceMode(s.Spec.Mode)
		if p := s.Spec.TaskTemplate.Placement; p != nil {
			one.Constraints = slices.Sorted(slices.Values(p.Constraints))
		}
		if u := s.Spec.UpdateConfig; u != nil {
			one.RollbackOnFailure = u.FailureAction == swarm.UpdateFailureActionRollback
		}
		if c := s.Spec.TaskTemplate.ContainerSpec; c != nil {
			one.SecretsUsed = len(c.Secrets)
			one.Workload = e.serviceWorkload(s, *c, names)
		}
		sw.Services = append(sw.Services, one)
	}
	slices.SortFunc(sw.Services, func(a, b model.SwarmSvc) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// networkNames maps ids to names: services refer to networks by id.
func (e *Collector) networkNames(ctx context.Context) map[string]string {
	m := map[string]string{}
	if res, err := e.c.api.NetworkList(ctx, client.NetworkListOptions{}); err == nil {
		for _, n := range res.Items {
			m[n.ID] = n.Name
		}
	}
	return m
}

func serviceMode(m swarm.ServiceMode) (string, int) {
	count := func(n *uint64) int {
		if n == nil {
			return 1
		}
		return int(min(*n, 1<<31))
	}
	switch {
	case m.Global != nil:
		return "global", 0
	case m.GlobalJob != nil:
		return "global-job", 0
	case m.ReplicatedJob != nil:
		return "replicated-job", count(m.ReplicatedJob.TotalCompletions)
	case m.Replicated != nil:
		return "replicated", count(m.Replicated.Replicas)
	}
	return "replicated", 1
}

// serviceWorkload is what a service asks to run. What an image adds is known only where a task runs.
func (e *Collector) serviceWorkload(s swarm.Service, c swarm.ContainerSpec, names map[string]string) model.Workload {
	w := workload.ServiceContainer(&c, workload.Defaults{})
	w.Tenant, w.Sensitivity = c.Labels[e.o.TenantLabel], c.Labels[e.o.SensitivityLabel]
	workload.WriteTexts(e.o.Secrets, &w, c.Command, c.Args, c.Env, c.Labels)
	for _, m := range c.Mounts {
		mount := model.Mount{Type: string(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		if m.BindOptions != nil {
			mount.Propagation = string(m.BindOptions.Propagation)
		}
		if m.Type == "volume" {
			mount.Volume = m.Source
		}
		mount.EngineSocket = m.Type == "bind" && (workload.SocketName(m.Source) || m.Source == "/" || m.Source == "/run" || m.Source == "/var/run")
		w.Mounts = append(w.Mounts, mount)
	}
	workload.ServiceTask(&w, &s.Spec.TaskTemplate)
	for _, n := range s.Spec.TaskTemplate.Networks {
		name := names[n.Target]
		if name == "" {
			name = n.Target
		}
		w.Networks = append(w.Networks, name)
	}
	slices.Sort(w.Networks)
	if len(w.Networks) > 0 {
		w.Namespaces.Network = w.Networks[0]
	}
	w.Ports = workload.ServicePorts(s.Endpoint.Ports)
	return w
}
