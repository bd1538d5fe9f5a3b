package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

// Host is what agents see of their machine: a snapshot that was recorded, with more containers.
type Host struct {
	snapshot   *model.Snapshot
	containers []model.Container
	facts      facts.Set
}

// ReadHost reads the snapshot of a recorded case (txtar) and gives its host n containers like those that it has. The first of them have
// the names.
func ReadHost(path string, n int, names ...string) (*Host, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return nil, fmt.Errorf("recorded host: %w", err)
	}
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "snapshot.json" })
	if i < 0 {
		return nil, fmt.Errorf("recorded host: %s has no snapshot.json", path)
	}
	s, err := model.DecodeSnapshot(strings.NewReader(string(a.Files[i].Data)))
	if err != nil {
		return nil, fmt.Errorf("recorded host: %w", err)
	}
	if len(s.Containers) == 0 {
		return nil, fmt.Errorf("recorded host: %s has no containers", path)
	}
	like := s.Containers
	s.Containers = nil
	for i := range n {
		c := like[i%len(like)]
		c.ID, c.Name, c.PID = fmt.Sprintf("%064x", i), fmt.Sprintf("app-%d", i), 1000+i
		if i < len(names) {
			c.Name = names[i]
		}
		s.Containers = append(s.Containers, c)
	}
	h := &Host{snapshot: s}
	return h, h.split()
}

func (h *Host) split() (err error) {
	if h.facts, err = facts.Split(h.snapshot); err != nil {
		return fmt.Errorf("recorded host: %w", err)
	}
	h.containers = h.snapshot.Containers
	return nil
}

func (h *Host) container(name string) (*model.Container, error) {
	i := slices.IndexFunc(h.snapshot.Containers, func(c model.Container) bool { return c.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("recorded host: no container %q", name)
	}
	return &h.snapshot.Containers[i], nil
}

// Alter makes a container of a host that nobody uses yet another one.
func (h *Host) Alter(container string, to func(*model.Container)) error {
	c, err := h.container(container)
	if err != nil {
		return err
	}
	to(c)
	return h.split()
}

// Runs adds processes to a host that nobody uses yet: of the container of that name, or of the host itself for "".
func (h *Host) Runs(container string, processes ...model.Process) error {
	id := ""
	if container != "" {
		c, err := h.container(container)
		if err != nil {
			return err
		}
		id = c.ID
	}
	host := h.snapshot.HostPart()
	for _, p := range processes {
		p.Container = id
		host.Processes = append(host.Processes, p)
	}
	return h.split()
}

// Guarded has a guard before the engine of a host that nobody uses yet; locked sockets are the guard's alone.
func (h *Host) Guarded(g model.GuardStatus, locked bool) error {
	h.snapshot.Guard = &g
	if h.snapshot.Engine == nil {
		return errors.New("recorded host: no engine")
	}
	sockets := h.snapshot.Engine.Sockets
	for i := range sockets {
		if sockets[i].Guarded = locked; locked {
			sockets[i].Mode, sockets[i].Users, sockets[i].Group, sockets[i].GID, sockets[i].MountedIn = "0600", nil, "root", 0, nil
		}
	}
	h.snapshot.Controls = append(slices.Clone(h.snapshot.Controls), model.Control{
		Name: model.ControlDaemonGuard, Mode: g.Mode, Version: g.Version, Since: g.Started, PID: g.PID,
	})
	return h.split()
}

// Endanger lets the container of a name do on the host what none should.
func (h *Host) Endanger(name string) error {
	i := slices.IndexFunc(h.containers, func(c model.Container) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("recorded host: no container %s", name)
	}
	c := &h.containers[i]
	w := &c.Workload
	w.Privileged, w.Root, w.User, w.UserEffective = true, true, "", "root"
	w.ReadOnlyRoot, w.NoNewPrivileges, w.Seccomp, w.AppArmor, w.CapDrop = false, false, "unconfined", "unconfined", nil
	w.Namespaces.PID, w.Namespaces.Network, w.CapAdd = "host", "host", []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN"}
	w.Devices = []model.Device{{Host: "/dev/kvm", Container: "/dev/kvm", Permissions: "rwm"}}
	w.Mounts = append(slices.Clone(w.Mounts),
		model.Mount{Type: "bind", Source: "/var/run/docker.sock", Resolved: "/run/docker.sock", Target: "/var/run/docker.sock", EngineSocket: true},
		model.Mount{Type: "bind", Source: "/etc", Resolved: "/etc", Target: "/host/etc"},
		model.Mount{Type: "volume", Source: "data", Volume: "data", Target: "/data", ReadOnly: true})
	w.Limits = model.Limits{}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("recorded host: %w", err)
	}
	f, err := facts.Of("containers/"+c.ID, b)
	h.facts[f.Key] = f
	return err
}

// Facts are those of the host at first.
func (h *Host) Facts() facts.Set { return maps.Clone(h.facts) }

// Restarted is the fact of the container whose turn it is in a round, once it was started anew.
func (h *Host) Restarted(round int) (model.Fact, error) {
	c := h.containers[round%len(h.containers)]
	c.Restarts, c.PID, c.Started = c.Restarts+1, 2000+round, c.Created.Add(time.Duration(round)*time.Second)
	b, err := json.Marshal(c)
	if err != nil {
		return model.Fact{}, fmt.Errorf("simulated container: %w", err)
	}
	return facts.Of("containers/"+c.ID, b)
}

// change starts some containers anew.
func (a *Agent) change() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range a.Changed {
		a.round++
		f, err := a.Host.Restarted(a.round)
		if err != nil {
			return err
		}
		a.set[f.Key] = f
	}
	return nil
}
