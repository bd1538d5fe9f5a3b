package docker

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// hostView is what reading a container needs to know of the engine and its host.
type hostView struct {
	info            system.Info
	local           bool
	remapped        bool
	rootless        bool
	apparmor        bool
	noNewPrivileges bool
	seccomp         string // what a container gets that asks for nothing
	sockets         []string
	volumes         map[string]volume.Volume
	processes       *processTable
	gaps            []model.Gap
}

func (e *Collector) hostView(ctx context.Context) *hostView {
	h := &hostView{local: e.daemon(ctx).local, seccomp: "default"}
	var err error
	if h.info, err = e.info(ctx); err != nil {
		h.gaps = append(h.gaps, gap("/containers/*/workload/seccomp", err, "look into the engine's log"))
	} else {
		h.defaults()
	}
	s := e.settings(ctx)
	if on := s.flag("no-new-privileges", false); on != nil && *on {
		h.noNewPrivileges = true
	}
	if h.volumes, err = e.volumes(ctx); err != nil {
		h.gaps = append(h.gaps, gap("/containers/*/workload/mounts", err, "look into the engine's log"))
	}
	if h.local {
		for path := range e.socketPaths(s, h.info) {
			h.sockets = append(h.sockets, path)
		}
		slices.Sort(h.sockets)
		h.processes = e.readProcesses()
	}
	return h
}

// defaults are the engine's security options as they hold for every container.
func (h *hostView) defaults() {
	hasSeccomp := false
	for _, o := range h.info.SecurityOptions {
		name, profile := workload.EngineOption(o)
		switch name {
		case "seccomp":
			hasSeccomp = true
			switch {
			case profile == "unconfined":
				h.seccomp = "unconfined"
			case strings.HasPrefix(profile, "/"):
				h.seccomp = "custom"
			}
		case "apparmor":
			h.apparmor = true
		case "userns":
			h.remapped = true
		case "rootless":
			h.rootless = true
		case "no-new-privileges":
			h.noNewPrivileges = true
		}
	}
	if !hasSeccomp {
		h.seccomp = "unconfined" // a kernel or engine without it
	}
}

// workloadDefaults are what a container gets of the engine that asks for nothing.
func (h *hostView) workloadDefaults() workload.Defaults {
	d := workload.Defaults{Seccomp: h.seccomp, NoNewPrivileges: h.noNewPrivileges, Remapped: h.remapped, CgroupNamespace: "private", Sockets: h.sockets}
	// Without a mode of its own a container gets a private namespace on cgroup v2 only.
	if h.info.CgroupVersion != "2" {
		d.CgroupNamespace = "host"
	}
	return d
}
