package guarded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/klog/v2"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/identity/authz"
)

// alone is the guard without an agent, with an audit log and policies of its own.
type alone struct {
	c         config.Config
	again     func() (config.Config, error)
	dir, host string
	log       *slog.Logger
	engine    *authz.Engine
	records   *PassedOn
	ctx       context.Context //nolint:containedctx // of what watches the sockets, which ends and begins anew with a handover

	mu      sync.Mutex
	kept    *Log   // nil while another process has it
	watched func() // ends the watch over the engine's sockets
}

// Alone is a guard without an agent, in this process.
type Alone struct {
	Version string
	Program string // that is started to take over at an upgrade; empty for the one that runs
}

// Run stands before the engine until ctx ends. It implements cli.Guard's.
func (p Alone) Run(ctx context.Context, c config.Config, again func() (config.Config, error), dir string, log *slog.Logger, out io.Writer) (err error) {
	klog.SetSlogLogger(log) // tessera's
	if err := checkAlone(c.Guard); err != nil {
		return err
	}
	a := &alone{c: c, again: again, dir: dir, host: hostID(c.Guard), log: log}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	a.ctx = ctx
	if a.engine, err = authz.New(authz.Options{}); err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	if err := LoadPolicies(a.engine, c.Guard.Policies); err != nil {
		return err
	}
	before, err := Reach(c, dir, log)
	if err != nil {
		return err
	}
	if before != nil {
		defer before.Close() //nolint:errcheck // it has ended, or goes on
		if err := before.Take(ctx); err != nil {
			return fmt.Errorf("take over: %w", err)
		}
	}
	defer func() { err = errors.Join(err, a.shut()) }()
	if err := a.openLog(ctx); err != nil {
		return err
	}
	g, err := Raise(c, Parts{
		Version: p.Version, Decider: a.engine, Rules: a.engine, Log: a.records, Tenant: c.Guard.Tenant, Host: a.host, Dir: dir, Slog: log, Before: before,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	g.HandOver(dir, Handover{
		Records: a.records, Stop: stop, Log: log,
		Give: func(context.Context) error { return a.shut() }, Back: a.back,
		Told: func(context.Context, string, []byte) error { return a.told(g) },
	})
	fmt.Fprintf(out, "Bulkhead's guard is in front of %s: host %s of the tenant %s, profile %s (%s), audit log in %s\n",
		c.Guard.Engine, a.host, c.Guard.Tenant, c.Guard.Profile, c.Guard.Mode, filepath.Join(dir, "audit"))
	fmt.Fprintf(out, "It listens at %s; `bulkhead docker setup` says how to use it\n", strings.Join(g.doors.Places(), " and "))
	defer OnHangUp(func() { a.reload(g) })()
	defer OnUpgrade(p.Program, log)()
	a.watch()
	go keepSmall(ctx, log)
	return g.Run(ctx)
}

// openLog opens the audit log.
func (a *alone) openLog(ctx context.Context) error {
	l, err := OpenLog(ctx, a.dir, a.host, a.log)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = l
	if a.records == nil {
		a.records = NewPassedOn(l)
	}
	return nil
}

// watch looks after the engine's sockets.
func (a *alone) watch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept == nil {
		return
	}
	ctx, cancel := context.WithCancel(a.ctx)
	wait := watchAlone(ctx, a.c, a.kept, a.log)
	a.watched = func() { cancel(); wait() }
}

// shut closes what one process at a time can have open.
func (a *alone) shut() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watched != nil {
		a.watched()
	}
	if a.kept == nil {
		return nil
	}
	err := a.kept.Close()
	a.watched, a.kept = nil, nil
	return err
}

// back opens it again.
func (a *alone) back(context.Context) error {
	if err := a.openLog(a.ctx); err != nil {
		return err
	}
	a.mu.Lock()
	a.records.set(a.kept)
	a.mu.Unlock()
	a.watch()
	return nil
}

// reload reads the configuration again, here and at an earlier guard.
func (a *alone) reload(g *Raised) {
	c, err := a.again()
	if err != nil {
		g.log.Error("the configuration was not taken: the earlier one stays", "error", err)
		return
	}
	g.Reload(c, a.engine)
	g.Tell(a.ctx, NewsReload, nil)
}

// told is reload as a later guard has it done; what can't be read again it takes for rights that have ended.
func (a *alone) told(g *Raised) error {
	defer g.Tell(a.ctx, NewsReload, nil) // also where this one can't: the one before may know no better
	c, err := a.again()
	if err != nil {
		return err
	}
	return g.Rights(c, a.engine)
}
