package docker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// mounts lists what the container gets of the host.
func (e *Collector) mounts(in container.InspectResponse, h *hostView, c *model.Container) []model.Mount {
	var list []model.Mount
	for _, p := range in.Mounts {
		m := model.Mount{
			Type: string(p.Type), Source: p.Source, Target: p.Destination, ReadOnly: !p.RW,
			Propagation: string(p.Propagation), Driver: p.Driver,
		}
		if p.Type == "volume" {
			m.Volume = p.Name
		}
		list = append(list, m)
	}
	for target, options := range in.HostConfig.Tmpfs {
		if !slices.ContainsFunc(list, func(m model.Mount) bool { return m.Target == target }) {
			list = append(list, model.Mount{Type: "tmpfs", Target: target, ReadOnly: slices.Contains(strings.Split(options, ","), "ro")})
		}
	}
	slices.SortFunc(list, func(a, b model.Mount) int { return strings.Compare(a.Target, b.Target) })
	for i := range list {
		if err := e.resolveMount(&list[i], h); err != nil {
			c.Gaps = append(c.Gaps, gap(fmt.Sprintf("/workload/mounts/%d/resolved", i), err, "run as root on the engine's host"))
		}
	}
	return list
}

// resolveMount finds the host path behind a mount, also behind a local volume that binds another path.
func (e *Collector) resolveMount(m *model.Mount, h *hostView) error {
	source := m.Source
	if m.Type == "volume" {
		v, ok := h.volumes[m.Volume]
		if ok && m.Driver == "" {
			m.Driver = v.Driver
		}
		if ok && workload.IsBind(v.Options) && v.Driver == "local" {
			source = v.Options["device"]
		}
	}
	switch m.Type {
	case "bind", "volume", "hostPath":
	default:
		return nil
	}
	if !filepath.IsAbs(source) {
		return nil
	}
	var err error
	m.Resolved = filepath.Clean(source)
	if h.local {
		var r string
		if r, err = e.resolve(source); err == nil {
			m.Resolved = r
		} else if errors.Is(err, os.ErrNotExist) {
			err = nil // gone since the container started
		}
	}
	m.EngineSocket = workload.GivesSocket(m.Resolved, h.sockets)
	return err
}

// resolve follows the links of a host path, inside Root.
func (e *Collector) resolve(path string) (string, error) {
	root := e.host("/")
	if _, err := os.Lstat(e.host(path)); errors.Is(err, os.ErrPermission) {
		return "", err
	}
	full, err := securejoin.SecureJoin(root, path)
	if err != nil {
		return "", err
	}
	if root == "/" {
		return full, nil
	}
	if full == root {
		return "/", nil
	}
	return strings.TrimPrefix(full, root), nil
}
