package agent

import "github.com/bulkhead-security/bulkhead/model"

// link joins facts of different collectors: a process or listener in the pid namespace of a container's init process
// belongs to that container, also where the cgroup does not tell; a socket is marked with the containers that hold it.
func link(s *model.Snapshot) {
	if s.Host != nil {
		linkProcesses(s)
	}
	if s.Engine != nil {
		linkSockets(s)
	}
	linkImages(s)
}

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
		if ns := nsOf[c.PID]; ns != 0 && ns != own {
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

func linkSockets(s *model.Snapshot) {
	for i := range s.Engine.Sockets {
		sock := &s.Engine.Sockets[i]
		for _, c := range s.Containers {
			for _, m := range c.Workload.Mounts {
				if m.EngineSocket && (m.Resolved == sock.Path || m.Source == sock.Path) {
					sock.MountedIn = append(sock.MountedIn, c.ID)
					break
				}
			}
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
