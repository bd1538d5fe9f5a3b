//go:build e2e

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// change writes the configuration anew with something else in place of a part.
func (p *program) change(old, new string) {
	p.t.Helper()
	text, err := os.ReadFile(p.path("guard.yaml"))
	must(p.t, err)
	if !strings.Contains(string(text), old) {
		p.t.Fatalf("the configuration lacks %q", old)
	}
	must(p.t, os.WriteFile(p.path("guard.yaml"), []byte(strings.Replace(string(text), old, new, 1)), 0o600))
}

func (p *program) says(part string) {
	p.t.Helper()
	p.eventually("a guard says "+part, func() bool { return strings.Contains(p.said.String(), part) })
}

func (p *program) web() {
	p.t.Helper()
	if out, err := p.docker("run", "-d", "--name", "web", "lab/up:1").CombinedOutput(); err != nil {
		p.t.Fatalf("%v %s", err, out)
	}
}

// upgrade has the guard that stands be taken over.
func (p *program) upgrade() {
	p.t.Helper()
	before := p.pid()
	must(p.t, syscall.Kill(before, syscall.SIGUSR2))
	p.eventually("another guard stands", func() bool { now := p.pid(); return now != 0 && now != before })
}

// TestGuardUpgradeThatFails: a later guard that can't stand changes nothing, also when it had everything already.
func TestGuardUpgradeThatFails(t *testing.T) {
	p := newProgram(t)
	p.start()
	p.answers()
	p.web()
	s := p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	calls, pid := p.caller(), p.pid()
	p.change("  limits:", "  tls: {listen: \"127.0.0.1:0\", certificate: /nonexistent.pem, key: /nonexistent.key}\n  limits:")
	must(t, syscall.Kill(pid, syscall.SIGUSR2))
	p.says("does not stand: this one goes on")
	p.says("what was started to take over has ended")
	s.echo("after")
	if out, err := p.docker("volume", "create", "after").CombinedOutput(); err != nil {
		t.Errorf("a change after it: %v %s", err, out)
	}
	if got := p.pid(); got != pid {
		t.Errorf("process %d stands in place of %d", got, pid)
	}
	calls.check(t)
	s.end()
	p.change("  tls: {listen: \"127.0.0.1:0\", certificate: /nonexistent.pem, key: /nonexistent.key}\n", "")
	p.upgrade()
	if err := p.call(); err != nil {
		t.Error(err)
	}
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	p.eventually("the socket is gone", func() bool { _, err := os.Lstat(p.path("run/docker.sock")); return err != nil })
	p.eventually("the log is closed", func() bool { return p.closed() })
	var created bool
	for _, r := range p.verify() {
		created = created || r.Action == "VolumeCreate"
	}
	if !created {
		t.Error("the log lacks what was done after the upgrade that failed")
	}
}

// closed says whether no guard has the log open.
func (p *program) closed() bool {
	f, err := os.OpenFile(p.path("data/audit.lock"), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// TestGuardUpgradeAndRights: what goes on at the earlier guard ends when the right does, which the later one is told of; with the later
// one; and after guard.limits.outlast.
func TestGuardUpgradeAndRights(t *testing.T) {
	p := newProgram(t)
	p.change("drain: 5s", "drain: 1s, outlast: 25s")
	p.start()
	p.answers()
	p.web()
	alice := "    - {name: alice, tenant: system, roles: [administrator], users: [\"4711\"], two_factors: true}\n"

	s := p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	p.upgrade()
	s.echo("after")
	p.change(alice, "")
	must(t, syscall.Kill(p.pid(), syscall.SIGHUP))
	s.cut("nobody that this host knows", "no account has this user")
	p.change("  accounts:\n", "  accounts:\n"+alice)
	must(t, syscall.Kill(p.pid(), syscall.SIGHUP))

	p.eventually("alice is known again", func() bool { return p.docker("ps").Run() == nil })
	s = p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	began := time.Now()
	p.upgrade()
	s.echo("after")
	s.cut()
	if took := time.Since(began); took < 20*time.Second || took > 55*time.Second {
		t.Errorf("it went on for %s, not 25 s", took)
	}

	s = p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	p.upgrade()
	s.echo("after")
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	began = time.Now()
	s.cut()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("with the later guard it ended after %s, not after the drain", took)
	}
	p.eventually("the log is closed", func() bool { return p.closed() })
	p.verify()
}

// cut waits until a session was ended, with one of the texts.
func (s *terminal) cut(texts ...string) {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		s.t.Fatal("the session goes on")
	}
	for _, one := range texts {
		if strings.Contains(s.said.String(), one) {
			return
		}
	}
	if len(texts) > 0 {
		s.t.Errorf("the session ended with %q", s.said.String())
	}
}

// TestGuardKilled: a guard that is killed takes its terminals along, and those of guards that it took over from: nobody has the log any
// more. The next one starts as if nothing had been.
func TestGuardKilled(t *testing.T) {
	p := newProgram(t)
	p.start()
	p.answers()
	p.web()
	earlier := p.terminal("exec", "-i", "web", "cat")
	earlier.echo("before")
	p.upgrade()
	later := p.terminal("exec", "-i", "web", "cat")
	later.echo("after")
	earlier.echo("after")
	must(t, syscall.Kill(p.pid(), syscall.SIGKILL))
	later.cut()
	earlier.cut()
	p.eventually("nobody has the log", func() bool { return p.closed() })
	if c, err := net.Dial("unix", p.path("run/docker.sock")); err == nil {
		c.Close()
		t.Error("calls wait for nobody")
	}
	p.start("--take-over") // with nobody there to take over from
	p.answers()
	if out, err := p.docker("exec", "web", "sh", "-c", "echo again").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "again" {
		t.Errorf("%v %s", err, out)
	}
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	must(t, p.started[len(p.started)-1].Wait())
	p.verify()
}

// TestGuardUpgradeUnderASocketUnit: with a service manager that holds the socket, an upgrade keeps it and names the new main process.
func TestGuardUpgradeUnderASocketUnit(t *testing.T) {
	p := newProgram(t)
	must(t, os.Mkdir(p.path("run"), 0o755))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: p.path("run/docker.sock")})
	must(t, err)
	defer l.Close()
	file, err := l.File()
	must(t, err)
	defer file.Close()
	must(t, os.Chmod(p.path("run/docker.sock"), 0o666))
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: p.path("notify")})
	must(t, err)
	defer told.Close()
	hears := func(want string) {
		t.Helper()
		b := make([]byte, 1<<10)
		must(t, told.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := told.Read(b)
		if got := string(b[:n]); err != nil || got != want {
			t.Fatalf("the service manager heard %q, %v; want %q", got, err, want)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" guard docker --config "$1"`, p.bin, p.path("guard.yaml"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "NOTIFY_SOCKET=" + p.path("notify")}
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{file}, p.said.File, p.said.File
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	hears("READY=1")
	p.answers()
	calls := p.caller()
	p.install()
	p.upgrade()
	hears(fmt.Sprintf("READY=1\nMAINPID=%d", p.pid()))
	must(t, cmd.Wait()) // nothing is open, and the service goes on
	calls.check(t)
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	hears("STOPPING=1")
	p.eventually("the log is closed", func() bool { return p.closed() })
	if _, err := os.Lstat(p.path("run/docker.sock")); err != nil {
		t.Errorf("the service manager's socket was taken away: %v", err)
	}
	p.verify()
	if _, err := os.Lstat(filepath.Join(p.dir, "data", "handover.sock")); err == nil {
		t.Error("the offer stays behind")
	}
}
