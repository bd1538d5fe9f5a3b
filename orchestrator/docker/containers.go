package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// Containers reads every container, running or not. One that disappears while it is read is left out.
func (e *Collector) Containers(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	list, err := e.list(ctx)
	if err != nil {
		return nil, []model.Gap{gap("/containers", err, "look into the engine's log")}
	}
	h := e.hostView(ctx)
	found := make([]*model.Container, len(list))
	// Time is kept for what is not read before the deadline to be told.
	inner, cancel := within(ctx, 0.9)
	defer cancel()
	e.each(inner, len(list), func(i int) { found[i] = e.container(inner, list[i], h) })
	out := make([]model.Container, 0, len(list))
	for i, c := range found {
		if c == nil && inner.Err() != nil {
			c = partial(list[i], inner.Err())
		}
		if c != nil {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b model.Container) int {
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return func(s *model.Snapshot) { s.Containers = out }, h.gaps
}

// within is a context that ends before the outer one does.
func within(ctx context.Context, share float64) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(float64(time.Until(end))*share))
}

// partial is what the list alone tells of a container that could not be inspected.
func partial(c container.Summary, err error) *model.Container {
	name := ""
	if len(c.Names) > 0 {
		name = strings.TrimPrefix(c.Names[0], "/")
	}
	out := &model.Container{ID: c.ID, Name: name, State: string(c.State), Created: time.Unix(c.Created, 0).UTC()}
	out.Workload.Image = workload.ParseImage(c.Image, c.ImageID)
	out.Gaps = []model.Gap{gap("/workload", err, "run again, or look into the engine's log")}
	for _, p := range []string{"/changes", "/processes", "/endpoints"} {
		out.Gaps = append(out.Gaps, gap(p, err, ""))
	}
	return out
}

// container reads one container; nil when it is gone.
func (e *Collector) container(ctx context.Context, sum container.Summary, h *hostView) *model.Container {
	res, err := e.c.api.ContainerInspect(ctx, sum.ID, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	in := res.Container
	if err == nil && (in.Config == nil || in.HostConfig == nil || in.State == nil) {
		err = errors.Join(errMalformed, errors.New("the engine's answer has no configuration"))
	}
	if err != nil {
		return partial(sum, err)
	}
	c := &model.Container{
		ID: in.ID, Name: strings.TrimPrefix(in.Name, "/"), State: string(in.State.Status), PID: in.State.Pid,
		Restarts: in.RestartCount, Created: parseTime(in.Created), Started: parseTime(in.State.StartedAt),
	}
	if in.State.Health != nil && in.State.Health.Status != "none" {
		c.Health = string(in.State.Health.Status)
	}
	c.Workload = e.workload(ctx, in, h, c)
	c.Endpoints = endpoints(in.NetworkSettings)
	c.Orchestrated, c.Demo = orchestrated(in.Config.Labels), in.Config.Labels["io.bulkhead.demo"] == "true"
	e.changes(ctx, in, h, c)
	e.processes(ctx, in, h, c)
	return c
}

// parseTime reads the engine's times; the zero time of a container that never started becomes Go's.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 {
		return time.Time{}
	}
	return t.UTC()
}

func orchestrated(labels map[string]string) string {
	for _, o := range []struct{ label, by string }{
		{"com.docker.swarm.service.id", "swarm"},
		{"io.kubernetes.pod.name", "kubernetes"},
		{"com.docker.compose.project", "compose"},
		{"io.podman.compose.project", "compose"},
	} {
		if labels[o.label] != "" {
			return o.by
		}
	}
	return ""
}

func endpoints(n *container.NetworkSettings) []model.Endpoint {
	if n == nil {
		return nil
	}
	var list []model.Endpoint
	for name, ep := range n.Networks {
		if ep == nil {
			continue
		}
		one := model.Endpoint{Network: name, ID: ep.NetworkID, MAC: ep.MacAddress.String()}
		if one.ID == name {
			one.ID = "" // Podman gives the name for the id
		}
		if ep.IPAddress.IsValid() {
			one.IPv4 = ep.IPAddress.String()
		}
		if ep.GlobalIPv6Address.IsValid() {
			one.IPv6 = ep.GlobalIPv6Address.String()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b model.Endpoint) int { return strings.Compare(a.Network, b.Network) })
	return list
}
