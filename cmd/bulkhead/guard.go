package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/approvals"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/listen"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// guard is the guard in front of this machine's container engine.
type guard struct{}

// Accounts implements cli.Guard.
func (guard) Accounts(c config.Config, log *slog.Logger) (*accounts.Accounts, error) {
	d, err := definitions(c.Guard.Accounts)
	if err != nil {
		return nil, err
	}
	return accounts.New(accounts.Options{Definitions: d, Log: log, Now: clock()})
}

// guardParts are what a guard is given: those that the guard alone has of its own, and the agent's guard of the agent.
type guardParts struct {
	decider      judge.Decider
	rules        profileRules         // nil where there is nothing to decide with
	approvals    *approvals.Approvals // nil where there is no control plane
	log          judge.Recorder
	tenant, host string
	dir          string // where it is remembered who brought images
	slog         *slog.Logger
	before       *handover.Predecessor // the guard that it takes over from; nil for none
}

// raised is a guard whose doors are open.
type raised struct {
	who    *accounts.Accounts
	local  []accounts.Definition // of the configuration
	people *fleetPeople          // nil where there is no control plane
	doors  *listen.Server
	engine *guardedEngine

	mu     sync.Mutex
	status model.GuardStatus // in the file at
	at     string
	was    config.Guard // as far as it is in force

	records      judge.Recorder
	tenant, host string

	file  string // of the configuration; empty for none
	drain time.Duration
	log   *slog.Logger
	// hand hands it over, and before is the guard that it takes over from; both are nil where there is none.
	hand   *handing
	before *handover.Predecessor
}

// raise opens the doors.
func raise(c config.Config, p guardParts) (*raised, error) {
	local, err := definitions(c.Guard.Accounts)
	if err != nil {
		return nil, err
	}
	who, err := accounts.New(accounts.Options{Definitions: local, Log: p.slog, Now: clock()})
	if err != nil {
		return nil, err
	}
	if len(local) == 0 {
		p.slog.Warn("no account is configured (guard.accounts): the guard refuses everybody")
	}
	if err := checkActions(c.Guard); err != nil {
		return nil, err
	}
	o, err := guardDoors(c.Guard, p.before, p.slog)
	if err != nil {
		return nil, err
	}
	profile := c.Guard.Profile
	if profile == "none" {
		profile = ""
	}
	engine, err := newGuardedEngine(doorParts{
		engine: c.Guard.Engine, dir: p.dir, shared: p.before != nil, who: identifier(who, p.approvals), sessions: c.Guard, slog: p.slog, tenantLabel: c.Assess.TenantLabel, sensitivityLabel: c.Assess.SensitivityLabel,
		judge: judge.Parts{
			Decider: p.decider, Approvals: approved(p.approvals), Log: p.log, StepUp: c.Guard.StepUp, FourEyes: c.Guard.FourEyes,
			Tenant: p.tenant, Host: p.host, Profile: profile, HasProfile: ownProfile(profile, p.rules), Mode: judge.Mode(c.Guard.Mode), NoBuild: c.Guard.Build == "none", Registries: c.Guard.Registries, Now: clock(),
		},
		wanted: wanted(c.Guard.Harden), pinDigest: c.Guard.Harden.PinDigest, writable: c.Guard.WritablePaths, internal: c.Guard.InternalRegistries,
		sockets: named(c.Guard.Socket), system: named(c.Guard.Policies, c.Guard.TLS.Key, c.Guard.TLS.Certificate, c.Guard.TLS.ClientCA),
	})
	if err != nil {
		return nil, err
	}
	o.Handler = engine
	doors, err := listen.Open(o)
	if err != nil {
		return nil, errors.Join(err, engine.close())
	}
	status := model.GuardStatus{
		PID: os.Getpid(), Started: clock()().UTC().Truncate(time.Second), Mode: model.ControlMode(c.Guard.Mode), Version: buildVersion(),
		Engine: c.Guard.Engine, Socket: c.Guard.Socket, TLS: c.Guard.TLS.Listen, Profile: c.Guard.Profile,
	}
	g := &raised{
		who: who, local: local, doors: doors, engine: engine, status: status, at: lock.DefaultGuardFile, was: c.Guard, records: p.log, tenant: p.tenant, host: p.host,
		file: c.File, drain: c.Guard.Limits.Drain, log: p.slog, before: p.before,
	}
	g.recordStart(&c.Guard)
	return g, nil
}

// identifier adds factors that were shown to the control plane, where there is one.
func identifier(who *accounts.Accounts, a *approvals.Approvals) guarddoor.Identifier {
	if a == nil {
		return who
	}
	return &steppedUp{who: who, approvals: a, now: clock()}
}

// approved is nothing where there is no control plane; a nil pointer in an interface would not be nil.
func approved(a *approvals.Approvals) judge.Approvals {
	if a == nil {
		return nil
	}
	return a
}

// run serves until ctx ends, or another guard took over and what was open has ended.
func (g *raised) run(ctx context.Context) error {
	stop, err := g.open(ctx)
	if err != nil {
		return err
	}
	defer stop()
	err = g.doors.Run(ctx)
	if g.hand != nil {
		g.hand.last(ctx, g.drain)
	}
	return err
}

// open takes the place of an earlier guard, and tells everybody that this one serves.
func (g *raised) open(ctx context.Context) (stop func(), err error) {
	state := daemon.SdNotifyReady
	if g.before != nil && g.hand != nil {
		if err := g.hand.stands(ctx, g.before, g.tell); err != nil {
			return nil, err
		}
		state += fmt.Sprintf("\nMAINPID=%d", os.Getpid())
	}
	ends := g.offer(ctx)
	g.tell()
	notify(g.log, state)
	ends = append(ends, context.AfterFunc(ctx, func() {
		if g.hand == nil || !g.hand.isGiven() { // else the service goes on
			notify(g.log, daemon.SdNotifyStopping)
		}
		if g.hand != nil {
			g.hand.stopBefore()
		}
	}))
	return func() {
		for _, end := range ends {
			end()
		}
		if os.Geteuid() != 0 {
			return
		}
		if err := lock.RemoveStatus(g.at, os.Getpid()); err != nil {
			g.log.Warn("the guard's status stays behind", "error", err)
		}
	}, nil
}

// offer has a later guard find this one.
func (g *raised) offer(ctx context.Context) (ends []func() bool) {
	if g.hand == nil {
		return nil
	}
	o, err := handover.Open(g.hand.path, g.hand, handover.About{Version: g.status.Version, Config: g.file}, g.log)
	if err != nil {
		g.log.Warn("this guard can't be taken over by a later one: an upgrade will end what is open", "error", err)
		return nil
	}
	end := sync.OnceFunc(func() {
		if err := o.Close(); err != nil {
			g.log.Warn("the offer to a later guard stays behind", "error", err)
		}
	})
	return []func() bool{context.AfterFunc(ctx, end), func() bool { end(); return true }}
}

// tell says what the guard is. That is for root's word only: nobody else could stand before the engine.
func (g *raised) tell() {
	if os.Geteuid() != 0 || g.hand != nil && g.hand.isGiven() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.status
	if g.hand != nil {
		s.Before = g.hand.pids()
	}
	if err := lock.WriteStatus(g.at, s); err != nil {
		g.log.Warn("`bulkhead assess` won't see the guard", "error", err)
	}
}

func (g *raised) close() error { return g.engine.close() }

// notify tells the service manager, where there is one.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

// onHangUp calls f at every SIGHUP until stop.
func onHangUp(f func()) (stop func()) { return onSignal(syscall.SIGHUP, f) }
