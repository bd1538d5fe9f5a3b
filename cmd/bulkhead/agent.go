package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/machine"
	"github.com/bulkhead-security/bulkhead/agent/spool"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/host"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/orchestrator/docker"
)

// member is this machine as a node of a fleet.
type member struct {
	version string
}

// membership says as what a machine is a node.
type membership struct {
	dir  string
	join *cli.AgentJoin // nil where it has joined
	// beside is the server of this process; nil for one over the network.
	beside *uplink.Beside
	// known is called when it is known who the node is, before its agent works.
	known func(*state.Dir, *state.Node) error
	// again reads the configuration again, for the guard; nil where it can't be.
	again func() (config.Config, error)
}

// Run implements cli.Agent.
func (m *member) Run(
	ctx context.Context, c config.Config, again func() (config.Config, error), dir string, join *cli.AgentJoin, log *slog.Logger, out io.Writer,
) error {
	klog.SetSlogLogger(log) // tessera's
	limits := func(*state.Dir, *state.Node) error {
		if err := (agent.Limits{Memory: c.Agent.Memory, CPUs: c.Agent.CPUs, Nice: c.Agent.Nice}).Apply(); err != nil {
			log.Warn("the agent runs with more than it should", "error", err)
		}
		return nil
	}
	return m.run(ctx, c, membership{dir: dir, join: join, known: limits, again: again}, log, out)
}

// run joins where the machine has not, and works until ctx ends.
func (m *member) run(ctx context.Context, c config.Config, as membership, log *slog.Logger, out io.Writer) (err error) {
	var before *handover.Predecessor
	if as.again != nil {
		if before, err = takeOverAgent(ctx, c, as.dir, log); err != nil {
			return err
		}
	}
	if before != nil {
		defer before.Close() //nolint:errcheck // it has ended, or ends
	}
	d, err := state.Open(as.dir)
	if err != nil {
		return err
	}
	own := closing{func(context.Context) error { return d.Close() }}
	defer func() { err = errors.Join(err, own.close()) }()
	n, err := d.Node()
	fresh := errors.Is(err, state.ErrNotJoined)
	if fresh {
		n, err = m.join(ctx, d, as)
	}
	if err != nil {
		return err
	}
	if err := as.known(d, n); err != nil {
		return err
	}
	parts, closers, err := m.parts(ctx, c, d, n, as.beside, log)
	if err != nil {
		return errors.Join(err, closers.close())
	}
	own = append(own, closers...)
	g := m.guardOf(c, d, n, &parts, before, log, out)
	a, err := agent.New(parts)
	if err != nil {
		return err
	}
	if fresh {
		a.Joined(ctx)
	}
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	defer g.begin(ctx, stopWork, as.again)()
	fmt.Fprintf(out, "Bulkhead's agent runs: node %s (%s) of the tenant %s, data in %s\n", n.Name, n.ID, n.Tenant, as.dir)
	publishing, stop := context.WithCancel(ctx)
	var published sync.WaitGroup
	published.Go(func() {
		err := agent.Contain("publishing the status", func() error { publishAgent(publishing, statusDir, a.Status, log); return nil })
		if err != nil {
			log.Error("the agent's status is not published any more", "error", err)
		}
	})
	published.Go(func() {
		err := agent.Contain("the watch over the engine's sockets", func() error {
			return guarded.WatchLock(publishing, c, a.Found, recordOf(parts.Log, n), log)
		})
		if err != nil {
			log.Error("the engine's sockets are not watched", "error", err)
		}
	})
	err = a.Run(work)
	stop()
	published.Wait()
	if g != nil && work.Err() != nil && ctx.Err() == nil { // another process takes over
		err = errors.Join(err, own.close())
		own = nil
		err = errors.Join(err, g.leave(ctx))
	}
	return err
}

func (m *member) join(ctx context.Context, d *state.Dir, as membership) (*state.Node, error) {
	join := as.join
	if join == nil {
		return nil, &model.Error{
			Code: model.CodeNotFound, Message: "this machine has not joined a fleet", Remedy: "bulkhead agent --join URL --token-file FILE; `bulkhead nodes join-token` on the control plane makes a token",
		}
	}
	token, err := join.Token()
	if err != nil {
		return nil, err
	}
	n, err := agent.Join(ctx, agent.JoinOptions{
		Dir: d, Link: join.Link, Servers: join.Servers, CA: join.CA, Beside: as.beside, Token: token, Name: join.Name, Machine: guarded.NodeID(),
		Version: m.version, Now: clock.Now,
	})
	if err != nil {
		return nil, err
	}
	if err := join.Joined(); err != nil {
		return nil, fmt.Errorf("the machine has joined; remove the token file: %w", err)
	}
	return n, nil
}

// closing ends parts, the last first.
type closing []func(context.Context) error

func (c closing) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var err error
	for i := len(c) - 1; i >= 0; i-- {
		err = errors.Join(err, c[i](ctx))
	}
	return err
}

// parts opens what the agent is made of.
func (m *member) parts(
	ctx context.Context, c config.Config, d *state.Dir, n *state.Node, beside *uplink.Beside, log *slog.Logger,
) (p agent.Parts, ends closing, err error) {
	s, lost, err := spool.Open(spool.Options{Path: d.Path(state.SpoolFile), Bytes: c.Agent.Spool, Log: log, Now: clock.Now})
	if err != nil {
		return p, ends, err
	}
	ends = append(ends, func(context.Context) error { return s.Close() })
	roots, err := n.Roots()
	if err != nil {
		return p, ends, err
	}
	up, err := uplink.New(uplink.Options{
		Servers: n.Servers, Roots: roots, Certificate: d.Certificate, Beside: beside, Version: m.version, Log: log, Now: clock.Now,
	})
	if err != nil {
		return p, ends, err
	}
	ends = append(ends, func(context.Context) error { up.Close(); return nil })
	engine, err := authz.New(authz.Options{})
	if err != nil {
		return p, ends, fmt.Errorf("policies: %w", err)
	}
	settings := &nodeSettings{base: c}
	here := &node{version: m.version, rpm: host.NewRPMMemory()}
	p = agent.Parts{
		Dir: d, Spool: s, Lost: lost, Server: up, Version: m.version, Every: c.Agent.Every, Slog: log, Now: clock.Now,
		Collect: func(ctx context.Context) (*model.Snapshot, error) {
			return here.Snapshot(ctx, settings.now(), log, nil)
		},
		Appliers: map[model.BundleKind][]agent.Applier{
			model.BundlePolicies: {&agent.Policies{Engine: engine}},
			model.BundleSettings: {agent.SettingsFunc(settings.set)},
		},
	}
	if c.Agent.Maintenance {
		if p.Maintainer, err = maintainerOf(c, d); err != nil {
			return p, ends, err
		}
	}
	origin := model.NodeLogs + n.ID
	signer, key, err := d.LogSigner(origin)
	if err != nil {
		return p, ends, err
	}
	l, err := audit.Open(ctx, audit.Options{
		Dir: d.Path(state.AuditDir), Origin: origin, Signer: signer, Batch: 64, BatchAge: guarded.JournalAge, Journal: guarded.JournalAge, SpoolSize: 1 << 20, Log: log,
		Now: clock.Now,
	})
	if err != nil {
		// A node goes on without its log rather than not at all; the doctor and the server's copy show it.
		log.Error("the node's audit log can't be opened", "error", err)
		return p, ends, nil
	}
	ends = append(ends, l.Close)
	p.Log, p.LogKey = l, key
	return p, ends, nil
}

// Status implements cli.Agent.
func (m *member) Status(dir string) (*model.AgentStatus, error) {
	d, err := state.Look(dir)
	if err != nil {
		return nil, err
	}
	return d.Status()
}

// Leave implements cli.Agent.
func (m *member) Leave(dir string) (string, error) {
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("the agent's data directory: %w", err)
	}
	d, err := state.Open(dir)
	if err != nil {
		return "", err
	}
	kept, err := d.Leave(clock.Now())
	return kept, errors.Join(err, d.Close())
}

// Doctor implements cli.Agent.
func (m *member) Doctor(ctx context.Context, c config.Config, dir string) []model.AgentPart {
	return agent.Doctor(ctx, agent.DoctorOptions{
		Dir: dir, Spool: c.Agent.Spool, Now: clock.Now,
		Maintenance: func(ctx context.Context) model.AgentPart { return maintenancePart(ctx, c) },
		Limits: fmt.Sprintf("%d MiB of memory, %d processors, nice %d, %d collectors at once, a spool of %d MiB, facts every %s",
			c.Agent.Memory>>20, c.Agent.CPUs, c.Agent.Nice, c.Agent.Parallel, c.Agent.Spool>>20, c.Agent.Every),
		Machine: machine.Options{
			Root: "/", Capabilities: identity(m.version).Capabilities,
			Engine: func(ctx context.Context) (string, error) {
				client, err := docker.Connect(ctx, c.Engine.Endpoint, docker.ConnectOptions{})
				if err != nil {
					return "", err
				}
				return client.Endpoint(), nil
			},
		},
	})
}
