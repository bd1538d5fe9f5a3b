package host

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of what is kept of processes.
const (
	limitCommand   = 16 << 10
	limitProcesses = 50000
)

// Processes reads all processes, those of containers included. Kernel threads are left out.
func (h *Host) Processes(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	pids, err := h.pids()
	if err != nil {
		return nil, []model.Gap{gap("/host/processes", err)}
	}
	var list []model.Process
	var gaps []model.Gap
	hidden := 0
	for i, pid := range pids {
		if ctx.Err() != nil {
			gaps = append(gaps, gap("/host/processes", ctx.Err()))
			break
		}
		if i >= limitProcesses {
			gaps = append(gaps, model.Gap{Path: "/host/processes", Reason: model.GapLimit, Detail: "more than " + strconv.Itoa(limitProcesses) + " processes"})
			break
		}
		p, ok := h.process(pid)
		if !ok {
			continue
		}
		if _, err := h.readlink("/proc/" + strconv.Itoa(pid) + "/ns/mnt"); errors.Is(err, fs.ErrPermission) {
			hidden++
		}
		list = append(list, p)
	}
	if hidden > 0 {
		gaps = append(gaps, model.Gap{
			Path: "/host/processes/*/exe", Reason: model.GapPermission, Remedy: remedyPrivilege,
			Detail: "program and namespaces of processes of other accounts: " + strconv.Itoa(hidden),
		})
	}
	return func(s *model.Snapshot) { s.HostPart().Processes = list }, gaps
}

// pids lists the process ids in order.
func (h *Host) pids() ([]int, error) {
	entries, err := h.list("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 {
			pids = append(pids, n)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// process reads one process; it is not there when it has ended meanwhile or is a kernel thread.
func (h *Host) process(pid int) (model.Process, bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	p, kernel, ok := h.processStatus(dir)
	if !ok || kernel {
		return p, false
	}
	p.PID = pid
	// What a process started with may be longer than what is kept.
	if f, err := h.open(dir + "/cmdline"); err == nil {
		b := make([]byte, limitCommand)
		n, _ := f.Read(b)
		f.Close()
		if args := splitArgs(b[:n]); len(args) > 0 {
			p.Command, _ = h.secrets.Args("process", args)
		}
	}
	if exe, err := h.readlink(dir + "/exe"); err == nil {
		p.Exe = strings.TrimSuffix(exe, " (deleted)")
	}
	if b, err := h.read(dir+"/cgroup", limitValue); err == nil {
		p.Container, p.Unit = parseCgroup(b)
	}
	p.PIDNamespace = h.namespace(dir + "/ns/pid")
	if pid == 1 && p.PIDNamespace == 0 {
		p.PIDNamespace = h.ownPIDNamespace()
	}
	p.MountNamespace = h.namespace(dir + "/ns/mnt")
	return p, true
}

// processStatus reads name, parent and user, and whether it is a thread of the kernel: those have no memory of their
// own. Neither has a process that has ended and waits for its parent, which is no workload either.
func (h *Host) processStatus(dir string) (p model.Process, kernel, ok bool) {
	b, err := h.read(dir+"/status", limitValue)
	if err != nil {
		return p, false, false
	}
	hasMemory, parsed := false, false
	lines(b, func(line string) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Name":
			p.Name = value
		case "PPid":
			p.PPID, _ = strconv.Atoi(value)
		case "Uid":
			if f := strings.Fields(value); len(f) > 0 {
				p.UID, err = strconv.Atoi(f[0])
				parsed = err == nil
			}
		case "VmSize":
			hasMemory = true
		}
	})
	return p, !hasMemory, parsed && p.Name != ""
}

func splitArgs(b []byte) []string {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return nil
	}
	var args []string
	for a := range bytes.SplitSeq(b, []byte{0}) {
		args = append(args, strings.ToValidUTF8(string(a), "\uFFFD"))
	}
	return args
}

// namespace is the inode in a link like "pid:[4026531836]", 0 when it can't be read.
func (h *Host) namespace(name string) uint64 {
	s, err := h.readlink(name)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(bracketed(s), 10, 64)
	return n
}

// ownPIDNamespace is this process's namespace, when /proc shows that one: then it is also the first process's, which
// some systems let nobody look at.
func (h *Host) ownPIDNamespace() uint64 {
	if self, err := h.readlink("/proc/self"); !h.live || err != nil || self != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return h.namespace("/proc/self/ns/pid")
}

// containerID is an id in a cgroup's path as docker, containerd, CRI-O, Podman and the kubelet's drivers write it:
// "/docker/ID", "docker-ID.scope", "cri-containerd-ID.scope", "crio-ID.scope", "libpod-ID.scope", "/kubepods/…/ID".
// The monitors of CRI-O and Podman (crio-conmon-ID) are processes of the host.
var containerID = regexp.MustCompile(`(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:/|$)`)

// parseCgroup finds the container (the outermost) and the systemd unit in /proc/PID/cgroup.
func parseCgroup(b []byte) (container, unit string) {
	lines(b, func(line string) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			return
		}
		name := parts[2]
		if container == "" && !strings.Contains(name, "conmon-") {
			if m := containerID.FindStringSubmatch(name); m != nil {
				container = m[1]
			}
		}
		if unit == "" && (parts[1] == "" || parts[1] == "name=systemd") {
			unit = unitOf(name)
		}
	})
	return container, unit
}

// unitOf is the first service or scope in a cgroup's path.
func unitOf(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		if ext := path.Ext(part); ext == ".service" || ext == ".scope" {
			return part
		}
	}
	return ""
}
