// Package hostpath says what is behind a path of the host: where it leads, and whether somebody who is not root can make it lead
// elsewhere between the moment when it is judged and the one when it is mounted.
//
// It looks, and changes nothing. What it can't read it calls unstable.
package hostpath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/guard/workload"
)

// Paths look at a file system whose root is at Root; empty means "/".
type Paths struct {
	Root string
	// Mounts are the places where something is mounted; nil asks the kernel.
	Mounts func() ([]string, error)
	// trusted is who may own what is stable: root, and in tests whoever runs them.
	trusted uint32
}

const maxPath = 4096

// Path implements workload.Host's.
func (p Paths) Path(path string) workload.Path {
	root := p.Root
	if root == "" {
		root = "/"
	}
	if !filepath.IsAbs(path) || len(path) > maxPath || strings.ContainsRune(path, 0) {
		return workload.Path{Unstable: "it is no absolute path"}
	}
	// The engine cleans a path before it mounts it: "..", as it is written, goes back a word and not a directory.
	clean := filepath.Clean(path)
	w := &walk{root: filepath.Clean(root), trusted: p.trusted}
	full, err := securejoin.SecureJoinVFS(root, clean, w)
	if err != nil {
		return workload.Path{Resolved: clean, Unstable: or(w.unstable, fmt.Sprintf("it can't be followed: %v", err))}
	}
	return workload.Path{Resolved: w.inside(full), Unstable: w.unstable}
}

// walk is the file system as it is followed; it notes the first place that others can change.
type walk struct {
	root     string
	trusted  uint32
	unstable string
}

// Lstat implements securejoin.VFS: every part of the path comes by here, also those of links on the way.
func (w *walk) Lstat(name string) (fs.FileInfo, error) {
	name = filepath.Clean(name)
	if w.unstable == "" {
		w.unstable = w.directory(filepath.Dir(name))
	}
	info, err := os.Lstat(name)
	switch {
	case err == nil || w.unstable != "":
	case errors.Is(err, fs.ErrNotExist):
		w.unstable = w.inside(name) + " does not exist"
	default:
		w.unstable = fmt.Sprintf("%s can't be read", w.inside(name))
	}
	return info, err
}

// Readlink implements securejoin.VFS.
func (w *walk) Readlink(name string) (string, error) { return os.Readlink(name) }

// directory says why what is in a directory could be replaced by others than root; empty when it could not.
func (w *walk) directory(dir string) string {
	if len(dir) < len(w.root) {
		return ""
	}
	info, err := os.Lstat(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return w.inside(dir) + " does not exist"
		}
		return w.inside(dir) + " can't be read"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return w.inside(dir) + " has no owner that can be read"
	case st.Uid != w.trusted:
		return fmt.Sprintf("%s belongs to the uid %d", w.inside(dir), st.Uid)
	// With an access list the bits of the group are the most that it gives to anybody. A sticky bit does not help: what is
	// cleaned up in such a directory can be made anew by everybody.
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Sprintf("%s can be written to by others than root (%s)", w.inside(dir), info.Mode())
	}
	return w.elsewhere(dir)
}

// elsewhere says that a directory is on a file system of which others than this host's root decide what is in it.
func (w *walk) elsewhere(dir string) string {
	var fsys unix.Statfs_t
	if err := unix.Statfs(dir, &fsys); err != nil {
		return w.inside(dir) + " is on a file system that can't be told"
	}
	name := ""
	switch uint32(fsys.Type) {
	case unix.PROC_SUPER_MAGIC:
		name = "proc: what is in it depends on who looks"
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */, 0x00c36400 /* Ceph */ :
		name = "a network file system"
	case unix.FUSE_SUPER_MAGIC:
		if w.sameAsRoot(dir) {
			return "" // a virtual machine whose disk is one of its host's directories
		}
		name = "FUSE"
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%s is on %s", w.inside(dir), name)
}

func (w *walk) sameAsRoot(dir string) bool {
	var a, b unix.Stat_t
	return unix.Stat(w.root, &a) == nil && unix.Stat(dir, &b) == nil && a.Dev == b.Dev
}

// inside is a path as the host itself has it.
func (w *walk) inside(full string) string {
	if w.root == "/" {
		return full
	}
	return or(strings.TrimPrefix(full, w.root), "/")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
