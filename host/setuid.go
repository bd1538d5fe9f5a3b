package host

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of the search for setuid files.
const (
	defaultSetuidBudget = time.Second
	limitSetuid         = 2000
)

// localFS are the file systems that are searched: on a local disk or in memory, with owners and modes.
var localFS = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "tmpfs", "ramfs", "squashfs", "erofs"}

// storageOf are directories that hold file systems of containers; what is in there is a fact of the images.
var storageOf = []string{
	"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet/pods", "/var/lib/lxc", "/var/lib/lxd",
	"/var/lib/buildkit", "/var/lib/rancher", "/run/containerd", "/run/docker",
}

// programDirs are searched first, so that a search that runs out of time has seen what is in everybody's path.
var programDirs = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local", "/opt", "/home", "/tmp", "/var/tmp", "/dev/shm"}

// Setuid finds files with the setuid or setgid bit on local file systems. Mounts with nosuid are left out, as the bits
// do nothing there.
func (h *Host) Setuid(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	mounts, err := h.mounts()
	if err != nil {
		return nil, []model.Gap{gap("/host/setuid", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, h.setuidBudget)
	defer cancel()
	s := &search{h: h, stop: map[string]bool{}, seen: map[string]bool{}}
	s.more = sync.NewCond(&s.mu)
	for _, dir := range append(storageOf, h.engineRoots()...) {
		s.stop[dir] = true
	}
	roots := map[string]bool{}
	for _, m := range mounts {
		roots[m.Mountpoint] = slices.Contains(localFS, m.FSType) && !slices.Contains(mountOptions(m), "nosuid") && !ofContainers(m)
		s.stop[m.Mountpoint] = true
	}
	s.start(roots)
	s.run(ctx)
	slices.SortFunc(s.found, func(a, b model.FileFact) int { return cmp.Compare(a.Path, b.Path) })
	return func(snap *model.Snapshot) { snap.HostPart().Setuid = s.found }, s.gaps(h.setuidBudget)
}

// search walks directories with several workers over one stack.
type search struct {
	h    *Host
	stop map[string]bool // never entered from above: mount points and storage of containers

	mu      sync.Mutex
	more    *sync.Cond
	dirs    []string
	busy    int
	seen    map[string]bool
	found   []model.FileFact
	denied  int
	cut     bool // the time was over
	tooMany bool
}

// start puts the roots on the stack, programs on top.
func (s *search) start(roots map[string]bool) {
	for root, local := range roots {
		if local {
			s.dirs = append(s.dirs, root)
		}
	}
	slices.Sort(s.dirs)
	for _, dir := range slices.Backward(programDirs) {
		if info, err := os.Lstat(s.h.link(dir)); err == nil && info.IsDir() && !s.stop[dir] && roots["/"] {
			s.dirs = append(s.dirs, dir)
		}
	}
}

func (s *search) run(ctx context.Context) {
	var all conc.WaitGroup // a panic is the collector's
	for range min(4, runtime.NumCPU()) {
		all.Go(func() { s.work(ctx) })
	}
	all.Wait()
}

func (s *search) work(ctx context.Context) {
	for {
		dir, ok := s.next(ctx)
		if !ok {
			return
		}
		below, found, err := s.dir(dir)
		s.mu.Lock()
		s.dirs = append(s.dirs, below...)
		s.found = append(s.found, found...)
		if len(s.found) >= limitSetuid {
			s.tooMany = true
		}
		if err != nil && !missing(err) {
			s.denied++
		}
		s.busy--
		s.more.Broadcast()
		s.mu.Unlock()
	}
}

// next takes a directory off the stack, and waits while others may still put some on it.
func (s *search) next(ctx context.Context) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			s.cut = s.cut || len(s.dirs) > 0
			return "", false
		case s.tooMany:
			return "", false
		case len(s.dirs) > 0:
			dir := s.dirs[len(s.dirs)-1]
			s.dirs = s.dirs[:len(s.dirs)-1]
			if s.seen[dir] {
				continue
			}
			s.seen[dir] = true
			s.busy++
			return dir, true
		case s.busy == 0:
			return "", false
		}
		s.more.Wait()
	}
}

// dir reads one directory. Files are looked at relative to it, which spares the kernel the walk from the root.
func (s *search) dir(name string) (below []string, found []model.FileFact, err error) {
	d, err := os.OpenFile(s.h.link(name), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, plain(name, err)
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if isEngineRoot(entries) {
		return nil, nil, nil
	}
	fd := int(d.Fd())
	for _, e := range entries {
		switch {
		case e.IsDir():
			at := path.Join(name, e.Name())
			if !s.stop[at] && !strings.HasPrefix(e.Name(), "io.containerd.snapshotter.") {
				below = append(below, at)
			}
		case e.Type().IsRegular():
			var st unix.Stat_t
			if unix.Fstatat(fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
				found = append(found, model.FileFact{
					Path: path.Join(name, e.Name()), Exists: true, Mode: fmt.Sprintf("%04o", st.Mode&0o7777), UID: int(st.Uid), GID: int(st.Gid), Type: "file",
				})
			}
		}
	}
	return below, found, err
}

// isEngineRoot recognises an engine's data directory anywhere.
func isEngineRoot(entries []fs.DirEntry) bool {
	marks := 0
	for _, e := range entries {
		switch e.Name() {
		case "overlay2", "image", "containers", "engine-id", "buildkit":
			marks++
		}
	}
	return marks >= 3
}

func (s *search) gaps(budget time.Duration) []model.Gap {
	var gaps []model.Gap
	if s.cut {
		gaps = append(gaps, model.Gap{
			Path: "/host/setuid", Reason: model.GapLimit,
			Detail: fmt.Sprintf("the search was cut after %s and %d directories; directories of programs were searched first", budget, len(s.seen)),
		})
	}
	if s.tooMany {
		gaps = append(gaps, model.Gap{Path: "/host/setuid", Reason: model.GapLimit, Detail: fmt.Sprintf("more than %d files", limitSetuid)})
	}
	if s.denied > 0 {
		gaps = append(gaps, model.Gap{
			Path: "/host/setuid", Reason: model.GapPermission, Detail: fmt.Sprintf("%d directories", s.denied), Remedy: remedyPrivilege,
		})
	}
	return gaps
}
