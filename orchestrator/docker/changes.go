package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/sys/mountinfo"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	maxChanges = 200
	// maxWalk bounds how many entries of a container's layer are looked at.
	maxWalk = 50_000
)

// changes lists the files that differ from the image: from the container's own layer where it can be read, since the
// engine compares slowly and does not tell what is executable.
func (e *Collector) changes(ctx context.Context, in container.InspectResponse, h *hostView, c *model.Container) {
	if h.local {
		upper, lower := overlay(in)
		if upper == "" && in.State.Pid > 0 {
			upper, lower, _ = e.overlayOf(in.State.Pid)
		}
		if upper != "" {
			if e.walkLayer(ctx, upper, lower, in.Mounts, c) == nil {
				return
			}
		}
	}
	e.diff(ctx, in, h, c)
}

// overlay is the container's own layer and the image's layers below it, top first, as the engine tells them.
func overlay(in container.InspectResponse) (upper string, lower []string) {
	if in.GraphDriver == nil || in.GraphDriver.Name != "overlay2" && in.GraphDriver.Name != "overlay" {
		return "", nil
	}
	upper = in.GraphDriver.Data["UpperDir"]
	if !filepath.IsAbs(upper) {
		return "", nil
	}
	return upper, filepath.SplitList(in.GraphDriver.Data["LowerDir"])
}

// overlayOf takes the layers from the mounts of a running container; engines with containerd's image store don't tell
// them.
func (e *Collector) overlayOf(pid int) (upper string, lower []string, err error) {
	f, err := os.Open(e.proc(pid, "mountinfo"))
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	list, err := mountinfo.GetMountsFromReader(f, func(m *mountinfo.Info) (bool, bool) {
		return m.Mountpoint != "/" || m.FSType != "overlay", false
	})
	if err != nil || len(list) == 0 {
		return "", nil, errors.Join(err, errors.New("no overlay at the container's root"))
	}
	for _, o := range strings.Split(list[0].VFSOptions, ",") {
		k, v, _ := strings.Cut(o, "=")
		switch {
		case k == "upperdir" && filepath.IsAbs(v):
			upper = v
		case k == "lowerdir" && filepath.IsAbs(v):
			lower = strings.Split(v, ":")
		}
	}
	return upper, lower, nil
}

// walkLayer reads the container's own layer. Directories don't count: a file in them does.
func (e *Collector) walkLayer(ctx context.Context, upper string, lower []string, mounts []container.MountPoint, c *model.Container) error {
	root, err := os.OpenRoot(e.host(upper))
	if err != nil {
		return err
	}
	defer root.Close()
	var notable, other []model.FileChange
	seen, total := 0, 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it has gone while we looked
		}
		if seen++; seen%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if seen > maxWalk {
			return errTooLarge
		}
		if d.IsDir() || isMountPoint(mounts, "/"+name) {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		total++
		f := describe("/"+name, st)
		if f.Executable || f.PackageDB {
			notable = append(notable, f)
		} else if len(other) < maxChanges {
			other = append(other, f)
		}
		return nil
	})
	if errors.Is(err, errTooLarge) {
		c.Gaps = append(c.Gaps, model.Gap{Path: "/changes", Reason: model.GapLimit, Detail: fmt.Sprintf("more than %d entries", maxWalk)})
	} else if err != nil {
		return err
	}
	// What can be run or tells what is installed comes before the rest when not all is kept.
	list := slices.Concat(notable, other)
	list = list[:min(len(list), maxChanges)]
	for i := range list {
		if list[i].Kind == "added" && e.inLower(lower, list[i].Path) {
			list[i].Kind = "changed"
		}
	}
	setChanges(c, list, total)
	return nil
}

func setChanges(c *model.Container, list []model.FileChange, total int) {
	slices.SortFunc(list, func(a, b model.FileChange) int { return strings.Compare(a.Path, b.Path) })
	c.Changes, c.ChangesTotal = list, total
}

func describe(name string, st fs.FileInfo) model.FileChange {
	f := model.FileChange{Path: name, Kind: "added", PackageDB: packageDB(name), Examined: true}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok && st.Mode()&fs.ModeCharDevice != 0 && sys.Rdev == 0 {
		f.Kind = "deleted" // overlay marks a removed file so
		return f
	}
	f.Executable = st.Mode().IsRegular() && st.Mode()&0o111 != 0
	return f
}

// inLower is true when a layer of the image has the path.
func (e *Collector) inLower(lower []string, name string) bool {
	for _, dir := range lower {
		if !filepath.IsAbs(dir) {
			continue
		}
		if st, err := os.Lstat(e.host(dir, name)); err == nil {
			return describe(name, st).Kind != "deleted"
		}
	}
	return false
}

func packageDB(name string) bool {
	for _, p := range []string{"/var/lib/dpkg/", "/lib/apk/db/", "/usr/lib/apk/db/", "/var/lib/rpm/", "/usr/lib/sysimage/rpm/"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// isMountPoint tells files that the runtime made only to mount something over them.
func isMountPoint(mounts []container.MountPoint, name string) bool {
	switch name {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console", "/.dockerenv", "/run/.containerenv":
		return true
	}
	return slices.ContainsFunc(mounts, func(m container.MountPoint) bool { return path.Clean(m.Destination) == name })
}

// diff asks the engine. It tells paths only, directories that hold a change included.
func (e *Collector) diff(ctx context.Context, in container.InspectResponse, h *hostView, c *model.Container) {
	res, err := e.c.api.ContainerDiff(ctx, in.ID, client.ContainerDiffOptions{})
	if err != nil {
		c.Gaps = append(c.Gaps, gap("/changes", err, "run as root on the engine's host"))
		return
	}
	// A running container's files are seen through its process, whatever stores its layers.
	var root *os.Root
	if h.local && in.State.Pid > 0 {
		if root, err = os.OpenRoot(e.proc(in.State.Pid, "root")); err == nil {
			defer root.Close()
		}
	}
	parents := map[string]bool{}
	for _, ch := range res.Changes {
		parents[path.Dir(ch.Path)] = true
	}
	var list []model.FileChange
	for _, ch := range res.Changes {
		if parents[ch.Path] || isMountPoint(in.Mounts, ch.Path) {
			continue
		}
		kind := map[container.ChangeType]string{container.ChangeModify: "changed", container.ChangeAdd: "added", container.ChangeDelete: "deleted"}[ch.Kind]
		f := model.FileChange{Path: ch.Path, Kind: kind, PackageDB: packageDB(ch.Path)}
		if root != nil {
			st, err := root.Lstat(strings.TrimPrefix(ch.Path, "/"))
			if err == nil && st.IsDir() {
				continue // as in the layer
			}
			if err == nil {
				f.Executable, f.Examined = describe(ch.Path, st).Executable, true
			}
		}
		list = append(list, f)
	}
	total := len(list)
	setChanges(c, list, total)
	c.Changes = c.Changes[:min(total, maxChanges)]
}
