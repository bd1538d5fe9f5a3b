package host

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Services reads what the init system starts and what of it runs. It asks no init system: the links on disk, the
// control groups and the run directories tell.
func (h *Host) Services(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	found := serviceSet{}
	var err error
	switch init := h.initSystem(); init {
	case "systemd":
		err = h.systemdServices(ctx, found)
	case "openrc":
		err = h.openrcServices(found)
	case "sysvinit":
		err = h.sysvServices(found)
	default:
		return nil, []model.Gap{{
			Path: "/host/services", Reason: model.GapUnsupported,
			Detail: "the first process (" + first(h.value("/proc/1/comm"), "not readable") + ") is no init system whose services are known; see the processes instead",
		}}
	}
	var gaps []model.Gap
	if err != nil {
		gaps = append(gaps, gap("/host/services", err))
	}
	return func(s *model.Snapshot) { s.HostPart().Services = found.list() }, gaps
}

type serviceSet map[string]model.Service

func (set serviceSet) enabled(name string) {
	s := set[name]
	s.Name, s.Enabled = name, true
	set[name] = s
}

func (set serviceSet) running(name string) {
	s := set[name]
	s.Name, s.Running = name, true
	set[name] = s
}

func (set serviceSet) list() []model.Service {
	var list []model.Service
	for _, s := range set {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b model.Service) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// unitKinds are the units that start programs.
var unitKinds = []string{".service", ".socket", ".timer", ".path"}

// systemdServices takes links in the administrator's unit directory as enabled, and a service with processes in its
// control group as running.
func (h *Host) systemdServices(ctx context.Context, set serviceSet) error {
	const units = "/etc/systemd/system"
	entries, err := h.list(units)
	if err != nil {
		return err
	}
	for _, dir := range entries {
		ext := path.Ext(dir.Name())
		if !slices.Contains([]string{".wants", ".requires", ".upholds"}, ext) {
			continue
		}
		links, err := h.list(path.Join(units, dir.Name()))
		if err != nil {
			return err
		}
		for _, l := range links {
			if slices.Contains(unitKinds, path.Ext(l.Name())) && !h.masked(units, l.Name()) {
				set.enabled(l.Name())
			}
		}
	}
	pids, err := h.pids()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := h.read("/proc/"+strconv.Itoa(pid)+"/cgroup", limitValue)
		if err != nil {
			continue
		}
		if container, unit := parseCgroup(b); container == "" && path.Ext(unit) == ".service" {
			set.running(unit)
		}
	}
	return nil
}

// masked says that a unit is linked to /dev/null, so that it never starts.
func (h *Host) masked(units, name string) bool {
	to, err := h.readlink(path.Join(units, name))
	return err == nil && to == "/dev/null"
}

func (h *Host) openrcServices(set serviceSet) error {
	levels, err := h.list("/etc/runlevels")
	if err != nil {
		return err
	}
	for _, level := range levels {
		links, err := h.list(path.Join("/etc/runlevels", level.Name()))
		if err != nil {
			return err
		}
		for _, l := range links {
			set.enabled(l.Name())
		}
	}
	started, err := h.list("/run/openrc/started")
	if err != nil && !missing(err) {
		return err
	}
	for _, l := range started {
		set.running(l.Name())
	}
	return nil
}

// sysvServices takes the start links of the run levels with users; a service runs when the process of its pid file does.
func (h *Host) sysvServices(set serviceSet) error {
	read := false
	var last error
	for _, level := range []string{"/etc/rc2.d", "/etc/rc3.d", "/etc/rc5.d", "/etc/rcS.d"} {
		links, err := h.list(level)
		if err != nil {
			last = err
			continue
		}
		read = true
		for _, l := range links {
			name := l.Name()
			if len(name) > 3 && name[0] == 'S' && name[1] >= '0' && name[1] <= '9' && name[2] >= '0' && name[2] <= '9' {
				set.enabled(name[3:])
			}
		}
	}
	if !read {
		return last
	}
	for name := range set {
		for _, file := range []string{"/run/" + name + ".pid", "/var/run/" + name + ".pid"} {
			pid, err := strconv.Atoi(strings.TrimSpace(h.value(file)))
			if err == nil && pid > 0 && h.exists("/proc/"+strconv.Itoa(pid)) {
				set.running(name)
			}
		}
	}
	return nil
}
