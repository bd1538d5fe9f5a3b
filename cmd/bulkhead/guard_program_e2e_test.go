//go:build e2e

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
)

// mostSmall is how large the small program may be: what it needs of memory is pages of its file most of all.
const mostSmall = 35 << 20

// installed is a program as `make build` makes it.
func installed(t *testing.T) *program {
	t.Helper()
	made := os.Getenv("BULKHEAD_BIN")
	if made == "" {
		t.Fatal("no programs to look at: run make build, and set BULKHEAD_BIN to bin/bulkhead")
	}
	if info, err := os.Stat(filepath.Join(filepath.Dir(made), guarded.Small)); err != nil || info.Size() > mostSmall {
		t.Fatalf("the small program, at most %d MiB: %v", mostSmall>>20, err)
	}
	return newProgram(t)
}

// runs is the file of a process's program.
func runs(t *testing.T, pid int) string {
	t.Helper()
	at, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	must(t, err)
	return at
}

// TestGuardBecomesSmall: `bulkhead guard docker` becomes the program beside it in the same process; an upgrade from one program to the other keeps
// what is open, both ways.
func TestGuardBecomesSmall(t *testing.T) {
	p := installed(t)
	small := p.path(guarded.Small)
	cmd := p.start()
	p.answers()
	if pid := p.pid(); pid != cmd.Process.Pid || runs(t, pid) != small {
		t.Fatalf("process %d of %d runs %s: %s", pid, cmd.Process.Pid, runs(t, pid), p.said)
	}
	p.web()
	s := p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	const whole = "the guard runs in the whole program"
	if strings.Contains(p.said.String(), whole) {
		t.Errorf("%s", p.said)
	}
	must(t, os.Remove(small))
	p.upgrade()
	if at := runs(t, p.pid()); at != p.bin || strings.Count(p.said.String(), whole) != 1 {
		t.Errorf("without the small program, %s runs: %s", at, p.said)
	}
	s.echo("at the whole program")
	p.install()
	p.upgrade()
	if at := runs(t, p.pid()); at != small {
		t.Errorf("%s runs: %s", at, p.said)
	}
	s.echo("at the small one again")
	s.end()
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	p.eventually("the log is closed", func() bool { return p.closed() })
	p.verify()
}

// TestGuardInTheWholeProgram: a program that others could have changed is not started, and the guard that runs then ends as it should.
func TestGuardInTheWholeProgram(t *testing.T) {
	p := installed(t)
	must(t, os.Chmod(p.path(guarded.Small), 0o757))
	cmd := p.start()
	p.answers()
	if at := runs(t, p.pid()); at != p.bin {
		t.Errorf("%s runs", at)
	}
	p.says("others than its owner may write to it")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	must(t, cmd.Wait())
	if _, err := os.Lstat(p.path("run/docker.sock")); err == nil {
		t.Error("the socket stays behind")
	}
	p.verify()
}

// TestGuardOfAnotherVersion: an update that is half done does not stop the guard, which runs in the whole program then and says why.
func TestGuardOfAnotherVersion(t *testing.T) {
	p := installed(t)
	p.start()
	p.answers()
	other := p.path("other")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w -X main.version=0.0.1-other", "-o", other, "../bulkhead-guard").CombinedOutput(); err != nil {
		t.Fatalf("build another version: %v %s", err, out)
	}
	must(t, os.Rename(other, p.path(guarded.Small)))
	p.upgrade()
	if at := runs(t, p.pid()); at != p.bin {
		t.Errorf("%s runs: %s", at, p.said)
	}
	p.says("is of another version than")
	p.says("0.0.1-other")
	must(t, os.WriteFile(p.path(guarded.Small), []byte("no program"), 0o755))
	p.upgrade()
	p.says("does not say its version")
	must(t, p.call())
}

// TestGuardOfAPipe: settings that can be read once are not read twice.
func TestGuardOfAPipe(t *testing.T) {
	p := installed(t)
	text, err := os.ReadFile(p.path("guard.yaml"))
	must(t, err)
	pipe := p.path("pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, text, 0o600) }()
	p.start("--config", pipe)
	p.answers()
	must(t, <-wrote)
	if at := runs(t, p.pid()); at != p.bin {
		t.Errorf("%s runs", at)
	}
	p.says("is no regular file")
}

// TestGuardSmallByItself: the small program is started by its own name, too, and says what is wrong as the whole one does.
func TestGuardSmallByItself(t *testing.T) {
	p := installed(t)
	whole := p.bin
	p.bin = p.path(guarded.Small)
	for _, args := range [][]string{{"guard", "docker", "--config", "/nonexistent"}, {"guard", "docker", "--mode", "lenient"}, {"guard", "docker", "--none"}} {
		says := func(bin string) string {
			cmd := exec.CommandContext(t.Context(), bin, args...)
			cmd.Env = []string{"HOME=/nonexistent"}
			out, err := cmd.CombinedOutput()
			if err == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("%s %v: %v", bin, args, err)
			}
			return strings.ReplaceAll(string(out), guarded.Small, guarded.Whole)
		}
		if s, w := says(p.bin), says(whole); s != w {
			t.Errorf("%v: %q, and the whole program %q", args, s, w)
		}
	}
	help, err := exec.CommandContext(t.Context(), p.bin, "docker", "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(help), "bulkhead-guard docker --config") || !strings.Contains(string(help), "--take-over") {
		t.Errorf("%v %s", err, help)
	}
	if out, err := exec.CommandContext(t.Context(), p.bin, "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "bulkhead-guard") {
		t.Errorf("%v %s", err, out)
	}
	must(t, os.Remove(whole)) // it needs nobody
	p.start()
	p.answers()
	p.upgrade()
	if at := runs(t, p.pid()); at != p.bin {
		t.Errorf("%s runs: %s", at, p.said)
	}
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	p.eventually("the log is closed", func() bool { return p.closed() })
}
