package ground

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Within runs f in the engine's network: sockets that it opens stay there.
func (e *Engine) Within(f func() error) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", e.cmd.Process.Pid))
	if err != nil {
		return fmt.Errorf("network of the throw-away engine: %w", err)
	}
	defer ns.Close()
	return aside(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network of the throw-away engine: %w", err)
		}
		return f()
	})
}

// aside runs f on a thread of its own, which ends with it: what f changes of the thread is nobody else's.
func aside(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread never ends, and others take what it is for what the process is. While it is held here, another one is taken.
			done <- aside(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f() // and it is never unlocked
	}()
	return <-done
}

// loopback brings the engine's own network's loopback up.
func (e *Engine) loopback() error {
	return e.Within(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("loopback: %w", err)
		}
		defer func() { _ = unix.Close(s) }()
		r, err := unix.NewIfreq("lo")
		if err != nil {
			return fmt.Errorf("loopback: %w", err)
		}
		r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, r); err != nil {
			return fmt.Errorf("loopback: %w", err)
		}
		return nil
	})
}

// insiders is the group of those who get to a throw-away engine at all; no machine has it for anything else.
const insiders = 640_000

// User is somebody of the machine.
type User struct{ UID, GID int }

// Dial connects to a Unix socket as a user, who must be permitted to: the other side sees the user's credentials.
func (u User) Dial(ctx context.Context, socket string) (net.Conn, error) {
	var conn net.Conn
	err := aside(func() error {
		// Each holds for this thread alone, unlike Go's own.
		groups := [1]uint32{insiders}
		if _, _, no := syscall.RawSyscall(syscall.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&groups[0])), 0); no != 0 { //nolint:gosec // as the call wants it
			return fmt.Errorf("be another user: groups: %w", no)
		}
		if _, _, no := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID)); no != 0 {
			return fmt.Errorf("be another user: group: %w", no)
		}
		if _, _, no := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID)); no != 0 {
			return fmt.Errorf("be another user: %w", no)
		}
		var err error
		conn, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "unix", socket)
		return err
	})
	return conn, err
}
