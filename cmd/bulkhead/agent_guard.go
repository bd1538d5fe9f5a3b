package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/approvals"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
)

// Pauses before a guard that failed is raised again.
const (
	firstGuardPause = time.Second
	mostGuardPause  = time.Minute
)

// agentGuard is the guard in the agent's process.
type agentGuard struct {
	mu    sync.Mutex
	c     config.Config   // as it was read last
	now   *guarded.Raised // nil while none runs
	parts guarded.Parts
	// people are the accounts of the control plane.
	people *fleetPeople
	ready  chan struct{} // closed when the policies on disk are in force
	log    *slog.Logger
	out    io.Writer

	// The agent's part in a handover: what it has to close, and the documents that an earlier guard is told of.
	records  *guarded.PassedOn
	appliers map[model.BundleKind][]agent.Applier
	news     *bulletin
	work     context.CancelFunc // ends the agent's work
	left     chan struct{}      // closed when the agent has closed what is its own
	done     chan struct{}      // closed when the guard has ended
}

// guardOf is the guard where the configuration wants one beside the agent, with the agent's policies, audit log, tenant and node id; nil
// otherwise. The agent takes what the control plane approved for it.
func (m *member) guardOf(
	c config.Config, d *state.Dir, n *state.Node, p *agent.Parts, before *handover.Predecessor, log *slog.Logger, out io.Writer,
) *agentGuard {
	if !c.Guard.Enabled {
		return nil
	}
	l, ok := p.Log.(*audit.Log)
	if !ok || l == nil {
		log.Error("the guard does not run: the node's audit log can't be opened, and it lets nothing through without")
		return nil
	}
	host := c.Guard.Host
	if host == "" {
		host = n.ID
	}
	g := &agentGuard{c: c, ready: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}), log: log, out: out, news: &bulletin{}}
	approved := &approvals.Approvals{}
	g.people = &fleetPeople{approvals: approved}
	p.Appliers[model.BundleAccounts] = []agent.Applier{g.people}
	for _, kind := range []model.BundleKind{model.BundleAccounts, model.BundlePolicies} {
		p.Appliers[kind] = append(p.Appliers[kind], g.news.of(kind))
	}
	g.appliers, g.records = p.Appliers, guarded.NewPassedOn(guarded.Recorder{Log: l})
	p.Recordings = guarded.RecordingsIn(c.Guard.Sessions.Path(d.Path("guard")))
	p.Ready = sync.OnceFunc(func() { close(g.ready) })
	engine := engineOf(*p)
	rules, _ := engine.(guarded.Rules)
	shut := &shutter{decider: engine}
	p.Appliers[model.BundlePolicies] = append(p.Appliers[model.BundlePolicies], shut)
	p.Unsound = shut.Unsound
	g.parts = guarded.Parts{
		Version: m.version, Decider: shut, Rules: rules, Approvals: approved, People: g.people, Log: g.records, Tenant: n.Tenant, Host: host, Dir: d.Path("guard"),
		Slog: log.With("part", "guard"), Before: before,
	}
	return g
}

// begin runs the guard until ctx ends, or what is given back is called, which also waits until it has drained. A guard that fails is raised
// again; meanwhile its socket is not there, and nobody gets to the engine by it.
func (g *agentGuard) begin(ctx context.Context, work context.CancelFunc, again func() (config.Config, error)) (end func()) {
	if g == nil {
		return func() {}
	}
	g.work = work
	ctx, stop := context.WithCancel(ctx)
	// One for as long as the guard is wanted: between two that failed, a reload must not end the agent.
	unhook := func() {}
	if again != nil {
		hangUp, upgrade := guarded.OnHangUp(func() { g.reload(again) }), guarded.OnUpgrade("", g.log)
		unhook = func() { hangUp(); upgrade() }
	}
	go func() {
		defer close(g.done)
		defer unhook()
		select {
		case <-g.ready:
			g.run(ctx, again)
		case <-ctx.Done():
		}
	}()
	return func() {
		stop()
		<-g.done
	}
}

// reload reads the configuration again, for the guard here and for one before it.
func (g *agentGuard) reload(again func() (config.Config, error)) {
	c, r, err := g.read(again)
	if err != nil {
		g.log.Error("the configuration was not taken: the earlier one stays", "error", err)
		return
	}
	if r != nil {
		r.Reload(c, nil)
		r.Tell(context.Background(), guarded.NewsReload, nil)
	}
}

// told is reload as a later guard has it done; what can't be read again it takes for rights that have ended.
func (g *agentGuard) told(again func() (config.Config, error)) error {
	c, r, err := g.read(again)
	if r == nil {
		return err
	}
	defer r.Tell(context.Background(), guarded.NewsReload, nil) // also where this one can't: the one before may know no better
	if err != nil {
		return err
	}
	return r.Rights(c, nil)
}

// read reads the configuration again. A guard that is raised later has what was read last: who was taken out stays out.
func (g *agentGuard) read(again func() (config.Config, error)) (config.Config, *guarded.Raised, error) {
	c, err := again()
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.c = c
	}
	return c, g.now, err
}

func (g *agentGuard) run(ctx context.Context, again func() (config.Config, error)) {
	pause := firstGuardPause
	for {
		began := time.Now()
		err := agent.Contain("the guard", func() error { return g.once(ctx, again) })
		if ctx.Err() != nil || g.handedOver() {
			if err != nil {
				g.log.Warn("the guard ended with an error", "error", err)
			}
			return
		}
		if time.Since(began) > mostGuardPause {
			pause = firstGuardPause
		}
		g.log.Error("the guard does not run; it is tried again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, mostGuardPause)
	}
}

// once raises the guard and serves until ctx ends.
func (g *agentGuard) once(ctx context.Context, again func() (config.Config, error)) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := os.MkdirAll(g.parts.Dir, 0o700); err != nil {
		return fmt.Errorf("the guard's directory: %w", err)
	}
	g.mu.Lock()
	c := g.c
	g.mu.Unlock()
	parts := g.parts
	g.parts.Before = nil // once: one that is raised again takes nobody over
	r, err := guarded.Raise(c, parts)
	if err != nil {
		return err
	}
	r.HandOver(g.parts.Dir, g.handing(stop, again))
	g.news.follow(r)
	defer func() { err = errors.Join(err, r.Close()) }()
	fmt.Fprintf(g.out, "Its guard is in front of %s and listens at %s\n", c.Guard.Engine, strings.Join(r.Places(), " and "))
	g.mu.Lock()
	g.now = r
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.now = nil
	}()
	return r.Run(ctx)
}

// engineOf is what the agent decides with: the policies that it was given last.
func engineOf(p agent.Parts) judge.Decider {
	for _, a := range p.Appliers[model.BundlePolicies] {
		if policies, ok := a.(*agent.Policies); ok {
			if d, ok := policies.Engine.(judge.Decider); ok {
				return d
			}
		}
	}
	return refusing{}
}

// refusing decides where there is nothing to decide with.
type refusing struct{}

// Decide implements judge.Decider.
func (refusing) Decide(context.Context, model.Request) model.Decision {
	return model.Decision{Reason: "there are no policies on this node"}
}
