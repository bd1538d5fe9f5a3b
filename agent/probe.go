package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/sourcegraph/conc"

	"golang.org/x/time/rate"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Limits of a probe: a server that was taken over must not make a scanner of the fleet.
const (
	mostProbed = 8
	probeLimit = 2 * time.Second
)

// prober looks whether other nodes can be reached.
type prober struct {
	limit *rate.Limiter
	own   func() []netip.Addr
	slots chan struct{}
	// dial is replaced by tests.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// ports are tried at each address: the discard port, which nobody listens on, so that a host that lives refuses it; and two that are
// seldom filtered.
func ports() []int { return []int{9, 22, 443} }

// probe answers a question in the background.
func (a *Agent) probe(ctx context.Context, q *bulkheadv1.Probe) {
	if !a.probes.limit.Allow() {
		a.slog.Warn("the server asks about other nodes too often; not answered")
		return
	}
	select {
	case a.probes.slots <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-a.probes.slots }()
		var ok bool
		var text string
		err := Contain("probing", func() error { ok, text = a.probes.reach(ctx, q.GetAddresses()); return nil })
		if err != nil {
			text = "the probe failed"
			a.mistake(err)
		}
		a.giveBackAnswers([]*bulkheadv1.ProbeResult{{Id: clip(q.GetId(), 64), Reachable: ok, Text: clip(text, 400)}})
		a.soon()
	}()
}

// reach says whether a host answers at any of its addresses: a connection that is taken or refused is an answer.
func (p *prober) reach(ctx context.Context, addresses []string) (bool, string) {
	good := p.good(addresses)
	if len(good) == 0 {
		return false, "none of the addresses may be asked"
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	dial := p.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	type answer struct {
		at  string
		err error
	}
	all := make(chan answer, len(good)*len(ports()))
	var wg conc.WaitGroup
	for _, ip := range good {
		for _, port := range ports() {
			wg.Go(func() {
				at := net.JoinHostPort(ip.String(), strconv.Itoa(port))
				conn, err := dial(ctx, "tcp", at)
				if err == nil {
					_ = conn.Close() // nothing was said
				}
				all <- answer{at, err}
			})
		}
	}
	go func() { _ = wg.WaitAndRecover(); close(all) }() // whoever failed gave no answer
	var last error
	for r := range all {
		if r.err == nil {
			return true, r.at + " took a connection"
		}
		if errors.Is(r.err, syscall.ECONNREFUSED) {
			return true, r.at + " refused a connection, so the host is there"
		}
		last = r.err
	}
	return false, fmt.Sprintf("no answer at %d addresses: %v", len(good), last)
}

// good are the addresses that may be asked: unicast, not local to every machine, and not our own.
func (p *prober) good(list []string) []netip.Addr {
	own := p.own()
	var out []netip.Addr
	for _, s := range list {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			continue
		}
		ip = ip.Unmap()
		if !ip.IsGlobalUnicast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || slices.Contains(own, ip) || slices.Contains(out, ip) {
			continue
		}
		if out = append(out, ip); len(out) == mostProbed {
			break
		}
	}
	return out
}

// Interfaces of engines and clusters: their addresses are the same on many machines.
func madeByEngines() []string {
	return []string{"docker", "br-", "veth", "cni", "flannel", "cali", "virbr", "lxc", "podman", "kube-", "nerdctl", "tunl", "dummy"}
}

const mostAddresses = 32

// Addresses are those by which other machines may reach this one.
func Addresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || slices.ContainsFunc(madeByEngines(), func(p string) bool {
			return len(i.Name) >= len(p) && i.Name[:len(p)] == p
		}) {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, at := range addresses {
			prefix, err := netip.ParsePrefix(at.String())
			if ip := prefix.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() && len(out) < mostAddresses {
				out = append(out, ip)
			}
		}
	}
	return out
}
