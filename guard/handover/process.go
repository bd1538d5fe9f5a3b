package handover

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// process is another one, held so that no later process of the same number is taken for it.
type process struct {
	pid int
	fd  int // -1 where there is none to hold
}

// processOf holds a process while it is connected; this very one, and one that can't be seen from here, is not held.
func processOf(pid int) *process {
	p := &process{pid: pid, fd: -1}
	if pid <= 0 || pid == os.Getpid() {
		return p
	}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil { // else it has ended, or the kernel can't
		p.fd = fd
	}
	return p
}

func (p *process) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
		p.fd = -1
	}
}

// end waits for its end, and ends it where that takes too long. What it holds, the kernel gives back then.
func (p *process) end(in time.Duration) error {
	if p.fd < 0 || p.ended(in) {
		return nil
	}
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("it (process %d) can't be ended: %w", p.pid, err)
	}
	if !p.ended(in) {
		return fmt.Errorf("it (process %d) does not end", p.pid)
	}
	return fmt.Errorf("it (process %d) was ended, since it did not end by itself within %s", p.pid, in)
}

// ended says whether it ends within a time.
func (p *process) ended(in time.Duration) bool {
	over := time.Now().Add(in)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, int(max(time.Until(over), 0).Milliseconds()))
		switch {
		case n > 0:
			return true
		case err != nil && !errors.Is(err, unix.EINTR) || time.Now().After(over):
			return false
		}
	}
}
