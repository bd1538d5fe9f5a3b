package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/vishvananda/netns"
)

// Hosts are machines that differ by their network only: each has a network namespace, joined by a switch that is in a namespace
// of its own. Nothing of it touches the network of the machine below.
type Hosts struct {
	wire string // namespace of the switch
	list []*Host
}

// Host is one of them.
type Host struct {
	Name      string
	Namespace string
	Address   string
	port      string // its end of the cable at the switch
	wire      string
}

const hostNet = "10.224.0."

// NewHosts makes n hosts, which can reach each other. Whoever makes them removes them.
func NewHosts(ctx context.Context, n int) (*Hosts, error) {
	if n < 1 || n > 200 {
		return nil, fmt.Errorf("%d hosts: between 1 and 200", n)
	}
	id := strconv.Itoa(os.Getpid())
	h := &Hosts{wire: "bhw" + id}
	err := ip(ctx, "", "netns", "add", h.wire)
	if err == nil {
		err = errors.Join(
			ip(ctx, h.wire, "link", "add", "sw", "type", "bridge"), ip(ctx, h.wire, "link", "set", "sw", "up"), ip(ctx, h.wire, "link", "set", "lo", "up"))
	}
	for i := 0; i < n && err == nil; i++ {
		err = h.add(ctx, id, i)
	}
	if err != nil {
		return nil, errors.Join(err, h.Remove(context.WithoutCancel(ctx)))
	}
	return h, nil
}

func (h *Hosts) add(ctx context.Context, id string, i int) error {
	x := &Host{
		Name: fmt.Sprintf("host-%d", i+1), Namespace: fmt.Sprintf("bhh%s-%d", id, i+1), Address: hostNet + strconv.Itoa(i+10),
		port: fmt.Sprintf("p%d", i+1), wire: h.wire,
	}
	if err := ip(ctx, "", "netns", "add", x.Namespace); err != nil {
		return err
	}
	h.list = append(h.list, x)
	for _, args := range [][]string{
		{h.wire, "link", "add", x.port, "type", "veth", "peer", "name", "eth0", "netns", x.Namespace},
		{h.wire, "link", "set", x.port, "master", "sw"},
		{h.wire, "link", "set", x.port, "up"},
		{x.Namespace, "link", "set", "lo", "up"},
		{x.Namespace, "addr", "add", x.Address + "/24", "dev", "eth0"},
		{x.Namespace, "link", "set", "eth0", "up"},
	} {
		if err := ip(ctx, args[0], args[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// All are the hosts.
func (h *Hosts) All() []*Host { return h.list }

// Remove takes all of it away. What still runs there loses its network.
func (h *Hosts) Remove(ctx context.Context) error {
	var err error
	for _, x := range h.list {
		err = errors.Join(err, ip(ctx, "", "netns", "del", x.Namespace))
	}
	return errors.Join(err, ip(ctx, "", "netns", "del", h.wire))
}

// ip runs ip(8), in a namespace where one is named.
func ip(ctx context.Context, namespace string, args ...string) error {
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// Command makes a command that runs on the host. ip(8) would mount another /sys, without the cgroups.
func (x *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append(x.enter(), append([]string{name}, args...)...)...)
}

func (x *Host) enter() []string { return []string{"--net=/run/netns/" + x.Namespace, "--"} }

// Unplug pulls the cable at the switch, and Plug puts it back: the host sees its own end up, as with a cut further away.
func (x *Host) Unplug(ctx context.Context) error {
	return ip(ctx, x.wire, "link", "set", x.port, "nomaster")
}

// Plug puts the cable back.
func (x *Host) Plug(ctx context.Context) error {
	return ip(ctx, x.wire, "link", "set", x.port, "master", "sw")
}

// Cut breaks the way between two hosts, and leaves those to all others; Mend puts it back.
func (x *Host) Cut(ctx context.Context, other *Host) error { return x.way(ctx, "-A", other) }

// Mend takes back what Cut did.
func (x *Host) Mend(ctx context.Context, other *Host) error { return x.way(ctx, "-D", other) }

func (x *Host) way(ctx context.Context, what string, other *Host) error {
	for _, rule := range [][]string{{"INPUT", "-s"}, {"OUTPUT", "-d"}} {
		out, err := x.Command(ctx, "iptables", what, rule[0], rule[1], other.Address, "-j", "DROP").CombinedOutput()
		if err != nil {
			return fmt.Errorf("the way from %s to %s: %w: %s", x.Name, other.Name, err, out)
		}
	}
	return nil
}

// Loss drops so many percent of the packets that come in; 0 drops none.
func (x *Host) Loss(ctx context.Context, percent int) error {
	if out, err := x.Command(ctx, "iptables", "-F", "INPUT").CombinedOutput(); err != nil {
		return fmt.Errorf("packets of %s: %w: %s", x.Name, err, out)
	}
	if percent == 0 {
		return nil
	}
	p := strconv.FormatFloat(float64(percent)/100, 'f', 2, 64)
	out, err := x.Command(ctx, "iptables", "-A", "INPUT", "!", "-i", "lo", "-m", "statistic", "--mode", "random", "--probability", p, "-j", "DROP").CombinedOutput()
	if err != nil {
		return fmt.Errorf("packets of %s: %w: %s", x.Name, err, out)
	}
	return nil
}

// Dial connects from the host, for this process's own clients.
func (x *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("network of this process: %w", err)
	}
	defer own.Close()
	there, err := netns.GetFromName(x.Namespace)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("network of %s: %w", x.Name, err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("network of %s: %w", x.Name, err)
	}
	// A single address is dialled on this very thread.
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if back := netns.Set(own); back != nil {
		return nil, errors.Join(err, back) // the thread stays locked and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return c, err
}
