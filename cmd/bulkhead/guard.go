package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"k8s.io/klog/v2"

	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/approvals"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/listen"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/policies"
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

// Run implements cli.Guard: the guard alone, with an audit log and policies of its own.
func (guard) Run(ctx context.Context, c config.Config, again func() (config.Config, error), dir string, log *slog.Logger, out io.Writer) (err error) {
	klog.SetSlogLogger(log) // tessera's
	if err := checkAlone(c.Guard); err != nil {
		return err
	}
	host := hostID(c.Guard)
	l, err := openGuardLog(ctx, dir, host, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	engine, err := authz.New(authz.Options{})
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	if err := loadGuardPolicies(engine, c.Guard.Policies); err != nil {
		return err
	}
	g, err := raise(c, guardParts{decider: engine, log: l, tenant: c.Guard.Tenant, host: host, dir: dir, slog: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	fmt.Fprintf(out, "Bulkhead's guard is in front of %s: host %s of the tenant %s, profile %s (%s), audit log in %s\n",
		c.Guard.Engine, host, c.Guard.Tenant, c.Guard.Profile, c.Guard.Mode, l.dir)
	fmt.Fprintf(out, "It listens at %s; `bulkhead docker setup` says how to use it\n", strings.Join(g.doors.Places(), " and "))
	stop := onHangUp(func() { g.reload(again, engine) })
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	watched := watchAlone(ctx, c, l, log)
	defer watched()
	defer cancel() // before it is waited for
	go keepSmall(ctx, log)
	return g.run(ctx)
}

// hostID is what policies know this host by.
func hostID(c config.Guard) string {
	if c.Host != "" {
		return c.Host
	}
	if id := nodeID(); id != "" {
		return id
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// guardParts are what a guard is given: those that the guard alone has of its own, and the agent's guard of the agent.
type guardParts struct {
	decider      judge.Decider
	approvals    *approvals.Approvals // nil where there is no control plane
	log          judge.Recorder
	tenant, host string
	dir          string // where it is remembered who brought images
	slog         *slog.Logger
}

// raised is a guard whose doors are open.
type raised struct {
	who    *accounts.Accounts
	local  []accounts.Definition // of the configuration
	people *fleetPeople          // nil where there is no control plane
	doors  *listen.Server
	engine *guardedEngine
	status model.GuardStatus
	log    *slog.Logger
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
	o, err := guardDoors(c.Guard, p.slog)
	if err != nil {
		return nil, err
	}
	profile := c.Guard.Profile
	if profile == "none" {
		profile = ""
	}
	engine, err := newGuardedEngine(doorParts{
		engine: c.Guard.Engine, dir: p.dir, who: identifier(who, p.approvals), sessions: c.Guard, slog: p.slog, tenantLabel: c.Assess.TenantLabel, sensitivityLabel: c.Assess.SensitivityLabel,
		judge: judge.Parts{
			Decider: p.decider, Approvals: approved(p.approvals), Log: p.log, StepUp: c.Guard.StepUp, FourEyes: c.Guard.FourEyes,
			Tenant: p.tenant, Host: p.host, Profile: profile, HasProfile: ownProfile(profile, p.decider), Mode: judge.Mode(c.Guard.Mode), NoBuild: c.Guard.Build == "none", Registries: c.Guard.Registries, Now: clock(),
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
	return &raised{who: who, local: local, doors: doors, engine: engine, status: status, log: p.slog}, nil
}

// ownProfile says whether there are rules of a profile that is not a shipped one. Policies change while the guard runs, and each call asks.
func ownProfile(profile string, d judge.Decider) func() bool {
	if profile != policies.ProfileCustom {
		return nil
	}
	engine, ok := d.(interface {
		Version() string
		Forbids(profile string) bool
	})
	if !ok {
		return func() bool { return false }
	}
	var mu sync.Mutex
	var version string
	var has bool
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		if v := engine.Version(); v != version {
			version, has = v, engine.Forbids(profile)
		}
		return has
	}
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

// checkAlone refuses demands that nobody could meet: second factors are shown to a control plane, and second people approve there.
func checkAlone(c config.Guard) error {
	for setting, list := range map[string][]string{"step_up": c.StepUp, "four_eyes": c.FourEyes} {
		if len(list) > 0 {
			return fmt.Errorf("guard.%s is set (%s), and a guard without a control plane can't have it met: nobody could do that any more. "+
				"Take it out, or run the guard in the agent of a node (guard.enabled)", setting, strings.Join(list, ", "))
		}
	}
	return nil
}

// checkActions refuses names that are no actions: a demand that is misspelt would be none.
func checkActions(c config.Guard) error {
	schema, err := authz.NewSchema()
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	for setting, list := range map[string][]string{"step_up": c.StepUp, "four_eyes": c.FourEyes} {
		for _, a := range list {
			if !schema.HasAction(a) {
				return fmt.Errorf("guard.%s names %.80q, which is no action; `bulkhead policy schema` lists them", setting, a)
			}
		}
	}
	return nil
}

// wanted is what is added to workloads.
func wanted(h config.GuardHarden) workload.Wanted {
	return workload.Wanted{
		NoNewPrivileges: h.NoNewPrivileges, DropCapabilities: h.DropCapabilities, ReadOnlyRoot: h.ReadOnlyRoot,
		MemoryBytes: h.Memory, PIDs: h.PIDs, NanoCPUs: int64(h.CPUs * 1e9),
	}
}

// named are those paths that are set.
func named(paths ...string) []string {
	return slices.DeleteFunc(paths, func(p string) bool { return p == "" })
}

// guardDoors says where to listen.
func guardDoors(c config.Guard, log *slog.Logger) (listen.Options, error) {
	mode, err := c.FileMode()
	if err != nil {
		return listen.Options{}, err
	}
	given, err := listen.Inherited()
	if err != nil {
		return listen.Options{}, err
	}
	return listen.Options{
		Unix:   listen.Unix{Path: c.Socket, Mode: mode, Group: c.SocketGroup},
		TLS:    listen.TLS{Listen: c.TLS.Listen, Certificate: c.TLS.Certificate, Key: c.TLS.Key, ClientCA: c.TLS.ClientCA},
		Limits: listen.Limits(c.Limits), Log: log, Activated: given,
		Source: accounts.SourceOf,
		Welcome: func(ctx context.Context, c net.Conn) (context.Context, error) {
			p, err := accounts.PeerOf(c)
			if err != nil || p == nil {
				return ctx, err
			}
			return accounts.WithPeer(ctx, p), nil
		},
	}, nil
}

// run serves until ctx ends.
func (g *raised) run(ctx context.Context) error {
	// What the guard says of itself is for root's word only: nobody else could stand before the engine.
	if os.Geteuid() == 0 {
		if err := lock.WriteStatus(lock.DefaultGuardFile, g.status); err != nil {
			g.log.Warn("`bulkhead assess` won't see the guard", "error", err)
		}
		defer func() {
			if err := lock.RemoveStatus(lock.DefaultGuardFile, g.status.PID); err != nil {
				g.log.Warn("the guard's status stays behind", "error", err)
			}
		}()
	}
	notify(g.log, daemon.SdNotifyReady)
	stop := context.AfterFunc(ctx, func() { notify(g.log, daemon.SdNotifyStopping) })
	defer stop()
	return g.doors.Run(ctx)
}

func (g *raised) close() error { return g.engine.close() }

// notify tells the service manager, where there is one.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

// reload takes accounts, policies, certificates and keys from the files again. Each that is not sound stays as it was. Connections stay.
func (g *raised) reload(again func() (config.Config, error), engine *authz.Engine) {
	c, err := again()
	if err != nil {
		g.log.Error("the configuration was not taken: the earlier one stays", "error", err)
		return
	}
	d, err := definitions(c.Guard.Accounts)
	switch {
	case err != nil:
	case g.people != nil:
		err = g.people.at(d, g.who.Set)
	default:
		err = g.who.Set(d)
	}
	if engine != nil {
		err = errors.Join(err, loadGuardPolicies(engine, c.Guard.Policies))
	}
	if err = errors.Join(err, g.doors.Reload()); err != nil {
		g.log.Error("not everything was taken again: what is not sound stays as it was", "error", err)
		return
	}
	g.log.Info("accounts, policies and certificates were read again", "accounts", len(d))
}

// onHangUp calls f at every SIGHUP until stop.
func onHangUp(f func()) (stop func()) {
	hup, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hup:
				f()
			case <-over:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		close(over)
	}
}

// loadGuardPolicies puts the files of a directory into force, for everybody on this host; empty is none.
func loadGuardPolicies(engine *authz.Engine, dir string) error {
	if dir == "" {
		return engine.Load(nil)
	}
	files, err := cli.ReadPolicies(dir)
	if err != nil {
		return fmt.Errorf("guard.policies: %w", err)
	}
	if err := engine.Load([]model.Policies{{Tenant: model.SystemTenant, Version: 1, Files: files}}); err != nil {
		return fmt.Errorf("guard.policies: %w", err)
	}
	return nil
}

// definitions are the accounts of a configuration.
func definitions(list []config.GuardAccount) ([]accounts.Definition, error) {
	out := make([]accounts.Definition, 0, len(list))
	for i, a := range list {
		d := accounts.Definition{
			ID: a.ID, Name: a.Name, Tenant: a.Tenant, Roles: a.Roles, Groups: a.Groups, Hosts: a.Hosts, Users: a.Users, OSGroups: a.OSGroups,
			FromContainers: a.FromContainers, Certificates: a.Certificates, TwoFactors: a.TwoFactors,
		}
		for j, t := range a.Tokens {
			end, err := t.End()
			if err != nil {
				return nil, fmt.Errorf("guard.accounts[%d].tokens[%d]: %w", i, j, err)
			}
			d.Tokens = append(d.Tokens, accounts.Token{ID: t.ID, SHA256: t.SHA256, Expires: end, Scopes: t.Scopes})
		}
		for _, o := range a.OIDC {
			d.OIDC = append(d.OIDC, accounts.OIDC(o))
		}
		out = append(out, d)
	}
	return out, nil
}
