package docker

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-security/bulkhead/model"
)

// listeners are the TCP endpoints of the engine: those of the configuration, and those that its process holds open.
func (e *Collector) listeners(s settings, d daemon) []model.EngineTCP {
	verify := truth(s.flag("tlsverify", false))
	tls := verify || truth(s.flag("tls", false))
	var list []model.EngineTCP
	seen := map[string]bool{}
	for _, h := range s.items("hosts") {
		addr, ok := strings.CutPrefix(h, "tcp://")
		if !ok {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			host, port = addr, "2375"
			if tls {
				port = "2376"
			}
		}
		seen[port] = true
		list = append(list, model.EngineTCP{Address: net.JoinHostPort(host, port), TLS: tls, VerifyClient: verify,
			Loopback: loopback(host), Source: s.values["hosts"].source})
	}
	// Ports of the engine that are no API: Swarm's own and metrics.
	if _, port, err := net.SplitHostPort(s.values["metrics-addr"].value); err == nil {
		seen[port] = true
	}
	seen["2377"], seen["7946"] = true, true
	for _, l := range e.open(d) {
		if port := strconv.FormatUint(l.LocalPort, 10); !seen[port] {
			list = append(list, model.EngineTCP{Address: net.JoinHostPort(l.LocalAddr.String(), port), TLS: tls, VerifyClient: verify,
				Loopback: l.LocalAddr.IsLoopback(), Source: "listener"})
		}
	}
	slices.SortFunc(list, func(a, b model.EngineTCP) int { return strings.Compare(a.Address, b.Address) })
	return slices.Compact(list)
}

// open are the sockets on which the engine's process listens.
func (e *Collector) open(d daemon) procfs.NetTCP {
	if d.pid == 0 {
		return nil
	}
	entries, err := os.ReadDir(e.proc(d.pid, "fd"))
	if err != nil {
		return nil
	}
	inodes := map[string]bool{}
	for _, f := range entries {
		if to, err := os.Readlink(e.proc(d.pid, "fd", f.Name())); err == nil && strings.HasPrefix(to, "socket:[") {
			inodes[strings.TrimSuffix(to[len("socket:["):], "]")] = true
		}
	}
	// The engine's own network namespace, which need not be ours.
	proc, err := procfs.NewFS(e.proc(d.pid))
	if err != nil {
		return nil
	}
	var list procfs.NetTCP
	for _, read := range []func() (procfs.NetTCP, error){proc.NetTCP, proc.NetTCP6} {
		all, err := read()
		if err != nil {
			continue
		}
		for _, l := range all {
			if l.St == 0x0A && inodes[strconv.FormatUint(l.Inode, 10)] {
				list = append(list, l)
			}
		}
	}
	return list
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func truth(b *bool) bool { return b != nil && *b }
