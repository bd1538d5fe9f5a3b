package agent

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// link joins facts of different collectors: a process or listener in the pid namespace of a container's init process
// belongs to that container, also where the cgroup does not tell; a socket is marked with the containers that hold it;
// a component of the engine belongs to the package that owns its program; a socket that the guard alone can reach is marked.
func link(s *model.Snapshot) {
	dropOtherMachine(s)
	if s.Host != nil {
		linkProcesses(s)
	}
	if s.Engine != nil {
		linkSockets(s)
	}
	if s.Guard != nil {
		linkGuard(s)
	}
	if s.Engine != nil && s.Host != nil {
		linkComponents(s)
	}
	linkImages(s)
}

// dropOtherMachine takes out what was read of this machine when the engine runs on another one: joined, they would tell
// of a node that does not exist. An engine behind TCP counts as elsewhere even on a loopback address, since a tunnel
// looks the same.
func dropOtherMachine(s *model.Snapshot) {
	if s.Engine == nil || s.Engine.Endpoint == "" || strings.HasPrefix(s.Engine.Endpoint, "unix://") {
		return
	}
	s.Host, s.Firewall, s.Controls, s.Guard = nil, nil, nil, nil
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g model.Gap) bool {
		return slices.ContainsFunc(thisMachine, func(part string) bool { return g.Path == part || strings.HasPrefix(g.Path, part+"/") })
	})
	for _, part := range thisMachine {
		s.Gaps = append(s.Gaps, model.Gap{
			Path: part, Collector: "agent", Reason: model.GapUnsupported,
			Detail: "the engine is reached at " + s.Engine.Endpoint + ", which may be another machine than this one",
			Remedy: "run bulkhead on the engine's machine and name its socket: bulkhead assess --engine unix:///run/docker.sock",
		})
	}
}

// thisMachine are the parts of a snapshot that are read beside the engine.
var thisMachine = []string{"/host", "/firewall", "/controls", "/guard"}

func linkProcesses(s *model.Snapshot) {
	nsOf := map[int]uint64{}
	for _, p := range s.Host.Processes {
		nsOf[p.PID] = p.PIDNamespace
	}
	own := nsOf[1]
	byNS := map[uint64]string{}
	byPID := map[int]string{}
	for _, c := range s.Containers {
		if c.PID == 0 {
			continue
		}
		byPID[c.PID] = c.ID
		if ns := nsOf[c.PID]; ns != 0 && ns != own && !sharesPIDs(c.Workload.Namespaces.PID) {
			byNS[ns] = c.ID
		}
	}
	for i := range s.Host.Processes {
		p := &s.Host.Processes[i]
		if p.Container == "" {
			p.Container = byPID[p.PID]
		}
		if p.Container == "" {
			p.Container = byNS[p.PIDNamespace]
		}
		if p.Container != "" {
			byPID[p.PID] = p.Container
		}
	}
	for i := range s.Host.Listeners {
		l := &s.Host.Listeners[i]
		if l.Container == "" && l.PID != 0 {
			l.Container = byPID[l.PID]
		}
	}
}

// sharesPIDs says that the pid namespace is the host's or another container's, so that what runs in it is not this
// container's. The namespace of process 1 alone does not tell: it may be unreadable.
func sharesPIDs(mode string) bool {
	return mode == "host" || strings.HasPrefix(mode, "container:")
}

func linkSockets(s *model.Snapshot) {
	for i := range s.Engine.Sockets {
		sock := &s.Engine.Sockets[i]
		for _, c := range s.Containers {
			for _, m := range c.Workload.Mounts {
				if reaches(m.Resolved, sock.Path) || reaches(m.Source, sock.Path) {
					sock.MountedIn = append(sock.MountedIn, c.ID)
					break
				}
			}
		}
	}
}

// linkGuard makes a control of the guard that says of itself that it runs, and marks the sockets that nobody else can reach.
func linkGuard(s *model.Snapshot) {
	g := s.Guard
	if !slices.ContainsFunc(s.Controls, func(c model.Control) bool { return c.Name == model.ControlDaemonGuard }) {
		c := model.Control{Name: model.ControlDaemonGuard, Mode: g.Mode, Version: g.Version, Since: g.Started, PID: g.PID}
		for _, f := range []model.KeyVal{{Key: "engine", Value: g.Engine}, {Key: "profile", Value: g.Profile}, {Key: "socket", Value: g.Socket}, {Key: "tls", Value: g.TLS}} {
			if f.Value != "" {
				c.Facts = append(c.Facts, f)
			}
		}
		s.Controls = append(s.Controls, c)
		slices.SortFunc(s.Controls, func(a, b model.Control) int { return strings.Compare(a.Name, b.Name) })
	}
	if s.Engine == nil {
		return
	}
	for i := range s.Engine.Sockets {
		sock := &s.Engine.Sockets[i]
		if runPath(sock.Path) == runPath(g.Socket) {
			sock.Engine = model.EngineGuard
		}
		// What is open to everybody counts as open, also where today no account of the host comes as far as its directory.
		mode, err := strconv.ParseUint(sock.Mode, 8, 32)
		sock.Guarded = sock.Engine != model.EngineGuard && sock.Exists && err == nil && mode&0o007 == 0 && len(sock.Users) == 0
	}
}

// reaches says that the path is the file or a directory above it. /var/run is a link to /run.
func reaches(dir, file string) bool {
	if !path.IsAbs(dir) {
		return false
	}
	dir, file = runPath(dir), runPath(file)
	return dir == "/" || dir == file || strings.HasPrefix(file, dir+"/")
}

func runPath(p string) string {
	p = path.Clean(p)
	if p == "/var/run" || strings.HasPrefix(p, "/var/run/") {
		return strings.TrimPrefix(p, "/var")
	}
	return p
}

func linkComponents(s *model.Snapshot) {
	owner := map[string]string{}
	for _, f := range s.Host.Files {
		if f.Package != "" {
			owner[f.Path] = f.Package
		}
	}
	for i := range s.Engine.Components {
		c := &s.Engine.Components[i]
		if c.Package == "" && c.Path != "" {
			c.Package = owner[c.Path]
		}
	}
}

func linkImages(s *model.Snapshot) {
	at := map[string]int{}
	for i := range s.Images {
		at[s.Images[i].ID] = i
	}
	for _, c := range s.Containers {
		if i, ok := at[c.Workload.Image.ID]; ok {
			s.Images[i].UsedBy = append(s.Images[i].UsedBy, c.ID)
		}
	}
}
