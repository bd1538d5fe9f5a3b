//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// program is `bulkhead guard docker` as processes of its own in front of a real engine.
type program struct {
	t       *testing.T
	dir     string
	bin     string
	engine  *lab.Engine
	said    said
	started []*exec.Cmd
}

// said is what processes say. It is a file: a pipe would be that of all that they start, too.
type said struct{ *os.File }

func (s said) String() string {
	text, err := os.ReadFile(s.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *program) path(name string) string { return filepath.Join(p.dir, name) }

// newProgram is a program in front of the oldest engine.
func newProgram(t *testing.T) *program {
	t.Helper()
	return programBefore(t, lab.Debian)
}

// programBefore starts an engine with an image, and writes a configuration in which alice is an administrator and root is, too.
func programBefore(t *testing.T, kind lab.Kind) *program {
	t.Helper()
	dir, err := os.MkdirTemp("", "bh-up-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755)) // other users pass
	p := &program{t: t, dir: dir, bin: filepath.Join(dir, "bulkhead")}
	log, err := os.OpenFile(filepath.Join(dir, "said"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = log.Close() })
	p.said = said{log}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the guards said:\n%s", p.said)
		}
	})
	p.install()
	t.Cleanup(p.endAll)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p.engine, err = lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Private: true, Dir: p.path("e")})
	must(t, err)
	t.Cleanup(func() { must(t, p.engine.Stop(context.Background())) })
	direct, err := p.engine.Client()
	must(t, err)
	defer direct.Close()
	_, err = lab.Load(ctx, direct, lab.Image{Tag: "lab/up:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}})
	must(t, err)
	must(t, os.WriteFile(p.path("guard.yaml"), fmt.Appendf(nil, `guard:
  engine: %s
  socket: %s
  socket_mode: "0666"
  socket_group: ""
  data_dir: %s
  host: h1
  lock: watch
  limits: {drain: 5s}
  accounts:
    - {name: alice, tenant: system, roles: [administrator], users: ["4711"], two_factors: true}
    - {name: root, tenant: system, roles: [administrator], users: [root], two_factors: true}
`, p.engine.Socket, p.path("run/docker.sock"), p.path("data")), 0o600))
	must(t, os.Mkdir(p.path("data"), 0o700))
	return p
}

// endAll ends what runs from the test's own directory: guards that guards started are nobody's children.
func (p *program) endAll() {
	for range 10 {
		all, err := filepath.Glob("/proc/[0-9]*/exe")
		must(p.t, err)
		left := 0
		for _, exe := range all {
			at, err := os.Readlink(exe)
			if err != nil || !strings.HasPrefix(at, p.dir+"/") {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(exe)))
			must(p.t, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			left++
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// install puts the product to its place, as a package does: other files of the same names. It is what `make build` made, or this program alone.
func (p *program) install() {
	p.t.Helper()
	if made := os.Getenv("BULKHEAD_BIN"); made != "" {
		p.put(made, p.bin)
		p.put(filepath.Join(filepath.Dir(made), guarded.Small), p.path(guarded.Small))
		return
	}
	self, err := os.Executable()
	must(p.t, err)
	p.put(self, p.bin)
}

func (p *program) put(from, to string) {
	p.t.Helper()
	in, err := os.Open(from)
	must(p.t, err)
	defer in.Close()
	out, err := os.OpenFile(to+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	must(p.t, err)
	_, err = io.Copy(out, in)
	must(p.t, errors.Join(err, out.Close()))
	must(p.t, os.Rename(to+".new", to))
}

// start runs the guard and waits until it answers.
func (p *program) start(args ...string) *exec.Cmd {
	p.t.Helper()
	cmd := exec.Command(p.bin, append([]string{"guard", "docker", "--config", p.path("guard.yaml")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	cmd.Stdout, cmd.Stderr = p.said.File, p.said.File
	must(p.t, cmd.Start())
	p.started = append(p.started, cmd)
	p.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func (p *program) answers() {
	p.t.Helper()
	p.eventually("the guard answers", func() bool { return p.call() == nil })
}

func (p *program) eventually(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("not within a minute: %s", what)
		}
	}
}

// call asks for the list of containers on a connection of its own.
func (p *program) call() error {
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", p.path("run/docker.sock"))
		},
	}}
	return good(c.Get("http://engine/v1.41/containers/json"))
}

func good(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return err
}

// pid is that of the guard which offers itself to a later one now.
func (p *program) pid() int {
	before, err := handover.Reach(p.path("data/handover.sock"))
	if err != nil {
		return 0
	}
	defer before.Close()
	return before.PID
}

func (p *program) docker(args ...string) *exec.Cmd {
	alice, _, _ := users()
	cmd := exec.CommandContext(p.t.Context(), "docker", args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "DOCKER_HOST=unix://" + p.path("run/docker.sock")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: alice.uid, Gid: alice.gid}}
	return cmd
}

// terminal is a session in which what is typed comes back.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said bytes.Buffer
}

func (p *program) terminal(args ...string) *terminal {
	p.t.Helper()
	s := &terminal{t: p.t, cmd: p.docker(args...)}
	s.cmd.Stderr = &s.said
	var err error
	s.in, err = s.cmd.StdinPipe()
	must(p.t, err)
	out, err := s.cmd.StdoutPipe()
	must(p.t, err)
	s.out = bufio.NewReader(out)
	must(p.t, s.cmd.Start())
	return s
}

func (s *terminal) echo(line string) {
	s.t.Helper()
	fmt.Fprintln(s.in, line)
	if got, err := s.out.ReadString('\n'); err != nil || got != line+"\n" {
		s.t.Fatalf("%v: %q, %v, %s", s.cmd.Args, got, err, &s.said)
	}
}

func (s *terminal) end() {
	s.t.Helper()
	must(s.t, s.in.Close())
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("%v: %v %s", s.cmd.Args, err, &s.said)
	}
}

// caller calls 20 times a second, half on connections of their own and half on one that is kept.
type caller struct {
	calls, kept atomic.Int64
	failed      chan error
	stop        func()
}

func (p *program) caller() *caller {
	c := &caller{failed: make(chan error, 100)}
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	c.stop = func() { cancel(); <-done }
	kept, err := client.New(client.WithHost("unix://" + p.path("run/docker.sock")))
	must(p.t, err)
	go func() {
		defer close(done)
		defer kept.Close()
		for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			err := p.call()
			if c.calls.Add(1)%2 == 0 {
				_, kerr := kept.ContainerList(context.WithoutCancel(ctx), client.ContainerListOptions{})
				c.kept.Add(1)
				err = errors.Join(err, kerr)
			}
			if err != nil {
				select {
				case c.failed <- err:
				default:
				}
			}
		}
	}()
	return c
}

func (c *caller) check(t *testing.T) {
	t.Helper()
	c.stop()
	close(c.failed)
	for err := range c.failed {
		t.Error("a call failed: ", err)
	}
	t.Logf("%d calls on connections of their own, %d on one that is kept", c.calls.Load(), c.kept.Load())
}

// verify has the audit log verified, and gives its records.
func (p *program) verify() []model.Record {
	p.t.Helper()
	dir := p.path("data/audit")
	cmd := exec.CommandContext(p.t.Context(), p.bin, "audit", "verify", "--dir", dir, "--key", dir+".pub")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Errorf("audit verify: %v %s", err, out)
	}
	public, err := os.ReadFile(dir + ".pub")
	must(p.t, err)
	checkpoint, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(p.t, err)
	c, err := audit.ParseCheckpoint(checkpoint, strings.TrimSpace(string(public)))
	must(p.t, err)
	var list []model.Record
	must(p.t, audit.Scan(p.t.Context(), dir, c.Size, func(r model.LogRecord) error {
		list = append(list, r.Record)
		return nil
	}))
	return list
}

// TestGuardUpgrade: terminals and streams go on over two upgrades, and no call is refused meanwhile, before the oldest engine and the newest.
func TestGuardUpgrade(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) { upgrades(t, programBefore(t, kind)) })
	}
}

func upgrades(t *testing.T, p *program) {
	first := p.start()
	p.answers()
	run := func(args ...string) string {
		t.Helper()
		out, err := p.docker(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("run", "-d", "--name", "web", "lab/up:1", "sh", "-c", "while :; do echo tick; sleep 0.2; done")
	exe, attached := p.terminal("exec", "-i", "web", "cat"), p.terminal("run", "-i", "--rm", "--name", "mine", "lab/up:1", "cat")
	logs, events := p.terminal("logs", "-f", "--tail", "0", "web"), p.terminal("events", "--filter", "type=volume", "--format", "{{.Action}} {{.Actor.ID}}")
	exe.echo("before")
	attached.echo("before")
	ticks := func(n int) {
		t.Helper()
		for range n {
			if got, err := logs.out.ReadString('\n'); err != nil || got != "tick\n" {
				t.Fatalf("logs: %q %v %s", got, err, &logs.said)
			}
		}
	}
	ticks(2)
	calls := p.caller()
	oldest := p.pid()
	if oldest != first.Process.Pid {
		t.Fatalf("process %d offers itself, not %d", oldest, first.Process.Pid)
	}
	for _, how := range []string{"signal", "again"} {
		time.Sleep(time.Second) // for calls before, between and after
		before := p.pid()
		p.install()
		if how == "signal" {
			must(t, syscall.Kill(before, syscall.SIGUSR2))
		} else {
			p.start("--take-over")
		}
		p.eventually("another guard stands", func() bool { now := p.pid(); return now != 0 && now != before })
		exe.echo("after the upgrade by " + how)
		attached.echo("after the upgrade by " + how)
		ticks(2)
		run("volume", "create", "by-"+how)
		if got, err := events.out.ReadString('\n'); err != nil || got != "create by-"+how+"\n" {
			t.Fatalf("events: %q %v %s", got, err, &events.said)
		}
		if out := run("exec", "web", "sh", "-c", "echo new"); out != "new" {
			t.Errorf("a new session after %s: %s", how, out)
		}
	}
	calls.check(t)
	exe.end()
	attached.end()
	must(t, logs.cmd.Process.Kill())
	must(t, events.cmd.Process.Kill())
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error("the first guard: ", err)
		}
	case <-time.After(time.Minute):
		t.Error("the first guard goes on with nothing")
	}
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	must(t, p.started[len(p.started)-1].Wait())
	if _, err := os.Lstat(p.path("run/docker.sock")); err == nil {
		t.Error("the socket stays behind")
	}
	by := map[string]int{}
	for _, r := range p.verify() {
		by[r.Action]++
	}
	if by["ContainerExec"] < 3 || by["VolumeCreate"] != 2 {
		t.Errorf("records: %v", by)
	}
}
