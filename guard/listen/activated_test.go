package listen

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain serves in place of the tests where it is started as a guard that a service manager gave a socket.
func TestMain(m *testing.M) {
	if os.Getenv("BULKHEAD_TEST_ACTIVATED") == "" {
		os.Exit(m.Run())
	}
	given, err := Inherited()
	if err != nil {
		panic(err)
	}
	s, err := Open(Options{Handler: http.HandlerFunc(hello), Limits: limits(), Activated: given})
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := s.Run(ctx); err != nil {
		panic(err)
	}
}

// TestRestartWithASocketOfTheServiceManager has one process after the other take the socket: who comes in between waits, and is not refused.
func TestRestartWithASocketOfTheServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	defer l.Close()
	file, err := l.File()
	must(t, err)
	defer file.Close()
	start := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 BULKHEAD_TEST_ACTIVATED=1 exec "$0"`, os.Args[0])
		cmd.ExtraFiles, cmd.Stderr = []*os.File{file}, t.Output()
		must(t, cmd.Start())
		return cmd
	}
	for range 2 {
		answer := make(chan string, 1)
		go func() { // nobody serves yet
			got, err := get(local(path), "http://x/")
			if err != nil {
				got = err.Error()
			}
			answer <- got
		}()
		cmd := start()
		if got := <-answer; !strings.HasPrefix(got, "200 hello") {
			t.Error(got)
		}
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		must(t, cmd.Wait())
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the socket is not the guard's to remove: %v", err)
		}
	}
}
