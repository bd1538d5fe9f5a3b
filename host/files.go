package host

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/bulkhead-security/bulkhead/model"
)

// unitDirs are where systemd finds units, the one that wins first.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// Files looks at the files that decide over the engine and over who gets into the host, and for a file-integrity
// monitor. A file that does not exist is reported as such.
func (h *Host) Files(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	f := fileReader{h: h, users: map[int]string{}, groups: map[int]string{}}
	f.names()
	for _, unit := range []string{"docker.service", "docker.socket", "containerd.service"} {
		f.unit(unit)
	}
	engine := h.engineSettings()
	for _, p := range []struct{ purpose, path string }{
		{"etc-docker", "/etc/docker"},
		{"daemon.json", engine.configFile},
		{"default-docker", "/etc/default/docker"},
		{"sysconfig-docker", "/etc/sysconfig/docker"},
		{"containerd-config", "/etc/containerd/config.toml"},
		{"tls-ca", engine.tlsCA},
		{"tls-cert", engine.tlsCert},
		{"tls-key", engine.tlsKey},
		{"engine-root", engine.root},
		{"containerd-socket", "/run/containerd/containerd.sock"},
		{"os-passwd", "/etc/passwd"},
		{"os-shadow", "/etc/shadow"},
		{"sshd_config", "/etc/ssh/sshd_config"},
		{"sudoers", "/etc/sudoers"},
	} {
		f.add(p.purpose, p.path)
	}
	for _, socket := range engine.sockets {
		f.add("engine-socket", socket)
	}
	f.registryCerts()
	f.programs(ctx)
	list := f.list
	slices.SortFunc(list, func(a, b model.FileFact) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Path, b.Path))
	})
	monitor := h.fileIntegrity()
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.Files, p.FileIntegrity = list, monitor
	}, f.gaps
}

// fileReader collects stat facts.
type fileReader struct {
	h             *Host
	users, groups map[int]string
	list          []model.FileFact
	gaps          []model.Gap
}

// names reads the names of owners; without them facts have numbers only.
func (f *fileReader) names() {
	if b, err := f.h.read("/etc/passwd", 16<<20); err == nil {
		for _, a := range parsePasswd(b) {
			f.users[a.uid] = first(f.users[a.uid], a.name)
		}
	}
	if b, err := f.h.read("/etc/group", 16<<20); err == nil {
		for _, g := range parseGroup(b) {
			f.groups[g.GID] = first(f.groups[g.GID], g.Name)
		}
	}
}

// add records a path, a symbolic link as what it leads to.
func (f *fileReader) add(purpose, name string) {
	fact := model.FileFact{Path: name, Purpose: purpose}
	info, err := f.h.stat(name)
	switch {
	case err == nil:
		f.fill(&fact, info)
	case !missing(err):
		f.gaps = append(f.gaps, gap("/host/files/"+purpose, err))
		return
	}
	f.list = append(f.list, fact)
}

func (f *fileReader) fill(fact *model.FileFact, info fs.FileInfo) {
	fact.Exists = true
	fact.Type = fileType(info.Mode())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		fact.Mode = fmt.Sprintf("%04o", st.Mode&0o7777)
		fact.UID, fact.GID = int(st.Uid), int(st.Gid)
		fact.Owner, fact.Group = f.users[fact.UID], f.groups[fact.GID]
	}
}

func fileType(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "dir"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeSymlink != 0:
		return "symlink"
	case m&fs.ModeDevice != 0:
		return "device"
	}
	return "other"
}

// unit adds a unit file where it is found first, or says that there is none.
func (f *fileReader) unit(name string) {
	for _, dir := range unitDirs {
		if f.h.exists(path.Join(dir, name)) {
			f.add(name, path.Join(dir, name))
			return
		}
	}
	f.add(name, path.Join("/usr/lib/systemd/system", name))
}

// registryCerts adds /etc/docker/certs.d and the certificates and keys in it, one directory for each registry.
func (f *fileReader) registryCerts() {
	const base = "/etc/docker/certs.d"
	f.add("registry-certs-dir", base)
	registries, err := f.h.list(base)
	if err != nil && !missing(err) {
		f.gaps = append(f.gaps, gap("/host/files/registry-cert", err))
	}
	for _, r := range registries {
		files, err := f.h.list(path.Join(base, r.Name()))
		if err != nil {
			continue
		}
		for _, c := range files {
			purpose := map[string]string{".crt": "registry-ca", ".cert": "registry-cert", ".key": "registry-key"}[path.Ext(c.Name())]
			if purpose != "" {
				f.add(purpose, path.Join(base, r.Name(), c.Name()))
			}
		}
	}
}

// engineSettings are the paths that the engine's configuration and command line name.
type engineSettings struct {
	configFile, root       string
	tlsCA, tlsCert, tlsKey string
	sockets                []string
}

// engineSettings reads what the daemon was given: flags over the file over its defaults.
func (h *Host) engineSettings() engineSettings {
	flags := h.engineFlags()
	e := engineSettings{configFile: first(flags["config-file"], "/etc/docker/daemon.json")}
	var file struct {
		DataRoot string   `json:"data-root"`
		TLSCA    string   `json:"tlscacert"`
		TLSCert  string   `json:"tlscert"`
		TLSKey   string   `json:"tlskey"`
		Hosts    []string `json:"hosts"`
	}
	// A file that is not understood is the engine collector's to report; the defaults stand here.
	if b, err := h.read(e.configFile, limitConfig); err == nil {
		_ = json.Unmarshal(b, &file)
	}
	e.root = first(flags["data-root"], file.DataRoot, "/var/lib/docker")
	e.tlsCA = first(flags["tlscacert"], file.TLSCA, "/root/.docker/ca.pem")
	e.tlsCert = first(flags["tlscert"], file.TLSCert, "/root/.docker/cert.pem")
	e.tlsKey = first(flags["tlskey"], file.TLSKey, "/root/.docker/key.pem")
	for _, host := range append(file.Hosts, strings.Fields(flags["host"])...) {
		if socket, ok := strings.CutPrefix(host, "unix://"); ok && path.IsAbs(socket) {
			e.sockets = append(e.sockets, socket)
		}
	}
	if len(e.sockets) == 0 {
		e.sockets = []string{"/run/docker.sock"}
	}
	slices.Sort(e.sockets)
	e.sockets = slices.Compact(e.sockets)
	return e
}

// engineFlags are the flags of the running daemon; several hosts are joined with spaces.
func (h *Host) engineFlags() map[string]string {
	for _, pid := range h.processesNamed("dockerd") {
		if b, err := h.read("/proc/"+strconv.Itoa(pid)+"/cmdline", limitConfig); err == nil {
			return parseFlags(splitArgs(b))
		}
	}
	return nil
}

func parseFlags(args []string) map[string]string {
	flags := map[string]string{}
	for i, arg := range args {
		name, value, found := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		if !found && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			value = args[i+1]
		}
		switch name {
		case "H", "host":
			flags["host"] = strings.TrimSpace(flags["host"] + " " + value)
		case "g":
			flags["data-root"] = value
		default:
			flags[name] = value
		}
	}
	return flags
}

// engineRoots are the data directories of the engine, which hold container file systems.
func (h *Host) engineRoots() []string { return []string{path.Clean(h.engineSettings().root)} }

// fileIntegrity names the monitor that has a baseline of the host.
func (h *Host) fileIntegrity() string {
	switch {
	case h.firstExisting("/var/lib/aide/aide.db", "/var/lib/aide/aide.db.gz") != "":
		return "aide"
	case h.tripwire():
		return "tripwire"
	case h.imaPolicy():
		return "ima"
	}
	if _, err := h.control(model.ControlFileIntegrity); err == nil && h.trusted(controlDir) == nil {
		return "bulkhead"
	}
	return ""
}

func (h *Host) tripwire() bool {
	entries, err := h.list("/var/lib/tripwire")
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".twd") })
}
