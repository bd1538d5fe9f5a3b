package workload

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// mountSets sort a workload's mounts by what they give.
type mountSets struct {
	binds, writable, open, closed, unstable []string
	system                                  []string
	volumes, drivers, volumeBinds, devices  []string
	network, foreign, from, fromOthers      []string
	images, types                           []string
	root, socket, shared                    bool
}

func (s *mountSets) add(m *model.Mount, d *Defaults) {
	s.types = add(s.types, m.Type)
	s.shared = s.shared || m.Propagation == "shared" || m.Propagation == "rshared"
	if m.From != "" {
		s.from = add(s.from, m.From)
		if m.Foreign {
			s.fromOthers = add(s.fromOthers, m.From)
		}
	}
	switch m.Type {
	case "image":
		s.images = add(s.images, m.Source)
	case typeVolume, "cluster":
		s.volume(m)
	}
	if m.Type == typeBind || strings.HasPrefix(m.Device, typeBind+":") {
		s.bind(m, d)
	}
}

func (s *mountSets) volume(m *model.Mount) {
	if m.Volume != "" {
		s.volumes = add(s.volumes, m.Volume)
	}
	if m.Type == "cluster" {
		s.drivers = add(s.drivers, "cluster")
	} else if m.Driver != "" && m.Driver != local {
		s.drivers = add(s.drivers, m.Driver)
	}
	if m.Foreign && m.From == "" {
		s.foreign = add(s.foreign, or(m.Volume, m.Target))
	}
	switch {
	case strings.HasPrefix(m.Device, networkDevice):
		s.network = add(s.network, m.Device)
	case strings.HasPrefix(m.Device, typeBind+":"):
		s.volumeBinds = add(s.volumeBinds, or(m.Resolved, m.Device))
	case m.Device != "":
		s.devices = add(s.devices, m.Device)
	}
}

func (s *mountSets) bind(m *model.Mount, d *Defaults) {
	more, allowed, remapped := d.SystemPaths, d.WritablePaths, d.Remapped
	p := or(m.Resolved, clean(m.Source))
	s.binds = add(s.binds, p)
	readOnly := m.ReadOnly && !slices.Contains(m.Options, writableBelow)
	if !readOnly {
		s.writable = add(s.writable, p)
	}
	// Root of a container is root on what it may write to, unless its numbers are others: it leaves a setuid program there, or a link in
	// place of a directory that another container mounts.
	exact, under := slices.Contains(allowed, p), slices.ContainsFunc(allowed, func(a string) bool { return below(p, a) })
	if !readOnly && !exact && !remapped || under {
		s.open = add(s.open, p)
	}
	// It reads as root, too: what is closed on the host to whoever asked.
	if readOnly && !exact && !remapped && !within(p, d.ReadablePaths) && !within(p, CommonPaths()) {
		s.closed = add(s.closed, p)
	}
	if !m.Stable {
		s.unstable = add(s.unstable, p)
	}
	s.root = s.root || p == "/"
	s.socket = s.socket || m.EngineSocket
	// As it is written counts as well: what is a link at this moment can be a directory in the next.
	if SystemPath(p, m.ReadOnly, more) || m.Type == typeBind && SystemPath(clean(m.Source), m.ReadOnly, more) {
		s.system = add(s.system, p)
	}
}

// SystemPath says that a path belongs to the host's own programs, or has something below that does. What everybody may read
// and programs need (time zones, certificates) is left out where it is read-only.
func SystemPath(p string, readOnly bool, more []string) bool {
	if readOnly && within(p, CommonPaths()) {
		return false
	}
	for _, s := range append(SystemPaths(), more...) {
		if p == s || below(p, s) || below(s, p) {
			return true
		}
	}
	return p == "/"
}

// within says that a path is one of these, or below it.
func within(p string, those []string) bool {
	return slices.ContainsFunc(those, func(t string) bool { return p == t || below(p, t) })
}

// SystemPaths belong to the host's own programs.
func SystemPaths() []string {
	return []string{
		"/bin", "/boot", "/dev", "/efi", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/nix", "/opt",
		"/ostree", "/.snapshots", "/swap", "/swap.img", "/swapfile", "/proc", "/root", "/run", "/sbin", "/snap", "/sys", "/sysroot", "/usr", "/var/backups", "/var/cache", "/var/cfengine", "/var/lib",
		"/var/lock", "/var/log", "/var/mail", "/var/opt", "/var/ossec", "/var/run", "/var/spool", "/var/tmp",
	}
}

// CommonPaths are those of them that everybody may read.
func CommonPaths() []string {
	return []string{"/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/etc/ca-certificates", "/usr/share/zoneinfo", "/usr/share/ca-certificates"}
}

func clean(p string) string {
	if p == "" {
		return ""
	}
	return path.Clean(p)
}
