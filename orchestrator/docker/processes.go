package docker

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

const maxProcesses = 200

// processTable is one look at /proc: asking the engine for each container starts a ps each time.
type processTable struct {
	spaces   map[string][]int // processes by pid namespace
	children map[int][]int
	own      string // the collector's pid namespace
}

func (e *Collector) readProcesses() *processTable {
	t := &processTable{spaces: map[string][]int{}, children: map[int][]int{}}
	// Not that of process 1, which a sandbox may hide.
	t.own, _ = os.Readlink(e.host("/proc/self/ns/pid"))
	for _, pid := range e.pids() {
		ns, err := os.Readlink(e.proc(pid, "ns", "pid"))
		if err != nil {
			continue // it has ended, or is not ours to look at
		}
		t.spaces[ns] = append(t.spaces[ns], pid)
		ppid := e.parent(pid)
		t.children[ppid] = append(t.children[ppid], pid)
	}
	return t
}

// of lists the processes of a container: those of its pid namespace, or below its first process when it shares one.
func (t *processTable) of(ns string, init int) []int {
	if ns != t.own && slices.Contains(t.spaces[ns], init) {
		return t.spaces[ns]
	}
	list := []int{init}
	for i := 0; i < len(list) && len(list) <= maxProcesses; i++ {
		list = append(list, t.children[list[i]]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// processes lists what runs in the container.
func (e *Collector) processes(ctx context.Context, in container.InspectResponse, h *hostView, c *model.Container) {
	if !in.State.Running || in.State.Pid == 0 {
		return
	}
	// A container that shares another's namespace would show the other's processes, so it is asked for its descendants.
	shared := strings.HasPrefix(string(in.HostConfig.PidMode), "container:")
	ns, err := os.Readlink(e.proc(in.State.Pid, "ns", "pid"))
	if !h.local || err != nil {
		e.top(ctx, in.ID, c)
		return
	}
	if shared {
		ns = h.processes.own
	}
	for _, pid := range h.processes.of(ns, in.State.Pid) {
		if len(c.Processes) == maxProcesses {
			c.Gaps = append(c.Gaps, model.Gap{Path: "/processes", Reason: model.GapLimit, Detail: "more than 200 processes"})
			return
		}
		if p, ok := e.process(pid, &c.Workload); ok {
			c.Processes = append(c.Processes, p)
		}
	}
}

// process reads one process; it is left out when it has ended.
func (e *Collector) process(pid int, w *model.Workload) (model.ContainerProcess, bool) {
	p := model.ContainerProcess{PID: pid}
	line, err := readProc(e.proc(pid, "cmdline"))
	if err != nil {
		return p, false
	}
	if len(line) == 0 {
		p.Command = "[" + e.comm(pid) + "]"
	} else {
		p.Command = e.redact(pid, splitZero(line), w)
	}
	status, err := readProc(e.proc(pid, "status"))
	if err != nil {
		return p, false
	}
	for l := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(l, []byte("Uid:")); ok {
			if f := strings.Fields(string(rest)); len(f) > 1 {
				p.User = f[1]
			}
		}
	}
	return p, true
}

// redact takes secrets out of a command line. The first process repeats the configured one, whose secrets are known.
func (e *Collector) redact(pid int, args []string, w *model.Workload) string {
	clean, found := e.o.Secrets.Args("process:"+strconv.Itoa(pid), args)
	for _, s := range found {
		if !slices.ContainsFunc(w.Secrets, func(o model.SecretSighting) bool { return o.Digest == s.Digest && o.Kind == s.Kind }) {
			w.Secrets = append(w.Secrets, s)
		}
	}
	return strings.Join(clean, " ")
}

// top asks the engine, where /proc can't be read.
func (e *Collector) top(ctx context.Context, id string, c *model.Container) {
	res, err := e.c.api.ContainerTop(ctx, id, client.ContainerTopOptions{})
	if err != nil {
		if !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
			c.Gaps = append(c.Gaps, gap("/processes", err, "run as root on the engine's host"))
		}
		return
	}
	col := func(names ...string) int {
		return slices.IndexFunc(res.Titles, func(t string) bool { return slices.Contains(names, strings.ToUpper(t)) })
	}
	pid, user, command := col("PID", "HPID"), col("UID", "USER"), col("CMD", "COMMAND")
	for _, row := range res.Processes[:min(len(res.Processes), maxProcesses)] {
		if pid < 0 || command < 0 || len(row) != len(res.Titles) {
			c.Gaps = append(c.Gaps, gap("/processes", errMalformed, ""))
			return
		}
		p := model.ContainerProcess{}
		p.PID, _ = strconv.Atoi(row[pid])
		if user >= 0 {
			p.User = row[user]
		}
		p.Command = e.redact(p.PID, strings.Fields(row[command]), &c.Workload)
		c.Processes = append(c.Processes, p)
	}
	slices.SortFunc(c.Processes, func(a, b model.ContainerProcess) int { return a.PID - b.PID })
}
