//go:build e2e

package plane

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// faultNode is a machine of the fleet: a host with an engine and an agent.
type faultNode struct {
	name, tenant string
	host         *lab.Host
	engine       *lab.Engine
	dir          string // of the agent: a small disk
	clock        string // the file that sets its clock
	log          string
	bin          string
	id           string

	cmd   *exec.Cmd
	ended chan struct{}
	full  []span // when its disk was full
}

type span struct{ from, to time.Time }

func (w *faultWorld) newNode(h *lab.Host, name, tenant string) *faultNode {
	short, err := os.MkdirTemp("", "bhf")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(short) })
	n := &faultNode{
		name: name, tenant: tenant, host: h, dir: smallDisk(w.t, 64<<20), clock: filepath.Join(short, "clock"), log: filepath.Join(short, "agent.log"), bin: w.bin,
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if n.engine == nil {
			return
		}
		if err := n.engine.Stop(ctx); err != nil {
			w.t.Log(err)
		}
	})
	w.nodes = append(w.nodes, n)
	return n
}

func (n *faultNode) startEngine(ctx context.Context) error {
	var err error
	n.engine, err = lab.StartEngine(ctx, lab.EngineOptions{Kind: lab.Debian, Dir: filepath.Join(filepath.Dir(n.log), "e"), Host: n.host})
	if err != nil {
		return err
	}
	cli, err := n.engine.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	return lab.StartFleet(ctx, cli, n.engine.Socket, "hardened-alone", "sin-privileged", "sin-env-secret")
}

func (w *faultWorld) join(n *faultNode) {
	owner := w.owners[n.tenant]
	var made struct {
		Secret  string
		JoinURL string `json:"join_url"`
	}
	owner.ask(&made, "nodes", "join-token", "--name", n.name)
	token := filepath.Join(filepath.Dir(n.log), "token")
	if err := os.WriteFile(token, []byte(made.Secret), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := n.start("--join", made.JoinURL, "--token-file", token, "--name", n.name, "--server", w.replicas[1].now.Load().URL); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		n.kill()
		if w.t.Failed() {
			b, _ := os.ReadFile(n.log)
			w.t.Logf("the agent of %s said:\n%s", n.name, tail(string(b), 3000))
		}
	})
	w.within("the agent of "+n.name+" has joined and its facts are there", time.Minute, func() error {
		s, err := n.status(w)
		if err != nil {
			return err
		}
		n.id = s.Node
		var list struct {
			Nodes []struct {
				Name     string
				Assessed string
			}
		}
		owner.ask(&list, "nodes", "list")
		for _, x := range list.Nodes {
			if x.Name == n.name && x.Assessed != "" {
				return nil
			}
		}
		return fmt.Errorf("connected: %t, %s", s.Connected, s.Error)
	})
	if w.t.Failed() {
		w.t.FailNow()
	}
}

// start starts the agent.
func (n *faultNode) start(join ...string) error {
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := n.host.Command(context.Background(), n.bin, append([]string{"agent", "--data-dir", n.dir, "--log-level", "info"}, join...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.log), "BULKHEAD_ENGINE_ENDPOINT=unix://" + n.engine.Socket,
		"BULKHEAD_AGENT_SPOOL=16777216", "FAKE_CLOCK=" + n.clock,
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	n.cmd, n.ended = cmd, ended
	return nil
}

// kill ends the agent as a power cut would; false where it had ended by itself.
func (n *faultNode) kill() bool {
	select {
	case <-n.ended:
		return false
	default:
	}
	_ = n.cmd.Process.Kill()
	<-n.ended
	return true
}

func (n *faultNode) signal(s syscall.Signal) error { return n.cmd.Process.Signal(s) }

// status is what the agent says of itself.
func (n *faultNode) status(w *faultWorld) (*model.AgentStatus, error) {
	cmd := exec.CommandContext(w.t.Context(), n.bin, "agent", "status", "--data-dir", n.dir, "-o", "json")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(n.log)}
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("agent status: %w", err)
	}
	var s model.AgentStatus
	return &s, json.Unmarshal(out, &s)
}
