// Package guarded puts the guard of a container engine together, for every program that has one: it is wiring, and decides nothing. What only
// an agent's guard needs is with the agent, in cmd/bulkhead: this package, and what it is made of, is all that bulkhead-guard has in it.
package guarded

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

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
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

// Parts are what a guard is given: those that the guard alone has of its own, and the agent's guard of the agent.
type Parts struct {
	Version      string // of the program
	Decider      judge.Decider
	Rules        Rules                // nil where there is nothing to decide with
	Approvals    *approvals.Approvals // nil where there is no control plane
	People       People               // likewise
	Log          judge.Recorder
	Tenant, Host string
	Dir          string // where it is remembered who brought images
	Slog         *slog.Logger
	Before       *handover.Predecessor // the guard that it takes over from; nil for none
}

// People are the accounts of a control plane, which come and go while a guard runs.
type People interface {
	// At has a guard know them, by set: beside those of its configuration, which are other ones where it was read again.
	At(local []accounts.Definition, set func([]accounts.Definition) error) error
}

// Raised is a guard whose doors are open.
type Raised struct {
	who    *accounts.Accounts
	people People // nil where there is no control plane
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

// Raise opens the doors.
func Raise(c config.Config, p Parts) (*Raised, error) {
	local, err := Definitions(c.Guard.Accounts)
	if err != nil {
		return nil, err
	}
	who, err := accounts.New(accounts.Options{Definitions: local, Log: p.Slog, Now: clock.Now})
	if err != nil {
		return nil, err
	}
	if len(local) == 0 {
		p.Slog.Warn("no account is configured (guard.accounts): the guard refuses everybody")
	}
	if err := checkActions(c.Guard); err != nil {
		return nil, err
	}
	o, err := guardDoors(c.Guard, p.Before, p.Slog)
	if err != nil {
		return nil, err
	}
	profile := c.Guard.Profile
	if profile == "none" {
		profile = ""
	}
	engine, err := newGuardedEngine(doorParts{
		engine: c.Guard.Engine, dir: p.Dir, shared: p.Before != nil, who: identifier(who, p.Approvals), sessions: c.Guard, slog: p.Slog, tenantLabel: c.Assess.TenantLabel, sensitivityLabel: c.Assess.SensitivityLabel,
		judge: judge.Parts{
			Decider: p.Decider, Approvals: approved(p.Approvals), Log: p.Log, StepUp: c.Guard.StepUp, FourEyes: c.Guard.FourEyes,
			Tenant: p.Tenant, Host: p.Host, Profile: profile, HasProfile: OwnProfile(profile, p.Rules), Mode: judge.Mode(c.Guard.Mode), NoBuild: c.Guard.Build == "none", Registries: c.Guard.Registries, Now: clock.Now,
		},
		wanted: wanted(c.Guard.Harden), pinDigest: c.Guard.Harden.PinDigest, writable: c.Guard.WritablePaths, readable: c.Guard.ReadablePaths, internal: c.Guard.InternalRegistries,
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
		PID: os.Getpid(), Started: clock.Now().UTC().Truncate(time.Second), Mode: model.ControlMode(c.Guard.Mode), Version: p.Version,
		Engine: c.Guard.Engine, Socket: c.Guard.Socket, TLS: c.Guard.TLS.Listen, Profile: c.Guard.Profile,
	}
	g := &Raised{
		who: who, doors: doors, engine: engine, status: status, at: lock.DefaultGuardFile, was: c.Guard, records: p.Log, tenant: p.Tenant, host: p.Host,
		file: c.File, drain: c.Guard.Limits.Drain, log: p.Slog, before: p.Before,
	}
	g.recordStart(&c.Guard)
	if p.People != nil {
		if err := p.People.At(local, who.Set); err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.people = p.People
	}
	return g, nil
}

// Places are where it listens.
func (g *Raised) Places() []string { return g.doors.Places() }

// Serve serves until ctx ends, and tells nobody of it: for drills.
func (g *Raised) Serve(ctx context.Context) error { return g.doors.Run(ctx) }

// identifier adds factors that were shown to the control plane, where there is one.
func identifier(who *accounts.Accounts, a *approvals.Approvals) guarddoor.Identifier {
	if a == nil {
		return who
	}
	return &steppedUp{who: who, approvals: a, now: clock.Now}
}

// approved is nothing where there is no control plane; a nil pointer in an interface would not be nil.
func approved(a *approvals.Approvals) judge.Approvals {
	if a == nil {
		return nil
	}
	return a
}

// Run serves until ctx ends, or another guard took over and what was open has ended.
func (g *Raised) Run(ctx context.Context) error {
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
func (g *Raised) open(ctx context.Context) (stop func(), err error) {
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
func (g *Raised) offer(ctx context.Context) (ends []func() bool) {
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
func (g *Raised) tell() {
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

// Close closes what it has open beside its doors.
func (g *Raised) Close() error { return g.engine.close() }

// notify tells the service manager, where there is one.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

// OnHangUp calls f at every SIGHUP until stop.
func OnHangUp(f func()) (stop func()) { return onSignal(syscall.SIGHUP, f) }
