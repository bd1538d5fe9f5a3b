package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// runDir holds the lock and what the host's network was like before the first engine of the lab was started.
const runDir = "/run/bulkhead-lab"

const forwardFile = "/proc/sys/net/ipv4/ip_forward"

// lanes are how many engines can run side by side; each has a /16 of its own.
const (
	lanes     = 16
	firstLane = 225 // 10.225.0.0/16
)

type network struct{ bridge, subnet, pool string }

// addBridge makes a bridge in a free address range, so that no engine takes docker0 or another's addresses.
func addBridge() (network, error) {
	unlock, err := lock()
	if err != nil {
		return network{}, err
	}
	defer unlock()
	if err := remember(); err != nil {
		return network{}, err
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return network{}, fmt.Errorf("reading addresses: %w", err)
	}
	for i := range lanes {
		prefix := fmt.Sprintf("10.%d.", firstLane+i)
		n := network{bridge: fmt.Sprintf("bhlab%d", i), subnet: prefix + "0.0/24", pool: prefix + "128.0/17"}
		taken := slices.ContainsFunc(addrs, func(a net.Addr) bool { return strings.HasPrefix(a.String(), prefix) })
		if _, err := net.InterfaceByName(n.bridge); err == nil || taken {
			continue
		}
		link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: n.bridge}}
		if err := netlink.LinkAdd(link); err != nil {
			return network{}, fmt.Errorf("adding bridge %s: %w", n.bridge, err)
		}
		addr, err := netlink.ParseAddr(prefix + "0.1/24")
		if err == nil {
			err = errors.Join(netlink.AddrAdd(link, addr), netlink.LinkSetUp(link))
		}
		if err != nil {
			return network{}, errors.Join(fmt.Errorf("bridge %s: %w", n.bridge, err), netlink.LinkDel(link))
		}
		return n, nil
	}
	return network{}, fmt.Errorf("no free address range: %d engines run already; stop one", lanes)
}

func lock() (func(), error) {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(runDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// remember keeps the value of ip_forward when the firewall has no chains of an engine yet: then the last engine that
// stops takes its chains away and puts the host back as it was.
func remember() error {
	mark := filepath.Join(runDir, "before")
	if _, err := os.Stat(mark); err == nil || len(engineChains(dump("iptables"))) > 0 {
		return nil
	}
	before, err := os.ReadFile(forwardFile)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return os.WriteFile(mark, before, 0o600)
}

// takeBackNetwork removes an engine's bridge and its rules, and with the last engine the chains.
func takeBackNetwork(st state) error {
	if st.Private {
		return nil
	}
	bridge := st.Bridge
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	if link, err := netlink.LinkByName(bridge); err == nil {
		errs = append(errs, netlink.LinkDel(link))
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		errs = append(errs, deleteRules(tool, func(rule []string) bool { return slices.Contains(rule, bridge) }))
	}
	mark := filepath.Join(runDir, "before")
	before, err := os.ReadFile(mark)
	if err != nil || inUse() {
		return errors.Join(errs...)
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		errs = append(errs, deleteRules(tool, func(rule []string) bool {
			return slices.ContainsFunc(rule, isEngineChain)
		}))
		for _, c := range engineChains(dump(tool)) {
			errs = append(errs, run(tool, "-t", c.table, "-X", c.chain))
		}
	}
	// The oldest engine sets the policy to drop when it turns forwarding on.
	errs = append(errs, run("iptables", "-P", "FORWARD", "ACCEPT"), os.WriteFile(forwardFile, before, 0o644), os.Remove(mark))
	return errors.Join(errs...)
}

// inUse is true while any bridge of an engine has rules.
func inUse() bool {
	for _, r := range dump("iptables") {
		if slices.ContainsFunc(r.args, isEngineChain) && (slices.Contains(r.args, "-i") || slices.Contains(r.args, "-o")) {
			return true
		}
	}
	return false
}

type rule struct {
	table string
	chain string   // set for a chain's declaration
	args  []string // set for a rule: "-A", chain, ...
}

func isEngineChain(s string) bool { return s == "DOCKER" || strings.HasPrefix(s, "DOCKER-") }

func engineChains(rules []rule) []rule {
	return slices.DeleteFunc(rules, func(r rule) bool { return !isEngineChain(r.chain) })
}

// dump reads the rules; a host without the tool has none.
func dump(tool string) []rule {
	out, err := exec.Command(tool + "-save").Output()
	if err != nil {
		return nil
	}
	var list []rule
	table := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			list = append(list, rule{table: table, chain: strings.Fields(line[1:])[0]})
		case strings.HasPrefix(line, "-A "):
			list = append(list, rule{table: table, args: strings.Fields(line)})
		}
	}
	return list
}

func deleteRules(tool string, match func([]string) bool) error {
	var errs []error
	for _, r := range dump(tool) {
		if r.args != nil && match(r.args) {
			errs = append(errs, run(tool, append([]string{"-t", r.table, "-D"}, r.args[1:]...)...))
		}
	}
	return errors.Join(errs...)
}

func run(tool string, args ...string) error {
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, out)
	}
	return nil
}
