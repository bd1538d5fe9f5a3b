package workload

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	typeBind   = "bind"
	typeVolume = "volume"
	typeTmpfs  = "tmpfs"
	local      = "local"
)

// mounts lists what a container gets mounted, with what each is on the host.
func (r *Reader) mounts(ctx context.Context, w *model.Workload, cfg *container.Config, hc *container.HostConfig) {
	var list []model.Mount
	for i, b := range hc.Binds {
		m, why := parseBind(b, hc.VolumeDriver)
		if why != "" {
			note(w, place("/HostConfig/Binds", i), why)
			continue
		}
		list = append(list, m)
	}
	for i := range hc.Mounts {
		list = append(list, r.mount(w, place("/HostConfig/Mounts", i), &hc.Mounts[i]))
	}
	for _, target := range names(hc.Tmpfs) {
		list = append(list, tmpfs(target, hc.Tmpfs[target]))
	}
	for _, target := range names(cfg.Volumes) {
		// An anonymous volume; with a driver, one that the driver makes.
		m := model.Mount{Type: typeVolume, Target: target, Driver: hc.VolumeDriver}
		if source, to, isBind := strings.Cut(target, ":"); isBind {
			note(w, "/Volumes", "it is a target alone, and not "+source+" on "+to)
		}
		list = append(list, m)
	}
	for i := range list {
		r.resolve(ctx, w, &list[i])
	}
	list = append(list, r.volumesFrom(ctx, w, hc.VolumesFrom)...)
	slices.SortStableFunc(list, func(a, b model.Mount) int { return strings.Compare(a.Target, b.Target) })
	w.Mounts = list
}

// parseBind reads SOURCE:TARGET[:OPTIONS] as the engine does.
func parseBind(spec, driver string) (model.Mount, string) {
	part := strings.SplitN(spec, ":", 4)
	m := model.Mount{Type: typeVolume}
	switch {
	case part[0] == "" || len(part) > 3:
		return m, "it is not SOURCE:TARGET[:OPTIONS]"
	case len(part) == 1:
		m.Target = part[0]
	default:
		m.Source, m.Target = part[0], part[1]
	}
	if len(part) == 3 {
		for _, o := range strings.Split(part[2], ",") {
			switch o {
			case "", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", "default":
			case "ro":
				m.ReadOnly = true
			case "private", "rprivate", "shared", "rshared", "slave", "rslave":
				m.Propagation = o
			default:
				return m, "the option " + o + " is not known"
			}
			if o == "z" || o == "Z" {
				m.Options = append(m.Options, "relabel")
			}
		}
	}
	if path.IsAbs(m.Source) {
		m.Type = typeBind
	} else {
		m.Volume, m.Driver = m.Source, driver
	}
	return m, ""
}

// mount reads the long form.
func (r *Reader) mount(w *model.Workload, at string, in *mount.Mount) model.Mount {
	m := model.Mount{Type: string(in.Type), Source: in.Source, Target: in.Target, ReadOnly: in.ReadOnly}
	if w.Kind == KindService && templated(in) {
		note(w, at, "what the engine puts in place of {{…}} is not known before a task starts")
	}
	switch in.Type {
	case mount.TypeBind:
		m.Type = typeBind
		if !path.IsAbs(in.Source) {
			note(w, at+"/Source", "it is no absolute path")
		}
	case mount.TypeVolume, mount.TypeCluster:
		m.Volume = in.Source
	case mount.TypeTmpfs, mount.TypeImage:
	default:
		note(w, at+"/Type", "it is not known")
	}
	if o := in.BindOptions; o != nil {
		m.Propagation = string(o.Propagation)
		if m.Propagation != "" && !slices.Contains(mount.Propagations, o.Propagation) {
			note(w, at+"/BindOptions/Propagation", "it is not known")
		}
		for _, f := range []struct {
			on   bool
			name string
		}{{o.NonRecursive, "nonrecursive"}, {o.CreateMountpoint, "create"}, {o.ReadOnlyNonRecursive, "readonly-nonrecursive"}, {o.ReadOnlyForceRecursive, "readonly-recursive"}} {
			if f.on {
				m.Options = append(m.Options, f.name)
			}
		}
	}
	if o := in.VolumeOptions; o != nil {
		m.Subpath = o.Subpath
		if d := o.DriverConfig; d != nil {
			m.Driver = d.Name
			volumeDevice(&m, d.Name, d.Options)
		}
	}
	if o := in.ImageOptions; o != nil {
		m.Subpath = o.Subpath
	}
	if m.Subpath != "" && (path.IsAbs(m.Subpath) || slices.Contains(strings.Split(m.Subpath, "/"), "..")) {
		note(w, at, "the subpath leads out of the volume")
	}
	if o := in.TmpfsOptions; o != nil {
		for _, opt := range o.Options {
			m.Options = append(m.Options, strings.Join(opt, "="))
		}
	}
	return m
}

// templated says whether the engine writes something into a mount of a service when a task starts.
func templated(m *mount.Mount) bool {
	texts := []string{m.Source, m.Target}
	if o := m.VolumeOptions; o != nil && o.DriverConfig != nil {
		for _, v := range o.DriverConfig.Options {
			texts = append(texts, v)
		}
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "{{") })
}

func tmpfs(target, options string) model.Mount {
	m := model.Mount{Type: typeTmpfs, Target: target}
	if options != "" {
		m.Options = strings.Split(options, ",")
		m.ReadOnly = slices.Contains(m.Options, "ro")
	}
	return m
}

// resolve finds what is behind a mount.
func (r *Reader) resolve(ctx context.Context, w *model.Workload, m *model.Mount) {
	if m.Type == typeVolume && m.Volume != "" {
		v, exists, err := r.Host.Volume(ctx, m.Volume)
		switch {
		case err != nil:
			note(w, "volume "+m.Volume, err.Error())
		case exists:
			m.Driver, m.Foreign = v.Driver, m.Foreign || v.Foreign
			volumeDevice(m, v.Driver, v.Options)
		}
	}
	source := ""
	switch {
	case m.Type == typeBind:
		source = m.Source
	case strings.HasPrefix(m.Device, typeBind+":"):
		source = strings.TrimPrefix(m.Device, typeBind+":")
	}
	if source != "" {
		r.onHost(w, m, source)
	}
}

// onHost finds the path of the host that a mount shows.
func (r *Reader) onHost(w *model.Workload, m *model.Mount, source string) {
	if !path.IsAbs(source) {
		m.Unstable = "it is no absolute path"
		note(w, "mount "+m.Target, "its source is no absolute path of the host")
		return
	}
	p := r.Host.Path(source)
	m.Resolved, m.Unstable = p.Resolved, p.Unstable
	if m.Resolved == "" {
		m.Resolved, m.Unstable = source, or(m.Unstable, "it could not be resolved")
	}
	m.Resolved = path.Clean(m.Resolved)
	if w.Kind == KindService && !r.Defaults.Alone {
		m.Unstable = or(m.Unstable, "the service can run on another host")
	}
	m.Stable = m.Unstable == ""
	if m.ReadOnly && r.leaks(m) {
		m.Options = append(slices.Clone(m.Options), writableBelow)
	}
	m.EngineSocket = GivesSocket(m.Resolved, r.Defaults.Sockets) || GivesSocket(path.Clean(source), r.Defaults.Sockets)
}

// writableBelow marks a mount that is read-only, and has below it what is not.
const writableBelow = "writable-below"

// leaks says whether a read-only mount of the host has, or can get, something below it that can be written to: engines make the mount
// read-only, and not always what is mounted below.
func (r *Reader) leaks(m *model.Mount) bool {
	has := func(option string) bool { return slices.Contains(m.Options, option) }
	switch {
	case has("readonly-recursive"):
		return false
	case m.Propagation != "" && !strings.HasSuffix(m.Propagation, "private"):
		return true // what the host mounts there later comes as it is
	case has("nonrecursive"):
		return false // it is not there
	case r.Defaults.ReadOnlyDeep && !has("readonly-nonrecursive"):
		return false
	}
	return r.Host.Below(m.Resolved)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// GivesSocket says that a path is an engine's socket or has one below.
func GivesSocket(resolved string, sockets []string) bool {
	return SocketName(resolved) || slices.ContainsFunc(sockets, func(s string) bool { return s == resolved || below(s, resolved) })
}

// below says that a path is in a directory or deeper.
func below(p, dir string) bool {
	return dir == "/" && p != "/" || strings.HasPrefix(p, dir+"/")
}

// SocketName knows the engines' sockets by name, wherever they lie.
func SocketName(p string) bool {
	switch path.Base(p) {
	case "docker.sock", "containerd.sock", "podman.sock", "crio.sock", "docker-containerd.sock", "cri-dockerd.sock", "buildkitd.sock":
		return true
	}
	return false
}

// volumesFrom takes over what another container mounts.
func (r *Reader) volumesFrom(ctx context.Context, w *model.Workload, specs []string) []model.Mount {
	var list []model.Mount
	for i, spec := range specs {
		name, mode, _ := strings.Cut(spec, ":")
		peer, err := r.Host.Container(ctx, name)
		if err != nil {
			note(w, place("/HostConfig/VolumesFrom", i), err.Error())
			list = append(list, model.Mount{Type: typeVolume, From: name, Foreign: true, Unstable: "the container is not known"})
			continue
		}
		readOnly := false
		for _, o := range strings.Split(mode, ",") {
			switch o {
			case "", "rw", "z", "Z":
			case "ro":
				readOnly = true
			default:
				note(w, place("/HostConfig/VolumesFrom", i), "the option "+o+" is not known")
			}
		}
		if len(peer.Mounts) == 0 && peer.Foreign {
			list = append(list, model.Mount{Type: typeVolume, From: peer.ID, Foreign: true})
		}
		for _, m := range peer.Mounts {
			m.From, m.Foreign, m.ReadOnly = peer.ID, m.Foreign || peer.Foreign, m.ReadOnly || readOnly
			m.Stable, m.Unstable = false, ""
			r.resolve(ctx, w, &m)
			list = append(list, m)
		}
	}
	return list
}
