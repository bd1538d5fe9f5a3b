package accounts

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// overflowID is what the kernel calls users and groups that have no number in this user namespace: nobody.
const overflowID = 65534

// Peer is the process that connected, as it was then: a process to which the connection is handed later does not count.
type Peer struct {
	PID      int32
	UID, GID uint32
	// Groups are the process's supplementary groups, where the kernel says them.
	Groups []uint32
	// Foreign says that the process is in another process namespace, which is a container most often, or that it could not be found out;
	// Why says which.
	Foreign bool
	Why     string
}

// String is how it stands in records.
func (p *Peer) String() string { return fmt.Sprintf("unix:pid=%d,uid=%d,gid=%d", p.PID, p.UID, p.GID) }

// PeerOf asks the kernel who is at the other end of a Unix connection; nil for others. Wrapped connections give what they wrap by NetConn.
func PeerOf(c net.Conn) (*Peer, error) {
	for {
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, nil //nolint:nilnil // it has no peer
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("ask the kernel who connected: %w", err)
	}
	var p *Peer
	var perr error
	if err := raw.Control(func(fd uintptr) { p, perr = peerOfSocket(int(fd)) }); err != nil {
		return nil, fmt.Errorf("ask the kernel who connected: %w", err)
	}
	return p, perr
}

func peerOfSocket(fd int) (*Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, fmt.Errorf("ask the kernel who connected (SO_PEERCRED): %w", err)
	}
	p := &Peer{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid}
	if p.Groups, err = peerGroups(fd); err != nil {
		return nil, fmt.Errorf("ask the kernel who connected (SO_PEERGROUPS): %w", err)
	}
	p.Foreign, p.Why = foreign(fd, cred.Pid)
	return p, nil
}

// mostGroups is the kernel's own limit (NGROUPS_MAX).
const mostGroups = 65536

// peerGroups are the supplementary groups of the process that connected; none where the kernel (before 4.13) does not say.
func peerGroups(fd int) ([]uint32, error) {
	for n := uint32(64); n <= mostGroups; {
		groups := make([]uint32, n)
		size := n * 4
		// The library has no function for a list of numbers.
		_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // as the call wants it
		switch {
		case e == 0:
			return groups[:size/4], nil
		case e == syscall.ERANGE && size/4 > n:
			n = size / 4
		case e == syscall.ENOPROTOOPT || e == syscall.ENODATA:
			return nil, nil
		default:
			return nil, e
		}
	}
	return nil, errors.New("it has more groups than the kernel allows")
}

// foreign says whether the process that connected is in another process namespace than the guard. Numbers of users mean nothing there: root
// of a container has the number of root. The process is held by a descriptor meanwhile, so that no other one is looked at.
func foreign(fd int, pid int32) (bool, string) {
	if pid <= 0 {
		return true, "it is outside of the guard's own process namespace"
	}
	held := -1
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	switch {
	case err == nil:
		held = n
		defer func() { _ = unix.Close(held) }()
	case !errors.Is(err, unix.ENOPROTOOPT): // a kernel before 6.5 has none; any other says that the process is gone
		return true, "its process has ended: " + err.Error()
	}
	elsewhere, why := otherNamespace(pid, "pid")
	switch {
	case why != "":
		return true, why
	case held >= 0 && !stillIs(held, pid):
		return true, "its process has ended"
	case elsewhere:
		return true, "it is in another process namespace, as a container is"
	}
	// In another user namespace, one user can be many, with numbers that are nobody's.
	if elsewhere, why = otherNamespace(pid, "user"); elsewhere && why == "" {
		why = "it is in another user namespace"
	}
	return elsewhere, why
}

// otherNamespace says whether a process is in another namespace of a kind than the guard. Where that can't be told it is, and why says so.
func otherNamespace(pid int32, kind string) (other bool, why string) {
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(int(pid)) + "/ns/" + kind)
	if err != nil {
		return true, "its process can't be looked at: " + err.Error()
	}
	own, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		return true, "the guard's own process can't be looked at: " + err.Error()
	}
	return own != theirs, ""
}

// stillIs says whether the held process is alive and has the number.
func stillIs(pidfd int, pid int32) bool {
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(strings.Split(string(b), "\n"), func(line string) bool {
		name, value, _ := strings.Cut(line, ":")
		return name == "Pid" && strings.TrimSpace(value) == strconv.Itoa(int(pid))
	})
}
