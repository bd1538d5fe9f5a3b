package guarded

import (
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// OnUpgrade starts the program that is at this one's path at every SIGUSR2, to take over, until stop.
func OnUpgrade(path string, log *slog.Logger) (stop func()) {
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			log.Warn("this guard can't upgrade itself", "error", err)
			return func() {}
		}
	}
	return onSignal(syscall.SIGUSR2, func() {
		cmd := exec.Command(path, os.Args[1:]...) //nolint:noctx // the very program, which outlives this one
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, takeOverEnv) }), takeOverEnv+"true")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			log.Error("the upgrade can't be started; this guard goes on", "program", path, "error", err)
			return
		}
		log.Info("an upgrade was started", "program", path, "pid", cmd.Process.Pid)
		go func() {
			if err := cmd.Wait(); err != nil {
				log.Error("what was started to take over has ended", "error", err)
			}
		}()
	})
}

// takeOverEnv is guard.take_over in the environment.
const takeOverEnv = "BULKHEAD_GUARD_TAKE_OVER="

// onSignal calls f at every such signal until stop.
func onSignal(s os.Signal, f func()) (stop func()) {
	come, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(come, s)
	go func() {
		for {
			select {
			case <-come:
				f()
			case <-over:
				return
			}
		}
	}()
	return func() {
		signal.Stop(come)
		close(over)
	}
}
