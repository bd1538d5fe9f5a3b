package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The engines that sockets belong to.
const (
	engineDocker     = "docker"
	engineContainerd = "containerd"
	enginePodman     = "podman"
)

// usual are the places of sockets that give control over containers.
var usual = []struct{ engine, path string }{
	{engineDocker, "/run/docker.sock"},
	{engineDocker, "/run/docker/swarm/control.sock"},
	{engineContainerd, "/run/containerd/containerd.sock"},
	{engineContainerd, "/run/containerd/containerd.sock.ttrpc"},
	{engineContainerd, "/run/docker/containerd/containerd.sock"},
	{engineContainerd, "/run/docker/containerd/containerd.sock.ttrpc"},
	{enginePodman, "/run/podman/podman.sock"},
}

// socket is one as it is now.
type socket struct {
	engine, path string
	perm
	id identity
	// links is how many names it has.
	links uint64
}

// perm is who may use a file. ACL is the extended one, as the kernel keeps it.
type perm struct {
	Mode uint32 `json:"mode"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	ACL  []byte `json:"acl,omitempty"`
}

func (p perm) equal(o perm) bool {
	return p.Mode == o.Mode && p.UID == o.UID && p.GID == o.GID && string(p.ACL) == string(o.ACL)
}

// String is "0660 root:docker".
func (p perm) String() string {
	s := fmt.Sprintf("%04o %s:%s", p.Mode, userName(p.UID), groupName(p.GID))
	if len(p.ACL) > 0 {
		s += " and an access control list"
	}
	return s
}

// identity tells one socket from another that came to its place.
type identity struct {
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
	Born int64  `json:"born"` // nanoseconds; file systems use numbers of inodes again
}

// errNoSocket says that there is something else, or nothing.
var errNoSocket = errors.New("it is no socket")

const aclName = "system.posix_acl_access"

// grip holds a socket itself, whatever happens to its name.
type grip struct{ f *os.File }

// seize opens the socket without following a link and without connecting to it.
func seize(path string) (*grip, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	g := &grip{os.NewFile(uintptr(fd), path)}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, g.f.Close())
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, errNoSocket), g.f.Close())
	}
	return g, nil
}

func (g *grip) close() { g.f.Close() }

// name reaches the very file, for calls that take no descriptor of this kind.
func (g *grip) name() string { return "/proc/self/fd/" + strconv.Itoa(int(g.f.Fd())) }

func (g *grip) look() (socket, error) {
	var st unix.Statx_t
	if err := unix.Statx(int(g.f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return socket{}, &fs.PathError{Op: "statx", Path: g.f.Name(), Err: err}
	}
	s := socket{
		path: g.f.Name(), links: uint64(st.Nlink),
		id:   identity{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino, st.Btime.Sec*1e9 + int64(st.Btime.Nsec)},
		perm: perm{Mode: uint32(st.Mode) & 0o7777, UID: int(st.Uid), GID: int(st.Gid)},
	}
	acl := make([]byte, 4096)
	if n, err := unix.Getxattr(g.name(), aclName, acl); err == nil {
		s.ACL = acl[:n]
	}
	return s, nil
}

// set makes the permissions what they should be. It closes first and opens last, so that in between nobody gets in who should not.
func (g *grip) set(p perm) error {
	if err := os.Chmod(g.name(), 0o600); err != nil {
		return fmt.Errorf("close %s: %w", g.f.Name(), err)
	}
	if err := unix.Fchownat(int(g.f.Fd()), "", p.UID, p.GID, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("owner of %s: %w", g.f.Name(), err)
	}
	if len(p.ACL) > 0 {
		if err := unix.Setxattr(g.name(), aclName, p.ACL, 0); err != nil {
			return fmt.Errorf("access control list of %s: %w", g.f.Name(), err)
		}
	} else if err := unix.Removexattr(g.name(), aclName); err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("access control list of %s: %w", g.f.Name(), err)
	}
	if err := unix.Chmod(g.name(), p.Mode); err != nil {
		return fmt.Errorf("mode of %s: %w", g.f.Name(), err)
	}
	return nil
}

// lookAt says how a socket is now.
func lookAt(engine, path string) (socket, error) {
	g, err := seize(path)
	if err != nil {
		return socket{}, err
	}
	defer g.close()
	s, err := g.look()
	s.engine = engine
	return s, err
}

// resolve follows links of the directories and of the name itself.
func resolve(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return filepath.Clean(path)
}

// find gives the sockets that there are: those of the options or of the usual places, and what the engines behind them listen on beside.
func (l *Lock) find() ([]socket, *table, error) {
	engines := map[string]string{}
	for _, u := range usual {
		if len(l.o.Sockets) == 0 {
			engines[resolve(l.path(u.path))] = u.engine
		}
	}
	for _, p := range l.o.Sockets {
		engines[resolve(p)] = engineOf(p)
	}
	t, err := readTable(engines)
	if err != nil {
		return nil, nil, err
	}
	for p, e := range t.family(engines) {
		engines[p] = e
	}
	var list []socket
	for p, e := range engines {
		s, err := lookAt(e, p)
		switch {
		case err == nil:
			list = append(list, s)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNoSocket):
			return nil, nil, err
		}
	}
	slices.SortFunc(list, func(a, b socket) int { return strings.Compare(a.path, b.path) })
	return list, t, nil
}

// engineOf guesses by the name.
func engineOf(path string) string {
	switch base := filepath.Base(path); {
	case strings.HasPrefix(base, "containerd"):
		return engineContainerd
	case strings.HasPrefix(base, "podman"):
		return enginePodman
	}
	return engineDocker
}
