package agent_test

import (
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/agent"
)

// limited is the process that has limits: they can't be taken back.
const limited = "BULKHEAD_TEST_LIMITED"

func TestLimits(t *testing.T) {
	if os.Getenv(limited) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLimits$", "-test.v")
		cmd.Env = append(os.Environ(), limited+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	check(t, agent.Limits{Memory: 100 << 20, CPUs: 1, Nice: 15}.Apply())
	if n := debug.SetMemoryLimit(-1); n != 100<<20 || n == math.MaxInt64 {
		t.Errorf("memory %d", n)
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("%d processors", n)
	}
	for range 3 { // on whichever thread
		done := make(chan int)
		go func() {
			runtime.LockOSThread()
			n, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
			if err != nil {
				n = -1
			}
			done <- 20 - n // as the system call gives it
		}()
		if n := <-done; n != 15 {
			t.Errorf("nice %d", n)
		}
	}
}
