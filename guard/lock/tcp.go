package lock

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-security/bulkhead/model"
)

// listeners are TCP ports on which engines can be reached past the guard.
func listeners(engines map[string]string, t *table) (found []Problem) {
	seen := map[int]bool{}
	for path, servers := range t.servers {
		for _, p := range servers {
			if p.pid == 1 || seen[p.pid] || !isEngine(p) {
				continue
			}
			seen[p.pid] = true
			for _, at := range listening(p.pid) {
				if harmless(p, at) {
					continue
				}
				found = append(found, Problem{
					Kind: model.FindingTCPListener, Severity: model.Critical, Subject: at.String(),
					Text:   say("%s (%s, pid %d) listens on %s, past the guard", "%s（%s，pid %d）在 %s 上监听，绕过守护进程防护", filepath.Base(p.exe), engines[path], p.pid, at.String()),
					Remedy: fmt.Sprintf("take tcp:// out of \"hosts\" in the settings of the engine, or -H tcp:// off its command line, and start it again; people get the guard's TLS port (pid %d)", p.pid),
				})
			}
		}
	}
	slices.SortFunc(found, func(a, b Problem) int { return strings.Compare(a.Subject, b.Subject) })
	return found
}

// listening are the addresses on which a process listens, in its own network namespace.
func listening(pid int) (list []*net.TCPAddr) {
	held, err := inodes(pid)
	if err != nil {
		return nil
	}
	fs, err := procfs.NewFS(procPath(pid))
	if err != nil {
		return nil
	}
	const listen = 10 // TCP_LISTEN
	//lint:ignore SA1019 netlink would ask this process's own namespace, and not the engine's
	for _, read := range []func() (procfs.NetTCP, error){fs.NetTCP, fs.NetTCP6} { //nolint:staticcheck // as above
		lines, err := read()
		if err != nil {
			continue // no IPv6 here
		}
		for _, s := range lines {
			if _, ok := held[s.Inode]; ok && s.St == listen {
				list = append(list, &net.TCPAddr{IP: s.LocalAddr, Port: int(s.LocalPort)})
			}
		}
	}
	return list
}

// Ports of Swarm, which are no API of the engine.
const (
	swarmManagers = 2377
	swarmGossip   = 7946
)

// harmless says whether an engine's port does not give control: Swarm's, where the settings name no API there, and that of metrics.
// containerd's streams are on this machine alone, with a token for each.
func harmless(p process, at *net.TCPAddr) bool {
	if filepath.Base(p.exe) == "containerd" {
		return at.IP.IsLoopback()
	}
	settings := daemonSettings(p)
	for _, h := range settings.hosts {
		if _, port, err := net.SplitHostPort(strings.TrimPrefix(h, "tcp://")); err == nil && port == strconv.Itoa(at.Port) {
			return false
		}
	}
	_, metrics, _ := net.SplitHostPort(settings.metrics)
	return at.Port == swarmManagers || at.Port == swarmGossip || metrics == strconv.Itoa(at.Port)
}

// daemonSetting is what of an engine's settings says about its ports.
type daemonSetting struct {
	hosts   []string
	metrics string
}

func daemonSettings(p process) (d daemonSetting) {
	file := "/etc/docker/daemon.json"
	for i, a := range p.args {
		flag, value, joined := strings.Cut(a, "=")
		if !joined && i+1 < len(p.args) {
			value = p.args[i+1]
		}
		switch flag {
		case "-H", "--host":
			d.hosts = append(d.hosts, value)
		case "--metrics-addr":
			d.metrics = value
		case "--config-file":
			file = value
		default:
			if rest, ok := strings.CutPrefix(a, "-H"); ok {
				d.hosts = append(d.hosts, rest)
			}
		}
	}
	b, err := readFile(procPath(p.pid, "root", file), mostSetting)
	var f struct {
		Hosts   []string `json:"hosts"`
		Metrics string   `json:"metrics-addr"`
	}
	if err != nil || json.Unmarshal(b, &f) != nil {
		return d
	}
	d.hosts = append(d.hosts, f.Hosts...)
	if d.metrics == "" {
		d.metrics = f.Metrics
	}
	return d
}
