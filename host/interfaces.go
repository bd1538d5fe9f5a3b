package host

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Interfaces reads the interfaces of the host's network namespace. The running kernel is asked over netlink; in a
// recorded or mounted tree /sys/class/net tells all but the addresses.
func (h *Host) Interfaces(context.Context) (func(*model.Snapshot), []model.Gap) {
	var list []model.NetInterface
	var err error
	var gaps []model.Gap
	if h.live {
		list, err = liveInterfaces()
	} else {
		list, err = h.sysInterfaces()
		gaps = append(gaps, model.Gap{
			Path: "/host/interfaces/*/addresses", Reason: model.GapUnsupported, Detail: "addresses are read on the running system only",
		})
	}
	if err != nil {
		return nil, []model.Gap{gap("/host/interfaces", err)}
	}
	slices.SortFunc(list, func(a, b model.NetInterface) int { return cmp.Compare(a.Name, b.Name) })
	return func(s *model.Snapshot) { s.HostPart().Interfaces = list }, gaps
}

// liveInterfaces asks the kernel. Promiscuity counts also what programs asked for with packet sockets, which the
// interface's flags do not show.
func liveInterfaces() ([]model.NetInterface, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	names, bridges := map[int]string{}, map[int]int{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
		if l.Type() == "bridge" {
			bridges[l.Attrs().Index] = 1
		}
	}
	addresses := map[int][]string{}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if a.IPNet != nil {
			addresses[a.LinkIndex] = append(addresses[a.LinkIndex], a.IPNet.String())
		}
	}
	var list []model.NetInterface
	for _, l := range links {
		a := l.Attrs()
		slices.Sort(addresses[a.Index])
		list = append(list, model.NetInterface{
			Name: a.Name, Kind: linkKind(l.Type(), a.RawFlags), MAC: a.HardwareAddr.String(), Addresses: addresses[a.Index],
			Up: a.RawFlags&unix.IFF_UP != 0,
			// A bridge makes its ports promiscuous once; that is how it works and no sniffing.
			Promiscuous: a.Promisc > bridges[a.MasterIndex] || a.RawFlags&unix.IFF_PROMISC != 0,
			Master:      names[a.MasterIndex],
		})
	}
	return list, nil
}

// linkKind names a link: netlink calls every link without a kind "device".
func linkKind(kind string, flags uint32) string {
	switch {
	case flags&unix.IFF_LOOPBACK != 0:
		return "loopback"
	case kind == "device" || kind == "":
		return "physical"
	case kind == "tuntap":
		return "tun"
	}
	return kind
}

func (h *Host) sysInterfaces() ([]model.NetInterface, error) {
	const base = "/sys/class/net"
	entries, err := h.list(base)
	if err != nil {
		return nil, err
	}
	var list []model.NetInterface
	for _, e := range entries {
		dir := path.Join(base, e.Name())
		if !h.exists(dir + "/flags") {
			continue // bonding_masters is a file
		}
		flags, _ := strconv.ParseUint(strings.TrimPrefix(h.value(dir+"/flags"), "0x"), 16, 32)
		n := model.NetInterface{
			Name: e.Name(), Kind: linkKind(h.sysKind(dir), uint32(flags)), MAC: h.value(dir + "/address"),
			Up: flags&unix.IFF_UP != 0, Promiscuous: flags&unix.IFF_PROMISC != 0,
		}
		if master, err := h.readlink(dir + "/master"); err == nil {
			n.Master = path.Base(master)
		}
		list = append(list, n)
	}
	return list, nil
}

// sysKind is the kind of a link as its directory shows it.
func (h *Host) sysKind(dir string) string {
	for line := range strings.Lines(h.value(dir + "/uevent")) {
		if kind, ok := strings.CutPrefix(strings.TrimSpace(line), "DEVTYPE="); ok {
			return kind
		}
	}
	switch {
	case h.exists(dir + "/bridge"):
		return "bridge"
	case h.exists(dir + "/tun_flags"):
		return "tun"
	case h.exists(dir + "/bonding"):
		return "bond"
	case h.exists(dir + "/device"):
		return "physical"
	}
	// A veth's other end has another index.
	if link, index := h.value(dir+"/iflink"), h.value(dir+"/ifindex"); link != index {
		return "veth"
	}
	return "virtual"
}
