package workload

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/model"
)

// networks says which networks a container joins, and how.
func (r *Reader) networks(ctx context.Context, w *model.Workload, hc *container.HostConfig, nc *network.NetworkingConfig) {
	w.ExtraHosts, w.DNS = hc.ExtraHosts, addresses(hc.DNS)
	mode := w.Namespaces.Network
	if mode != host && mode != "none" && !strings.HasPrefix(mode, containerPrefix) {
		r.network(ctx, w, mode)
	}
	for _, l := range hc.Links {
		r.link(ctx, w, l)
	}
	if nc == nil {
		return
	}
	for _, key := range names(nc.EndpointsConfig) {
		name := key
		if name == "default" {
			name = bridge
		}
		if name != mode {
			r.network(ctx, w, name)
		}
		if e := nc.EndpointsConfig[key]; e != nil {
			r.endpoint(ctx, w, name, e)
		}
	}
}

// network adds one by its own name. The host's is the host's by whatever name.
func (r *Reader) network(ctx context.Context, w *model.Workload, name string) {
	n, err := r.Host.Network(ctx, name)
	switch {
	case err != nil:
		note(w, "network "+name, err.Error())
		w.Networks = add(w.Networks, name)
		return
	case name == host || n.Driver == host:
		shareHost(w, "network")
	}
	w.Networks = add(w.Networks, or(n.Name, name))
	if n.Foreign {
		w.ForeignNetworks = add(w.ForeignNetworks, or(n.Name, name))
	}
}

// link is to another container, by NAME:ALIAS. One of others counts as a namespace of theirs: names and secrets of it are told.
func (r *Reader) link(ctx context.Context, w *model.Workload, spec string) {
	name, _, _ := strings.Cut(spec, ":")
	peer, err := r.Host.Container(ctx, name)
	if err != nil {
		note(w, "link "+name, err.Error())
		w.Links = add(w.Links, name)
		return
	}
	w.Links = add(w.Links, peer.ID)
	if peer.Foreign {
		w.ForeignNamespaces = add(w.ForeignNamespaces, "link:"+peer.ID)
	}
}

const endpointSysctls = "com.docker.network.endpoint.sysctls"

func (r *Reader) endpoint(ctx context.Context, w *model.Workload, name string, e *network.EndpointSettings) {
	if c := e.IPAMConfig; c != nil {
		for _, a := range addresses(append([]netip.Addr{c.IPv4Address, c.IPv6Address}, c.LinkLocalIPs...)) {
			w.Addresses = add(w.Addresses, name+"="+a)
		}
	}
	if mac := e.MacAddress.String(); mac != "" {
		w.Addresses = add(w.Addresses, name+"="+mac)
	}
	for _, l := range e.Links {
		r.link(ctx, w, l)
	}
	for _, k := range names(e.DriverOpts) {
		if k != endpointSysctls {
			w.EndpointOptions = add(w.EndpointOptions, name+":"+k)
			continue
		}
		for _, s := range strings.Split(e.DriverOpts[k], ",") {
			key, value, _ := strings.Cut(s, "=")
			w.Sysctls = append(w.Sysctls, model.KeyVal{Key: strings.TrimSpace(key), Value: value})
		}
	}
}

func addresses(list []netip.Addr) []string {
	var out []string
	for _, a := range list {
		if a.IsValid() {
			out = append(out, a.String())
		}
	}
	return slices.Compact(out)
}
