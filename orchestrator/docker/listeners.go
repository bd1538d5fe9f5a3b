package docker

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// listeners are the TCP endpoints of the engine: those of the configuration, and those that its process holds open.
func (e *Collector) listeners(s settings, d daemon) []model.EngineTCP {
	verify := truth(s.flag("tlsverify", false))
	tls := verify || truth(s.flag("tls", false))
	if e.podman() {
		tls, verify = s.values["tls-cert"].value != "", s.values["tls-client-ca"].value != ""
	}
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
		list = append(list, model.EngineTCP{
			Address: net.JoinHostPort(host, port), TLS: tls, VerifyClient: verify,
			Loopback: loopback(host), Source: s.values["hosts"].source,
		})
	}
	// Ports of the engine that are no API: Swarm's own and metrics.
	if _, port, err := net.SplitHostPort(s.values["metrics-addr"].value); err == nil {
		seen[port] = true
	}
	seen["2377"], seen["7946"] = true, true
	for _, l := range e.open(d) {
		if !seen[strconv.Itoa(int(l.Port()))] {
			list = append(list, model.EngineTCP{
				Address: l.String(), TLS: tls, VerifyClient: verify,
				Loopback: l.Addr().IsLoopback(), Source: "listener",
			})
		}
	}
	slices.SortFunc(list, func(a, b model.EngineTCP) int { return strings.Compare(a.Address, b.Address) })
	return slices.Compact(list)
}

// open are the sockets on which the engine's process listens.
func (e *Collector) open(d daemon) []netip.AddrPort {
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
	var list []netip.AddrPort
	for _, file := range []string{"tcp", "tcp6"} {
		// The engine's own network namespace, which need not be ours.
		body, err := readLimited(e.proc(d.pid, "net", file), 16<<20)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(body)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || !inodes[f[9]] { // 0A is listening
				continue
			}
			if a, ok := hexAddr(f[1]); ok {
				list = append(list, a)
			}
		}
	}
	return list
}

// hexAddr reads an address of /proc/net/tcp: 32-bit words in the host's byte order, then the port.
func hexAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	raw, err2 := hex.DecodeString(host)
	if err != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), ok
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func truth(b *bool) bool { return b != nil && *b }
