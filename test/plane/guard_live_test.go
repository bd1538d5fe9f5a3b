//go:build e2e

package plane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// guardWorld is a control plane, a node whose agent runs the guard in front of a real engine, and the people of its tenant. alice is the user
// 4711 of the node.
type guardWorld struct {
	t                  *testing.T
	server             *lab.Server
	admin, olga, alice *person
	node               *machine
	dir, socket        string
}

func newGuardWorld(t *testing.T) *guardWorld {
	t.Helper()
	dir, err := os.MkdirTemp("", "bhgl") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // other users pass
		t.Fatal(err)
	}
	w := &guardWorld{t: t, dir: dir, socket: filepath.Join(dir, "run", "docker.sock"), server: serve(t)}
	w.admin = fleetOn(t, w.server)
	w.olga, w.alice = newPerson(t, w.server), newPerson(t, w.server)
	w.olga.enrol(w.admin.invite("olga", "owner"), "olga")
	w.alice.enrol(w.admin.invite("alice", "developer"), "alice")
	engine := w.engine()
	config := filepath.Join(dir, "agent.yaml")
	w.admin.noError(os.WriteFile(config, fmt.Appendf(nil, `guard:
  enabled: true
  engine: %s
  socket: %s
  socket_mode: "0666"
  socket_group: ""
  lock: watch
  limits: {drain: 3s}
  step_up: [VolumeCreate]
  four_eyes: [ContainerExec]
  accounts:
    - {name: alice, tenant: acme, users: ["4711"]}
`, engine.Socket, w.socket), 0o600))
	w.node = newMachine(t, "host1")
	w.node.env = []string{"BULKHEAD_CONFIG=" + config}
	w.admin.join(w.node)
	w.eventually("the guard knows alice", func() error { return w.docker("ps").err })
	return w
}

func (w *guardWorld) engine() *lab.Engine {
	w.t.Helper()
	e, err := lab.StartEngine(w.t.Context(), lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: filepath.Join(w.dir, "e")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
	cli, err := e.Client()
	w.admin.noError(err)
	defer cli.Close()
	_, err = lab.Load(w.t.Context(), cli, lab.Image{Tag: "lab/live:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}})
	w.admin.noError(err)
	return e
}

// did is what a docker command of alice's gave.
type did struct {
	out string
	err error
}

func (w *guardWorld) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), "docker", args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "DOCKER_HOST=unix://" + w.socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	return cmd
}

func (w *guardWorld) docker(args ...string) did {
	out, err := w.command(args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return did{strings.TrimSpace(string(out)), err}
}

// soon is how long what comes by itself may take, such as a change at the control plane until it holds at the guard: hardly any of it, but on
// a busy machine.
const soon = 30 * time.Second

func (w *guardWorld) eventually(what string, is func() error) {
	w.t.Helper()
	began := time.Now()
	w.admin.within(soon, what, is)
	w.t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
}

// no waits until a command is refused with a text.
func (w *guardWorld) no(text string, args ...string) {
	w.t.Helper()
	w.eventually("docker "+strings.Join(args, " ")+" refused", func() error {
		d := w.docker(args...)
		if d.err == nil || !strings.Contains(d.out, text) {
			return fmt.Errorf("it gave %q, %w", d.out, d.err)
		}
		return nil
	})
}

func (w *guardWorld) yes(args ...string) {
	w.t.Helper()
	w.eventually("docker "+strings.Join(args, " ")+" let through", func() error { return w.docker(args...).err })
}

// attached is a container of alice's that gives back what it is told.
type attached struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err bytes.Buffer
}

func (w *guardWorld) attach(name string) *attached {
	w.t.Helper()
	a := &attached{t: w.t, cmd: w.command("run", "-i", "--name", name, "lab/live:1", "cat")}
	a.cmd.Stderr = &a.err
	in, err := a.cmd.StdinPipe()
	w.admin.noError(err)
	out, err := a.cmd.StdoutPipe()
	w.admin.noError(err)
	a.in, a.out = in, bufio.NewReader(out)
	w.admin.noError(a.cmd.Start())
	return a
}

func (a *attached) echo(line string) {
	a.t.Helper()
	fmt.Fprintln(a.in, line)
	if got, err := a.out.ReadString('\n'); err != nil || got != line+"\n" {
		a.t.Fatalf("%q, %v, %s", got, err, &a.err)
	}
}

// ends waits for its end.
func (a *attached) ends(text string) {
	a.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(2 * soon): // after a restart of the control plane a node waits before it asks again
		a.t.Fatal("the session goes on")
	}
	if !strings.Contains(a.err.String(), text) {
		a.t.Errorf("the session ended with %q", a.err.String())
	}
}

// policy publishes the tenant's own policies.
func (w *guardWorld) policy(text string) {
	w.t.Helper()
	dir := filepath.Join(w.olga.home, "draft")
	w.admin.noError(os.MkdirAll(dir, 0o700))
	w.admin.noError(os.WriteFile(filepath.Join(dir, "own.cedar"), []byte(text), 0o600))
	w.olga.must("policy", "apply", dir, "--yes")
}

// recorded waits until the control plane's log has a record of the guard.
func (w *guardWorld) recorded(action, outcome, reason string) {
	w.t.Helper()
	w.admin.within(time.Minute, action+" "+outcome+" at the control plane", func() error {
		var found struct{ Records []record }
		w.admin.ask(&found, "audit", "search", "--filter", fmt.Sprintf("action = %q", action), "--limit", "1000")
		for _, r := range found.Records {
			if r.ActorName == "alice" && r.Outcome == outcome && strings.Contains(r.Reason, reason) {
				return nil
			}
		}
		return fmt.Errorf("there are %+v", found.Records)
	})
}

const noNetworks = `@id("no-networks")
@reason("networks are made by the platform")
forbid (principal, action == Bulkhead::Action::"NetworkCreate", resource);
`

// TestGuardOfTheFleet goes through the life of a guard on a node: accounts, policies, approvals and factors come from the control plane within
// seconds, and records go there; without the control plane it goes on as it was told last.
func TestGuardOfTheFleet(t *testing.T) {
	w := newGuardWorld(t)

	// What she may is what the control plane says of her account.
	w.yes("run", "-d", "--name", "web", "lab/live:1")
	w.no("profile_baseline/privileged", "run", "--rm", "--privileged", "lab/live:1", "id")

	// A policy refuses, and another lets through again.
	w.yes("network", "create", "one")
	w.policy(noNetworks)
	w.no("networks are made by the platform", "network", "create", "two")

	// A second factor, and a second person.
	w.no("second factor", "volume", "create", "data")
	w.alice.must("approve", "--reason", "a volume")
	w.yes("volume", "create", "data")
	id := w.docker("inspect", "--format", "{{.Id}}", "web").out
	w.no("second person", "exec", "web", "id")
	var asked struct{ ID string }
	w.alice.ask(&asked, "access", "request", "ContainerExec", "Container::"+id, "--for", "10m", "--reason", "it hangs")
	w.no("second person", "exec", "web", "id") // asking is not having
	w.olga.must("access", "approve", asked.ID)
	w.yes("exec", "web", "sh", "-c", "echo in")
	w.olga.must("access", "revoke", asked.ID)
	w.no("second person", "exec", "web", "id")

	w.recorded("ContainerCreate", "refused", "")
	w.recorded("NetworkCreate", "refused", "networks are made by the platform")
	w.recorded("ContainerExec", "allowed", "")

	w.upgraded()
	w.away()
	w.disabled()
	w.admin.must("audit", "verify")
}

// upgraded has another process take the node over, while a session goes on.
func (w *guardWorld) upgraded() {
	w.t.Helper()
	s := w.attach("upgraded")
	s.echo("before")
	earlier, ended := w.node.cmd.Process, w.node.ended
	w.node.start("--take-over")
	w.eventually("another agent stands", func() error {
		if strings.Count(w.node.said(), "Its guard is in front of") < 2 {
			return errors.New("it does not say so")
		}
		return nil
	})
	s.echo("after")
	w.yes("ps")
	w.admin.health(30*time.Second, "host1", "up", "")
	select {
	case <-ended:
		w.t.Fatal("the earlier agent did not wait for the session")
	default:
	}
	// The control plane still has the say: what is forbidden ends a session of the earlier agent, which the later one tells.
	w.policy(noNetworks + `@id("no-attach")
@reason("nobody attaches today")
forbid (principal, action == Bulkhead::Action::"ContainerAttach", resource);
`)
	s.ends("nobody attaches today")
	w.policy(noNetworks)
	w.eventually("the earlier agent ended", func() error {
		select {
		case <-ended:
			return nil
		default:
			return fmt.Errorf("process %d runs", earlier.Pid)
		}
	})
	w.yes("run", "-i", "--rm", "lab/live:1", "true")
}

// away stops the control plane: the guard goes on as it was told last, and the node says so.
func (w *guardWorld) away() {
	w.t.Helper()
	dir := w.server.Dir
	var port int
	if _, err := fmt.Sscanf(w.server.URL[strings.LastIndex(w.server.URL, ":"):], ":%d", &port); err != nil {
		w.t.Fatal(err)
	}
	w.admin.noError(w.server.Stop())
	w.yes("run", "--rm", "lab/live:1", "true")
	w.no("networks are made by the platform", "network", "create", "away")
	w.eventually("the agent says that it is alone", func() error {
		out, err := w.node.command(w.t.Context(), "agent", "status").CombinedOutput()
		if !strings.Contains(string(out), "connected    no") {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	s, err := lab.Serve(w.t.Context(), binary(w.t), dir, port, nil)
	w.admin.noError(err)
	*w.server = *s
	w.admin.health(time.Minute, "host1", "up", "")
}

// disabled ends what alice has when her account is disabled.
func (w *guardWorld) disabled() {
	w.t.Helper()
	s := w.attach("disabled")
	s.echo("still here")
	w.admin.must("users", "update", "alice", "--disabled", "--tenant", "acme")
	const why = "is disabled at the control plane"
	s.ends(why)
	w.no(why, "run", "--rm", "lab/live:1", "true")
	w.no(why, "stop", "disabled")
	w.no(why, "ps", "-aq") // and is not shown an empty list
}
