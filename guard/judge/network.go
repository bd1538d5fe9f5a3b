package judge

import (
	"slices"

	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// madeNetwork says what a network would be made with.
func madeNetwork(n *call.NetworkCreate) (driver string, options []string) {
	driver, options = n.Driver, []string{}
	if driver == "" {
		driver = "bridge"
	}
	for k, v := range n.Options {
		options = append(options, k+"="+v)
	}
	if n.IPAM != nil {
		options = append(options, addresses(n.IPAM)...)
		if n.IPAM.Driver != "" && n.IPAM.Driver != "default" {
			options = append(options, "ipam="+n.IPAM.Driver)
		}
		for k, v := range n.IPAM.Options {
			options = append(options, "ipam."+k+"="+v)
		}
	}
	if n.ConfigFrom != nil && n.ConfigFrom.Network != "" {
		options = append(options, "config-from="+n.ConfigFrom.Network)
	}
	for name, on := range map[string]bool{"config-only": n.ConfigOnly, "ingress": n.Ingress} {
		if on {
			options = append(options, name)
		}
	}
	slices.Sort(options)
	return driver, options
}

// addresses are those that a network is to have. The host sends everything for them there: whoever names those of a server, or of a cloud's
// metadata, is that server for the host and for all containers on it.
func addresses(p *network.IPAM) []string {
	var list []string
	for _, c := range p.Config {
		if c.Subnet.IsValid() {
			list = append(list, "subnet="+c.Subnet.String())
		}
		if c.IPRange.IsValid() {
			list = append(list, "ip-range="+c.IPRange.String())
		}
		if c.Gateway.IsValid() {
			list = append(list, "gateway="+c.Gateway.String())
		}
		for name, a := range c.AuxAddress {
			list = append(list, "aux-address="+name+"="+a.String())
		}
	}
	return list
}
