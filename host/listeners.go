package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-security/bulkhead/model"
)

// States in /proc/net/tcp and udp: a TCP socket that listens, a UDP socket without a peer.
const (
	stateListen = 0x0a
	stateClose  = 0x07
)

// engineProxies are programs with which an engine publishes ports of containers.
var engineProxies = []string{"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta"}

// Listeners reads the listening sockets of the host's network namespace with the processes that own them.
func (h *Host) Listeners(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	list, inodes, err := h.sockets()
	if err != nil {
		return nil, []model.Gap{gap("/host/listeners", err)}
	}
	gaps := h.owners(ctx, list, inodes)
	slices.SortFunc(list, func(a, b model.Listener) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Address, b.Address), cmp.Compare(a.PID, b.PID))
	})
	return func(s *model.Snapshot) { s.HostPart().Listeners = list }, gaps
}

// sockets reads /proc/1/net (the host's even when this process has a namespace of its own) and returns each socket
// with the places of its inode in the list.
func (h *Host) sockets() ([]model.Listener, map[string][]int, error) {
	base := "/proc/1"
	if _, err := h.stat(base + "/net/tcp"); err != nil {
		base = "/proc"
	}
	proc, err := procfs.NewFS(h.path(base))
	if err != nil {
		return nil, nil, plain(base, err)
	}
	var list []model.Listener
	inodes := map[string][]int{}
	add := func(protocol string, addr net.IP, port, uid, inode uint64) {
		inodes[strconv.FormatUint(inode, 10)] = append(inodes[strconv.FormatUint(inode, 10)], len(list))
		list = append(list, model.Listener{
			Protocol: protocol, Address: addr.String(), Port: int(port), UID: int(uid), Loopback: addr.IsLoopback(),
		})
	}
	read := 0
	var errs []error
	for _, p := range []struct {
		name string
		read func() (procfs.NetTCP, error)
		//lint:ignore SA1019 netlink would ask this process's own namespace; the files show the host's, mounted or recorded too
	}{{"tcp", proc.NetTCP}, {"tcp6", proc.NetTCP6}} { //nolint:staticcheck // as above
		sockets, err := p.read()
		read, errs = tally(read, errs, p.name, err)
		for _, s := range sockets {
			if s.St == stateListen {
				add(p.name, s.LocalAddr, s.LocalPort, s.UID, s.Inode)
			}
		}
	}
	for _, p := range []struct {
		name string
		read func() (procfs.NetUDP, error)
	}{{"udp", proc.NetUDP}, {"udp6", proc.NetUDP6}} {
		sockets, err := p.read()
		read, errs = tally(read, errs, p.name, err)
		for _, s := range sockets {
			if s.St == stateClose && s.RemPort == 0 {
				add(p.name, s.LocalAddr, s.LocalPort, s.UID, s.Inode)
			}
		}
	}
	if read == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s/net holds no socket tables: %w", base, errMalformed))
	}
	return list, inodes, errors.Join(errs...)
}

// tally counts a table that was read; one that does not exist (no IPv6) is no error.
func tally(read int, errs []error, name string, err error) (int, []error) {
	switch {
	case err == nil:
		return read + 1, errs
	case missing(err):
		return read, errs
	}
	return read, append(errs, plain("/proc/net/"+name, err))
}

// owners looks through the open files of all processes until each socket has its owner.
func (h *Host) owners(ctx context.Context, list []model.Listener, inodes map[string][]int) []model.Gap {
	pids, err := h.pids()
	if err != nil {
		return []model.Gap{gap("/host/listeners/*/pid", err)}
	}
	denied := 0
	left := len(inodes)
	for _, pid := range pids {
		if left == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return []model.Gap{gap("/host/listeners/*/pid", ctx.Err())}
		}
		dir := "/proc/" + strconv.Itoa(pid)
		fds, err := h.list(dir + "/fd")
		if err != nil {
			if !missing(err) {
				denied++
			}
			continue
		}
		for _, fd := range fds {
			link, err := h.readlink(dir + "/fd/" + fd.Name())
			if err != nil || !strings.HasPrefix(link, "socket:") {
				continue
			}
			inode := bracketed(link)
			if at, ok := inodes[inode]; ok {
				h.own(list, at, pid, dir)
				delete(inodes, inode)
				left--
			}
		}
	}
	if left > 0 && denied > 0 {
		return []model.Gap{{
			Path: "/host/listeners/*/pid", Reason: model.GapPermission, Remedy: remedyPrivilege,
			Detail: fmt.Sprintf("the processes of %d sockets", left),
		}}
	}
	return nil
}

func (h *Host) own(list []model.Listener, at []int, pid int, dir string) {
	p, _, ok := h.processStatus(dir)
	if !ok {
		return
	}
	container := ""
	if b, err := h.read(dir+"/cgroup", limitValue); err == nil {
		container, _ = parseCgroup(b)
	}
	for _, i := range at {
		l := &list[i]
		l.PID, l.Process, l.Container = pid, p.Name, container
		l.Engine = container == "" && slices.Contains(engineProxies, p.Name)
	}
}
