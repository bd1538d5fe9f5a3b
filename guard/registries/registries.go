// Package registries says where a registry is that somebody names to the container engine: at an address of the host itself, or at one that
// only hosts reach, such as that of a cloud's metadata. What the engine fetches from there it fetches as the host.
//
// It looks up names and nothing else, and decides nothing. A name may lead elsewhere when the engine looks it up a moment later.
package registries

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Addresses look registries up.
type Addresses struct {
	// Lookup gives the addresses of a name, and Own those of the host; nil asks the system.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Own    func() ([]netip.Addr, error)
}

// lookTime is how long a name may take.
const lookTime = 3 * time.Second

// Inside says why the engine should not be sent to a registry, HOST or HOST:PORT; empty for nothing.
func (a Addresses) Inside(ctx context.Context, registry string) (string, error) {
	host := strings.TrimSuffix(strings.ToLower(hostOf(registry)), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761
		return "is this host itself", nil
	}
	list, err := a.addresses(ctx, host)
	if err != nil {
		return "", err
	}
	own, err := a.own()
	if err != nil {
		return "", fmt.Errorf("this host's addresses: %w", err)
	}
	for _, ip := range list {
		ip = plain(ip)
		switch {
		case ip.IsLoopback() || ip.IsUnspecified() || slices.Contains(own, ip):
			return "is this host itself (" + ip.String() + ")", nil
		case ip.IsLinkLocalUnicast() || ip.IsMulticast() || slices.Contains(metadata(), ip.String()):
			return "is at an address that only hosts of this network reach (" + ip.String() + ")", nil
		}
	}
	return "", nil
}

// hostOf leaves the port out.
func hostOf(registry string) string {
	if host, _, err := net.SplitHostPort(registry); err == nil {
		return host
	}
	return strings.Trim(registry, "[]")
}

func (a Addresses) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	// What some systems take for an address ("127.1", "0x7f000001", "2130706433") is no name of a registry: the last part of one is a word.
	if last := host[strings.LastIndexByte(host, '.')+1:]; last == "" || last[0] >= '0' && last[0] <= '9' {
		return nil, errors.New("it is neither a name nor an address")
	}
	lookup := a.Lookup
	if lookup == nil {
		lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	list, err := lookup(ctx, host)
	if err == nil && len(list) == 0 {
		err = errors.New("it has no address")
	}
	return list, err
}

func (a Addresses) own() ([]netip.Addr, error) {
	if a.Own != nil {
		return a.Own()
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var list []netip.Addr
	for _, one := range all {
		if p, err := netip.ParsePrefix(one.String()); err == nil {
			list = append(list, plain(p.Addr()))
		}
	}
	return list, nil
}

// plain is an address without the forms that wrap one of IPv4: mapped (RFC 4291), and those of NAT64 (RFC 6052) and 6to4 (RFC 3056).
func plain(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if !ip.Is6() {
		return ip
	}
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}

// metadata are addresses of clouds that tell a host its secrets and are not link-local ones.
func metadata() []string {
	return []string{"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"}
}
