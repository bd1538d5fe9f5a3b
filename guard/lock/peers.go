package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// peer is whoever was at the other end when a connection was made.
type peer struct {
	pid, uid int
}

// direct are connections to the sockets that are not the guard's. known are those that were judged before, by inode, and is brought up to
// date; nil judges all.
func (l *Lock) direct(engines map[string]string, t *table, known map[uint64]*Problem) (found []Problem, blind []string) {
	own := l.own()
	now := map[uint64]bool{}
	for path, servers := range t.servers {
		for _, server := range servers {
			held, err := inodes(server.pid)
			if err != nil {
				continue
			}
			for inode, fd := range held {
				if t.accepted[inode] != path || now[inode] {
					continue
				}
				now[inode] = true
				if p, ok := known[inode]; ok {
					if p != nil {
						found = append(found, *p)
					}
					continue
				}
				who, err := peerOf(server.pid, fd)
				if err != nil {
					blind = append(blind, fmt.Sprintf("who is connected to %s: %v", path, err))
					continue
				}
				p := l.judge(engines[path], path, who, t, own)
				if p != nil {
					found = append(found, *p)
				}
				if known != nil {
					known[inode] = p
				}
			}
		}
	}
	for inode := range known {
		if !now[inode] {
			delete(known, inode)
		}
	}
	slices.Sort(blind)
	return found, slices.Compact(blind)
}

// peerOf asks the kernel who connected, by a copy of the engine's end of the connection that is closed at once. Nothing is read from it.
func peerOf(pid, fd int) (peer, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return peer{}, fmt.Errorf("process %d: %w", pid, err)
	}
	defer unix.Close(pidfd) //nolint:errcheck // nothing was written
	got, err := unix.PidfdGetfd(pidfd, fd, 0)
	if err != nil {
		return peer{}, fmt.Errorf("connections of the process %d: %w", pid, err)
	}
	defer unix.Close(got) //nolint:errcheck // nothing was written
	cred, err := unix.GetsockoptUcred(got, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, fmt.Errorf("connections of the process %d: %w", pid, err)
	}
	return peer{pid: int(cred.Pid), uid: int(cred.Uid)}, nil
}

// own are the processes of the product.
func (l *Lock) own() []int {
	list := append([]int{os.Getpid()}, l.o.Own...)
	if g, err := ReadStatus(l.o.GuardFile); err == nil {
		list = append(append(list, g.PID), g.Before...)
	}
	return list
}

// judge says what is wrong with a connection; nil for nothing.
func (l *Lock) judge(engine, path string, who peer, t *table, own []int) *Problem {
	p := readProcess(who.pid)
	if slices.Contains(own, who.pid) || slices.Contains(l.o.Direct, p.exe) || who.uid == 0 && l.ours(p, own) || isFamily(engine, path, who, p, t) {
		return nil
	}
	return &Problem{
		Kind: model.FindingDirectUse, Severity: model.High, Subject: fmt.Sprintf("%s: %s (uid %d)", path, program(p), who.uid),
		Text: say("%s (pid %d, uid %d) uses %s past the guard: what it does is neither decided nor recorded",
			"%s（pid %d，uid %d）绕过守护进程防护使用 %s：其操作既未经判定，也未被记录", program(p), who.pid, who.uid, path),
		Remedy: "have it use the guard's socket (DOCKER_HOST), or name the program in guard.direct",
	}
}

// ours says whether root runs this very program, or another of the product's, e.g. `bulkhead assess`.
func (l *Lock) ours(p process, own []int) bool {
	for _, pid := range own {
		if p.exe != "" && (sameProgram(p.pid, pid) || l.besideProgram(p.pid, pid)) {
			return true
		}
	}
	return false
}

func sameProgram(a, b int) bool {
	x, err1 := os.Stat(procPath(a, "exe"))
	y, err2 := os.Stat(procPath(b, "exe"))
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// besideProgram says whether one process runs a program of the product that is in the directory of another's. The file counts, and not what it
// is called where the process is; and nobody but root, or whoever owns the other's own file, may have put it there.
func (l *Lock) besideProgram(a, own int) bool {
	runs, err := os.Stat(procPath(a, "exe"))
	if err != nil {
		return false
	}
	at, err := os.Readlink(procPath(own, "exe"))
	if err != nil {
		return false
	}
	owns, err := os.Stat(procPath(own, "exe"))
	if err != nil {
		return false
	}
	dir := filepath.Join(procPath(own, "root"), filepath.Dir(at)) // it may see other files than this process
	return slices.ContainsFunc(l.o.Programs, func(name string) bool {
		is, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || !os.SameFile(runs, is) {
			return false
		}
		sys, ok1 := is.Sys().(*syscall.Stat_t)
		its, ok2 := owns.Sys().(*syscall.Stat_t)
		return ok1 && ok2 && (sys.Uid == 0 || sys.Uid == its.Uid) && is.Mode().Perm()&0o022 == 0
	})
}

// isFamily says whether root's engines talk to each other: dockerd to its containerd, containerd's own helpers to it.
func isFamily(engine, path string, who peer, p process, t *table) bool {
	if who.uid != 0 {
		return false
	}
	for at, servers := range t.servers {
		for _, s := range servers {
			switch {
			case s.pid == 1 || !isEngine(s):
			case s.pid == who.pid && (at == path || engine == engineContainerd):
				return true
			case at == path && p.exe != "" && p.exe == s.exe:
				return true
			case at == path && engine == engineContainerd && filepath.Dir(p.exe) == filepath.Dir(s.exe) && strings.HasPrefix(filepath.Base(p.exe), "containerd-shim"):
				return true
			}
		}
	}
	return false
}
