package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Limits of what is read into memory at once.
const (
	limitValue  = 64 << 10 // one value of /proc or /sys
	limitConfig = 1 << 20  // one configuration file
)

const remedyPrivilege = "run as root, or give the program CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE"

var (
	errTooLarge   = errors.New("larger than the limit")
	errMalformed  = errors.New("not understood")
	errNotRegular = errors.New("not a regular file")
)

// tree reads below a root directory. With another root than "/", symbolic links are followed inside that root, so that
// a host mounted into a container and a recorded tree read alike.
type tree struct{ root string }

// path is where a name of the host lies for this process, links followed.
func (t tree) path(name string) string {
	if t.root == "/" {
		return name
	}
	p, err := securejoin.SecureJoin(t.root, name)
	if err != nil {
		return filepath.Join(t.root, filepath.Clean("/"+name))
	}
	return p
}

// link is like path but leaves the last part of the name alone.
func (t tree) link(name string) string {
	if t.root == "/" {
		return name
	}
	dir, base := filepath.Split(filepath.Clean("/" + name))
	return filepath.Join(t.path(dir), base)
}

// open opens a regular file. O_NONBLOCK keeps a pipe with the name of a file from blocking the collector.
func (t tree) open(name string) (*os.File, error) {
	f, err := os.OpenFile(t.path(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, plain(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, plain(name, err)
	}
	return f, nil
}

// read returns a file's content; a larger one is errTooLarge.
func (t tree) read(name string, limit int64) ([]byte, error) {
	f, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plain(name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %w of %d bytes", name, errTooLarge, limit)
	}
	return b, nil
}

// value is a small file without the space around it, "" when it can't be read.
func (t tree) value(name string) string {
	b, err := t.read(name, limitValue)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}

// list returns the sorted names in a directory.
func (t tree) list(name string) ([]fs.DirEntry, error) {
	list, err := os.ReadDir(t.path(name))
	if err != nil {
		return nil, plain(name, err)
	}
	return list, nil
}

func (t tree) stat(name string) (fs.FileInfo, error) {
	info, err := os.Stat(t.path(name))
	if err != nil {
		return nil, plain(name, err)
	}
	return info, nil
}

func (t tree) exists(name string) bool {
	_, err := os.Stat(t.path(name))
	return err == nil
}

// readlink returns what a symbolic link says, unresolved.
func (t tree) readlink(name string) (string, error) {
	s, err := os.Readlink(t.link(name))
	if err != nil {
		return "", plain(name, err)
	}
	return s, nil
}

// plain names the file as the host does and keeps the cause.
func plain(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// gap makes the gap that an error stands for.
func gap(path string, err error) model.Gap {
	g := model.Gap{Path: path, Reason: model.GapFailed, Detail: err.Error()}
	switch {
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Remedy = model.GapPermission, remedyPrivilege
	case errors.Is(err, fs.ErrNotExist):
		g.Reason = model.GapAbsent
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		g.Reason = model.GapTimeout
	case errors.Is(err, errTooLarge):
		g.Reason = model.GapLimit
	case errors.Is(err, errNoFileLists):
		g.Reason = model.GapUnsupported
	case errors.Is(err, errMalformed), errors.Is(err, errNotRegular):
		g.Reason = model.GapMalformed
	}
	return g
}

// missing says that an error only means that the file does not exist, also below a file that is no directory.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// lines calls f for each line without its comment-only and empty ones.
func lines(b []byte, f func(line string)) {
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			f(line)
		}
	}
}
