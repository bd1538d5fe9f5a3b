//go:build e2e

package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// fleetOf starts a server with the tenant acme and gives its administrator.
func fleetOf(t *testing.T, args ...string) *person {
	t.Helper()
	return fleetOn(t, serve(t, args...))
}

func fleetOn(t *testing.T, s *lab.Server) *person {
	t.Helper()
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	admin.env = append(admin.env, "BULKHEAD_CLIENT_TIMEOUT=60s")
	return admin
}

// nodeSeen is what the API says of a node, as far as it is looked at.
type nodeSeen struct {
	ID, Name, Tenant, Pool, Health, Sensitivity string
	HealthReason                                string            `json:"health_reason"`
	Serial                                      string            `json:"certificate_serial"`
	SPIFFE                                      string            `json:"spiffe_id"`
	FactsReceived                               time.Time         `json:"facts_received"`
	Statuses                                    map[string]string `json:"statuses"`
	Labels                                      map[string]string `json:"labels"`
	Cordoned, Drained                           bool
	Revoked                                     time.Time
	Losses                                      []struct{ Requirement, Status, Text string }
}

type fleetEvent struct {
	ID, Node, Kind, Severity, Before, After, Text string
	Time                                          time.Time
}

type fleetFinding struct {
	ID, Node, Kind, Requirement, Severity, Subject, Text, Source, Exception string
	Over                                                                    time.Time
	Count                                                                   string
}

func (p *person) node(name string) nodeSeen {
	p.t.Helper()
	var n nodeSeen
	p.ask(&n, "nodes", "get", name, "--tenant", "acme")
	return n
}

func (p *person) events(node, kind string) []fleetEvent {
	p.t.Helper()
	var list struct{ Events []fleetEvent }
	p.ask(&list, "nodes", "events", "--tenant", "acme", "--node", node, "--limit", "1000", "--filter", fmt.Sprintf("kind = %q", kind))
	return list.Events
}

func (p *person) findings(node, kind string) []fleetFinding {
	p.t.Helper()
	var list struct{ Findings []fleetFinding }
	args := []string{"findings", "list", "--tenant", "acme", "--node", node, "--limit", "1000"}
	if kind != "" {
		args = append(args, "--filter", fmt.Sprintf("kind = %q", kind))
	}
	p.ask(&list, args...)
	return list.Findings
}

// within waits until is says nothing more against it.
func (p *person) within(d time.Duration, what string, is func() error) {
	p.t.Helper()
	begin := time.Now()
	for {
		err := is()
		if err == nil {
			return
		}
		if time.Since(begin) > d {
			p.t.Fatalf("%s later, still not %s: %v", d, what, err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// health waits until a node is so.
func (p *person) health(d time.Duration, name, health, reason string) nodeSeen {
	p.t.Helper()
	var n nodeSeen
	p.within(d, name+" "+health, func() error {
		if n = p.node(name); n.Health != health || reason != "" && n.HealthReason != reason {
			return fmt.Errorf("it is %s (%s)", n.Health, n.HealthReason)
		}
		return nil
	})
	return n
}

// told waits until there is an event of a node whose text has a part.
func (p *person) told(d time.Duration, name, kind, part string) fleetEvent {
	p.t.Helper()
	var found fleetEvent
	p.within(d, "told of "+name+": "+kind+" "+part, func() error {
		all := p.events(name, kind)
		for _, e := range all {
			if strings.Contains(e.Text, part) || e.Before == part {
				found = e
				return nil
			}
		}
		return fmt.Errorf("told: %+v", all)
	})
	return found
}

// recorded looks for a record whose reason has all parts.
func (p *person) recorded(action, outcome string, parts ...string) {
	p.t.Helper()
	all := p.records(action)
	for _, r := range all {
		has := r.Outcome == outcome
		for _, part := range parts {
			has = has && strings.Contains(r.Reason, part)
		}
		if has {
			return
		}
	}
	p.t.Errorf("no record says %s, %s, %q; there are %+v", action, outcome, parts, all)
}

// machine has an agent.
type machine struct {
	t    *testing.T
	name string
	bin  string
	dir  string
	env  []string
	host *lab.Host // nil for the one that the test runs on

	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	out   bytes.Buffer
}

// newMachine makes one that has not joined. Its agent is killed at the end of the test.
func newMachine(t *testing.T, name string) *machine {
	t.Helper()
	m := &machine{t: t, name: name, bin: binary(t), dir: filepath.Join(t.TempDir(), "agent")}
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("the agent of %s said:\n%s", name, tail(m.said(), 4000))
		}
	})
	return m
}

// Write implements io.Writer.
func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(b)
}

func (m *machine) said() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.String()
}

func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--data-dir", m.dir)
	cmd := exec.CommandContext(ctx, m.bin, args...)
	if m.host != nil {
		cmd = m.host.Command(ctx, m.bin, args...)
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(m.dir)}, m.env...)
	return cmd
}

// start runs the agent, for as long as it is not stopped.
func (m *machine) start(args ...string) {
	m.t.Helper()
	cmd := m.command(context.WithoutCancel(m.t.Context()), append([]string{"agent"}, args...)...)
	cmd.Stdout, cmd.Stderr = m, m
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan struct{})
	m.cmd, m.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
}

// joinArgs are a token and how to join with it, as `nodes join-token` prints it.
func (p *person) joinArgs(name string, more ...string) []string {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "join.token")
	out := p.must(append([]string{"nodes", "join-token", "--tenant", "acme", "--name", name, "--out", file}, more...)...)
	_, line, ok := strings.Cut(out, "sudo bulkhead agent ")
	line, _, _ = strings.Cut(line, "\n")
	if !ok || strings.Contains(out, "bhj_") {
		p.t.Fatalf("join-token printed %s", out)
	}
	var args []string
	for _, word := range strings.Fields(line) {
		if word = strings.Trim(word, "'"); word == "/root/join.token" {
			word = file
		}
		args = append(args, word)
	}
	return append(args, "--name", name)
}

// join makes a machine a node and waits until it is up and assessed.
func (p *person) join(m *machine) nodeSeen {
	p.t.Helper()
	m.start(p.joinArgs(m.name)...)
	return p.assessed(m)
}

func (p *person) assessed(m *machine) nodeSeen {
	p.t.Helper()
	var n nodeSeen
	p.within(90*time.Second, m.name+" assessed", func() error {
		if m.over() {
			return fmt.Errorf("its agent ended: %s", tail(m.said(), 1000))
		}
		r := p.run("nodes", "get", m.name, "--tenant", "acme", "-o", "json")
		if r.code != 0 {
			return errors.New(r.stderr)
		}
		n = nodeSeen{}
		if err := json.Unmarshal([]byte(r.stdout), &n); err != nil {
			return err
		}
		if n.Health != "up" || len(n.Statuses) == 0 {
			return fmt.Errorf("it is %s with %d statuses", n.Health, len(n.Statuses))
		}
		return nil
	})
	return n
}

func (m *machine) over() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

func (m *machine) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
}

// kill ends the agent as a power cut would.
func (m *machine) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
}

// stop ends the agent as its administrator would.
func (m *machine) stop() {
	m.t.Helper()
	m.signal(syscall.SIGTERM)
	select {
	case <-m.ended:
	case <-time.After(30 * time.Second):
		m.t.Fatalf("the agent of %s does not stop", m.name)
	}
	if code := m.cmd.ProcessState.ExitCode(); code != 0 {
		m.t.Errorf("the agent of %s ended with %d", m.name, code)
	}
}

// run runs a command about the agent to its end.
func (m *machine) run(args ...string) result {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 60*time.Second)
	defer cancel()
	cmd := m.command(ctx, append([]string{"agent"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		m.t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// status is what the agent says of itself; nothing while it has said nothing.
func (m *machine) status() model.AgentStatus {
	m.t.Helper()
	r := m.run("status", "-o", "json")
	var s model.AgentStatus
	if r.stdout == "" {
		return s
	}
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		m.t.Fatalf("agent status: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if want := map[bool]int{true: 0, false: 2}[s.Running]; want != r.code {
		m.t.Errorf("agent status ended with %d, running %t", r.code, s.Running)
	}
	return s
}

// copied is another machine with all that this one has on its disk.
func (m *machine) copied(name string) *machine {
	m.t.Helper()
	other := newMachine(m.t, name)
	other.bin, other.env = m.bin, m.env
	if err := os.CopyFS(other.dir, os.DirFS(m.dir)); err != nil {
		m.t.Fatal(err)
	}
	err := filepath.WalkDir(other.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return other
}
