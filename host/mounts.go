package host

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/bulkhead-security/bulkhead/model"
)

// Mounts reads the host's mounts. Those that engines make for containers are left out: they belong to the containers.
func (h *Host) Mounts(context.Context) (func(*model.Snapshot), []model.Gap) {
	all, err := h.mounts()
	if err != nil {
		return nil, []model.Gap{gap("/host/mount_points", err)}
	}
	var list []model.MountPoint
	for _, m := range all {
		if !ofContainers(m) {
			list = append(list, model.MountPoint{
				Target: m.Mountpoint, Source: m.Source, FSType: m.FSType, Options: mountOptions(m),
			})
		}
	}
	slices.SortStableFunc(list, func(a, b model.MountPoint) int { return cmp.Compare(a.Target, b.Target) })
	return func(s *model.Snapshot) { s.HostPart().MountPoints = list }, nil
}

// mounts reads the mounts of the first process, which are the host's also when this process has its own.
func (h *Host) mounts() ([]*mountinfo.Info, error) {
	b, err := h.read("/proc/1/mountinfo", 16<<20)
	if err != nil {
		b, err = h.read("/proc/self/mountinfo", 16<<20)
	}
	if err != nil {
		return nil, err
	}
	list, err := parseMounts(b)
	if err != nil {
		return nil, fmt.Errorf("mountinfo: %w: %w", errMalformed, err)
	}
	return list, nil
}

func parseMounts(b []byte) ([]*mountinfo.Info, error) {
	return mountinfo.GetMountsFromReader(bytes.NewReader(b), nil)
}

// ofContainers says whether a mount is a container's file system or namespace.
func ofContainers(m *mountinfo.Info) bool {
	if m.FSType == "nsfs" || (m.FSType == "overlay" && m.Mountpoint != "/") {
		return true
	}
	for _, part := range []string{"/containers/", "/overlay2/", "/overlay-containers/", "/kubelet/pods/", "/io.containerd.runtime", "/netns/"} {
		if strings.Contains(m.Mountpoint, part) {
			return true
		}
	}
	return false
}

// mountOptions are the options of the mount and of its file system, each once, sorted.
func mountOptions(m *mountinfo.Info) []string {
	all := strings.Split(m.Options, ",")
	for _, o := range strings.Split(m.VFSOptions, ",") {
		key, _, _ := strings.Cut(o, "=")
		switch key {
		case "rw", "ro":
			// A read-only file system can be mounted "rw"; then it is the stricter that holds.
			if o == "ro" {
				all = slices.DeleteFunc(all, func(s string) bool { return s == "rw" })
				all = append(all, "ro")
			}
		case "password", "pass", "username", "user":
		default:
			all = append(all, o)
		}
	}
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}
