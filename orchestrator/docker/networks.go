package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Networks reads the engine's networks and who is attached to them.
func (e *Collector) Networks(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	res, err := e.c.api.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, []model.Gap{gap("/networks", err, "look into the engine's log")}
	}
	type answer struct {
		net *model.Network
		err error
	}
	items := res.Items
	found := make([]answer, len(items))
	e.each(ctx, len(items), func(i int) {
		in, err := e.c.api.NetworkInspect(ctx, items[i].ID, client.NetworkInspectOptions{})
		if errdefs.IsNotFound(err) {
			return
		}
		n := in.Network
		if err != nil {
			n = network.Inspect{Network: items[i].Network}
		}
		found[i] = answer{e.network(n), err}
	})
	var out []model.Network
	var gaps []model.Gap
	for i, a := range found {
		if a.net == nil && ctx.Err() != nil {
			a = answer{e.network(network.Inspect{Network: items[i].Network}), ctx.Err()}
		}
		if a.err != nil {
			gaps = append(gaps, gap("/networks", a.err, "run again, or look into the engine's log"))
		}
		if a.net != nil {
			out = append(out, *a.net)
		}
	}
	slices.SortFunc(out, func(a, b model.Network) int {
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return func(s *model.Snapshot) { s.Networks = out }, gaps
}

func (e *Collector) network(in network.Inspect) *model.Network {
	const option = "com.docker.network.bridge."
	n := &model.Network{
		ID: in.ID, Name: in.Name, Driver: in.Driver, Scope: in.Scope, Internal: in.Internal, Attachable: in.Attachable,
		Ingress: in.Ingress, IPv6: in.EnableIPv6, HostIP: in.Options[option+"host_binding_ipv4"],
		Sensitivity: in.Labels[e.o.SensitivityLabel],
	}
	n.Options, _ = e.o.Secrets.Map("option", in.Options)
	n.Labels, _ = e.o.Secrets.Map("label", in.Labels)
	for _, c := range in.IPAM.Config {
		if c.Subnet.IsValid() {
			n.Subnets = append(n.Subnets, c.Subnet.String())
		}
	}
	slices.Sort(n.Subnets)
	if in.Driver == "bridge" {
		n.Default = in.Options[option+"default_bridge"] == "true" || in.Name == "bridge"
		n.Bridge = in.Options[option+"name"]
		if e.podman() {
			n.Default, n.Bridge = in.Name == "podman", e.podmanBridge(in)
		} else if n.Bridge == "" && len(in.ID) >= 12 {
			n.Bridge = "br-" + in.ID[:12]
		}
		icc, masquerade := in.Options[option+"enable_icc"] != "false", in.Options[option+"enable_ip_masquerade"] != "false"
		n.ICC, n.Masquerade = &icc, &masquerade
	}
	if v, ok := in.Options["encrypted"]; ok && in.Driver == "overlay" {
		n.Encrypted = v != "false" && v != "0"
	}
	for _, c := range in.Containers {
		n.Containers = append(n.Containers, c.Name)
	}
	slices.Sort(n.Containers)
	return n
}
