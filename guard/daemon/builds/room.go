package builds

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Contexts are kept where the guard keeps its audit log: this much of that disk stays free for it. It is looked at each time after so much.
const (
	reserve   = 512 << 20
	lookAfter = 32 << 20
)

// ErrNoRoom says that the disk is full, or nearly.
var ErrNoRoom = errors.New("there is no room on the host to keep what was sent: make the context or the archive smaller, or tell the host's operator")

// nameless makes a file that has no name, so that nothing is left of it whatever becomes of this process.
func nameless(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, prefix)), nil
	}
	// File systems without such files.
	f, err := os.CreateTemp(dir, prefix+"*")
	if err != nil {
		return nil, fmt.Errorf("keep the context of a build: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return nil, errors.Join(fmt.Errorf("keep the context of a build: %w", err), f.Close())
	}
	return f, nil
}

const prefix = "context-"

// Sweep removes what a process left behind that was ended between making such a file and taking its name away.
func Sweep(dir string) error {
	if dir == "" {
		return nil // others have files there
	}
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("contexts of builds: %w", err)
	}
	var errs []error
	for _, e := range list {
		if strings.HasPrefix(e.Name(), prefix) && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// careful writes while there is room.
type careful struct {
	f    *os.File
	free func(*os.File) (uint64, error)
	next int64 // until it is looked again
}

func (c *careful) Write(p []byte) (int, error) {
	if c.next <= 0 {
		free, err := c.free(c.f)
		if err != nil {
			return 0, err
		}
		if free < reserve+lookAfter {
			return 0, ErrNoRoom
		}
		c.next = lookAfter
	}
	n, err := c.f.Write(p)
	c.next -= int64(n)
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		err = ErrNoRoom
	}
	return n, err
}

// free is what is left of the disk that a file is on, for everybody.
func free(f *os.File) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return 0, fmt.Errorf("room on the disk: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// take copies a context into its file.
func take(f *os.File, r io.Reader, most int64) (int64, error) {
	return io.Copy(&careful{f: f, free: free}, io.LimitReader(r, most+1))
}
