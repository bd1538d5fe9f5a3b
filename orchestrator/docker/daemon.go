package docker

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// daemon is the engine's process as /proc shows it.
type daemon struct {
	// local is true when the engine runs on the host that the collector sees.
	local bool
	pid   int
	exe   string
	args  []string // nil when not known; reason and detail say why
	env   []string
	// containerd is the path of the containerd that runs, if one was found.
	containerd string
	reason     model.GapReason
	detail     string
}

func (e *Collector) daemon(ctx context.Context) daemon {
	d, err := e.daemonOnce.get(ctx, func(context.Context) (daemon, error) { return e.findDaemon(), nil })
	if err != nil { // no time was left to look
		return daemon{local: strings.HasPrefix(e.c.endpoint, "unix://"), reason: reason(err), detail: "the engine's process: " + err.Error()}
	}
	return d
}

// findDaemon looks for the engine's process: the one that listens on the socket, unless a service manager opened the
// socket for it; else the one of the pid file; else the only one of its name.
func (e *Collector) findDaemon() daemon {
	d := daemon{local: strings.HasPrefix(e.c.endpoint, "unix://"), reason: model.GapUnsupported, detail: "the engine runs on another host"}
	if !d.local {
		return d
	}
	name := map[bool]string{true: "podman", false: "dockerd"}[e.podman()]
	if e.c.peer > 0 && e.comm(e.c.peer) == name {
		d.pid = e.c.peer
	}
	if d.pid == 0 && !e.podman() {
		if body, err := readLimited(e.host("/run/docker.pid"), 32); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(body))); err == nil && e.comm(pid) == "dockerd" {
				d.pid = pid
			}
		}
	}
	var dockerds, containerds, podmans []int
	for _, pid := range e.pids() {
		switch e.comm(pid) {
		case "dockerd":
			dockerds = append(dockerds, pid)
		case "podman":
			if body, err := readProc(e.proc(pid, "cmdline")); err == nil && slices.Contains(splitZero(body), "service") {
				podmans = append(podmans, pid)
			}
		case "containerd":
			containerds = append(containerds, pid)
		}
	}
	list := dockerds
	if e.podman() {
		list = podmans
	}
	if d.pid == 0 && len(list) == 1 {
		d.pid = list[0]
	}
	if d.pid == 0 {
		d.reason, d.detail = model.GapAbsent, "the engine's process was not found"
		return d
	}
	d.containerd = e.containerdOf(d.pid, containerds)
	d.exe, _ = os.Readlink(e.proc(d.pid, "exe"))
	body, err := readProc(e.proc(d.pid, "cmdline"))
	if err == nil && len(body) == 0 {
		err = errors.New("the command line is empty")
	}
	if err != nil {
		d.reason, d.detail = reason(err), "command line of the engine: "+err.Error()
		return d
	}
	d.args = splitZero(body)
	if body, err := readProc(e.proc(d.pid, "environ")); err == nil {
		d.env = splitZero(body)
	}
	return d
}

// containerdOf prefers the containerd that the engine started to one that serves the host.
func (e *Collector) containerdOf(parent int, list []int) string {
	best := ""
	for _, pid := range list {
		exe, err := os.Readlink(e.proc(pid, "exe"))
		if err != nil {
			continue
		}
		if best == "" || e.parent(pid) == parent {
			best = exe
		}
	}
	return best
}

func (e *Collector) proc(pid int, file ...string) string {
	return e.host(append([]string{"/proc", strconv.Itoa(pid)}, file...)...)
}

func (e *Collector) comm(pid int) string {
	body, err := readProc(e.proc(pid, "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(body))
}

// parent is the parent's pid; 0 when not known.
func (e *Collector) parent(pid int) int {
	body, err := readProc(e.proc(pid, "stat"))
	if err != nil {
		return 0
	}
	i := bytes.LastIndexByte(body, ')')
	f := strings.Fields(string(body[i+1:]))
	if i < 0 || len(f) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(f[1])
	return ppid
}

func (e *Collector) pids() []int {
	dir, err := os.Open(e.host("/proc"))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var list []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 0 {
			list = append(list, pid)
		}
	}
	slices.Sort(list)
	return list
}

// readProc reads a file of /proc, whose size is not known before.
func readProc(path string) ([]byte, error) { return readLimited(path, 2<<20) }

func splitZero(b []byte) []string {
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}

// which finds a program as the engine would: an absolute path as it is, else in the engine's PATH.
func (e *Collector) which(d daemon, name string) string {
	if name == "" || !d.local {
		return ""
	}
	if filepath.IsAbs(name) {
		if _, err := os.Stat(e.host(name)); err != nil {
			return ""
		}
		return name
	}
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, kv := range d.env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range filepath.SplitList(path) {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(e.host(p)); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// environment are the names of the daemon's variables that change how it reaches registries or what it tells.
func (d daemon) environment() []string {
	var list []string
	for _, kv := range d.env {
		name, _, _ := strings.Cut(kv, "=")
		up := strings.ToUpper(name)
		if strings.HasSuffix(up, "_PROXY") || strings.HasPrefix(up, "DOCKER_") || strings.HasPrefix(up, "DOCKERD_") ||
			strings.HasPrefix(up, "OTEL_") || up == "GODEBUG" || up == "DEBUG" || up == "TMPDIR" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// commandLine is the daemon's arguments without secrets.
func (e *Collector) commandLine(d daemon) []string {
	if d.args == nil {
		return nil
	}
	args, _ := e.o.Secrets.Args("engine", d.args)
	return args
}

// settings reads the configuration once for all parts.
func (e *Collector) settings(ctx context.Context) settings {
	s, _ := e.configOnce.get(ctx, func(ctx context.Context) (settings, error) {
		s, _ := e.readSettings(e.daemon(ctx))
		return s, nil
	})
	return s
}

// listed are the settings for the snapshot.
func (e *Collector) listed(s settings) []model.EngineSetting {
	var list []model.EngineSetting
	for k, v := range s.values {
		text, _ := e.o.Secrets.Text("engine:"+k, v.value)
		// A secret may be told by the key alone.
		one, _ := e.o.Secrets.Map("engine", map[string]string{k: text})
		list = append(list, model.EngineSetting{Key: k, Value: one[k], Source: v.source})
	}
	slices.SortFunc(list, func(a, b model.EngineSetting) int { return strings.Compare(a.Key, b.Key) })
	return list
}
