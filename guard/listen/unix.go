package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Unix is the guard's own socket.
type Unix struct {
	Path  string // empty means none
	Mode  fs.FileMode
	Group string // name or number; empty leaves the process's own
}

// mostPath is what the kernel takes for a socket's path, less what the temporary name needs.
const mostPath = 107 - len("/.new-0123456789/s")

func (s *Server) openUnix() error {
	u := s.o.Unix
	if l := s.o.Activated.unix; l != nil {
		// Who may connect is what the service manager was told.
		s.doors = append(s.doors, &opened{raw: l, serve: s.counted, place: "unix://" + s.o.Activated.path(), clear: s.o.Activated.clear})
		return nil
	}
	if u.Path == "" {
		return nil
	}
	l, remove, err := listenUnix(u)
	if err != nil {
		return fmt.Errorf("the guard's socket %s: %w", u.Path, err)
	}
	s.doors = append(s.doors, &opened{raw: l, serve: s.counted, place: "unix://" + u.Path, clear: remove, made: true})
	return nil
}

// counted are the connections of a listener, held.
func (s *Server) counted(l net.Listener) net.Listener { return &door{l, s.held} }

// listenUnix makes a socket, with its mode and group from the first moment on, in place of one that nobody listens at any more: it is made in a
// directory that only this process sees, and moved to its place. A link that lies there is never followed.
func listenUnix(u Unix) (l *net.UnixListener, remove func() error, err error) {
	gid, err := groupID(u.Group)
	if err != nil {
		return nil, nil, err
	}
	if !filepath.IsAbs(u.Path) || filepath.Clean(u.Path) != u.Path || len(u.Path) > mostPath {
		return nil, nil, fmt.Errorf("the path must be absolute, without . and .., and at most %d bytes long", mostPath)
	}
	dir := filepath.Dir(u.Path)
	if err := makeDir(dir); err != nil {
		return nil, nil, err
	}
	if err := free(u.Path); err != nil {
		return nil, nil, err
	}
	hidden, err := os.MkdirTemp(dir, ".new-") // 0700
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(hidden)) }()
	made := filepath.Join(hidden, "s")
	if l, err = net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: made}); err != nil {
		return nil, nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := place(made, u, gid); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	is, err := os.Lstat(u.Path)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, func() error { return removeOwn(u.Path, is) }, nil
}

func place(made string, u Unix, gid int) error {
	if err := permit(made, u, gid); err != nil {
		return err
	}
	return os.Rename(made, u.Path)
}

// permit says who may connect.
func permit(path string, u Unix, gid int) error {
	if err := os.Chown(path, -1, gid); err != nil {
		return fmt.Errorf("give it to the group %s: %w", u.Group, err)
	}
	return os.Chmod(path, u.Mode.Perm())
}

// removeOwn removes the socket where it is still the one that was made.
func removeOwn(path string, made fs.FileInfo) error {
	is, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(is, made) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// makeDir makes the directory of the socket, and refuses one in which others could put another socket in its place.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // whoever may reach the socket has to pass
		return err
	}
	is, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !is.IsDir() {
		return fmt.Errorf("%s is no directory of its own", dir)
	}
	stat, ok := is.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || is.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the directory %s can be changed by others (mode %s), who could put another socket there: give it to root alone, with mode 0755",
			dir, is.Mode().Perm())
	}
	return nil
}

// free makes sure that nothing is lost by putting a socket there.
func free(path string) error {
	is, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is.Mode().Type() != fs.ModeSocket {
		return errors.New("something is there that is no socket; it was left alone")
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.Dial("unix", path)
	if err == nil {
		_ = c.Close()
		return errors.New("somebody listens there already: another guard, or an engine; stop it or choose another path (guard.socket)")
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil // left over; the new one takes its place
	}
	return fmt.Errorf("whether somebody listens there can't be found out: %w", err)
}

func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("the group %s (guard.socket_group): %w; make it with `groupadd --system %s`, or name another", name, err, name)
	}
	return strconv.Atoi(g.Gid)
}
