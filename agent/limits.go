package agent

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

// Limits are what the agent takes of the machine at most.
type Limits struct {
	Memory int64 // bytes
	CPUs   int
	Nice   int
}

// Best effort, the lowest level of it: ioprio_set(2).
const ioprioLowest = 2<<13 | 7

// Apply holds this process to the limits. What the system does not let it do is an error, and no reason not to work.
func (l Limits) Apply() error {
	debug.SetMemoryLimit(l.Memory)
	runtime.GOMAXPROCS(min(l.CPUs, runtime.NumCPU()))
	// Priorities are those of threads; new threads have that of the one that made them. Twice, for those that came meanwhile.
	return errors.Join(l.threads(), l.threads())
}

func (l Limits) threads() error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("lower the priority: %w", err)
	}
	var all error
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, id, l.Nice); err != nil && !errors.Is(err, unix.ESRCH) {
			all = fmt.Errorf("lower the priority to %d: %w", l.Nice, err)
		}
		if _, _, no := unix.Syscall(unix.SYS_IOPRIO_SET, 1, uintptr(id), ioprioLowest); no != 0 && no != unix.ESRCH {
			all = fmt.Errorf("lower the priority of reading and writing: %w", no)
		}
	}
	return all
}
