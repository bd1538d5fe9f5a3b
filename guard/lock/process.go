package lock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is one as /proc shows it.
type process struct {
	pid, parent, uid int
	comm, exe        string
	args             []string
}

const (
	mostProcesses = 100_000
	mostProcFile  = 2 << 20
)

func procPath(pid int, parts ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, parts...)...)
}

// pids are all processes that there are.
func pids() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var list []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 0 && len(list) < mostProcesses {
			list = append(list, pid)
		}
	}
	return list, nil
}

// readProcess says what is known of a process; what is not is empty.
func readProcess(pid int) process {
	p := process{pid: pid, uid: -1}
	if st, err := os.Stat(procPath(pid)); err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			p.uid = int(sys.Uid)
		}
	}
	if b, err := readFile(procPath(pid, "stat"), mostProcFile); err == nil {
		p.comm, p.parent = parseStat(b)
	}
	p.exe, _ = os.Readlink(procPath(pid, "exe"))
	p.exe = strings.TrimSuffix(p.exe, " (deleted)") // a package was upgraded meanwhile
	if b, err := readFile(procPath(pid, "cmdline"), mostProcFile); err == nil && len(b) > 0 {
		p.args = strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	}
	return p
}

// parseStat reads name and parent of /proc/PID/stat. The name is in parentheses and may hold anything.
func parseStat(b []byte) (comm string, parent int) {
	i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if i < 0 || j < i {
		return "", 0
	}
	if f := bytes.Fields(b[j+1:]); len(f) > 1 {
		parent, _ = strconv.Atoi(string(f[1]))
	}
	return string(b[i+1 : j]), parent
}

// inodes are the sockets that a process holds, with a descriptor for each.
func inodes(pid int) (map[uint64]int, error) {
	dir := procPath(pid, "fd")
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	list := map[uint64]int{}
	for _, n := range names {
		to, err := os.Readlink(filepath.Join(dir, n))
		if err != nil {
			continue
		}
		digits, ok := strings.CutPrefix(to, "socket:[")
		inode, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 64)
		fd, err2 := strconv.Atoi(n)
		if ok && err == nil && err2 == nil {
			list[inode] = fd
		}
	}
	return list, nil
}

// readFile reads what is not larger than so much.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, fmt.Errorf("%s: %w", path, errLarge)
	}
	return b, err
}

// readOwn reads a file of the lock's own; nil where there is none. Only root's word counts.
func readOwn(path string, most int64) ([]byte, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.Mode().IsRegular() || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s must be a file that is root's alone (0600): what it says can't be trusted, and is not acted on", path)
	}
	return readFile(path, most)
}

var errLarge = errors.New("it is larger than what is read")
