package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/fleet"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/reports"
	serverpkg "github.com/bulkhead-security/bulkhead/control/server"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/identity/pki"
	"github.com/bulkhead-security/bulkhead/whole"
)

// caFile is the own CA's certificate in the data directory, for those who are to trust it.
const caFile = "ca.pem"

// planeOptions are what a control plane is made of. config has its defaults filled in.
type planeOptions struct {
	config  config.Server
	version string
	log     *slog.Logger
	// now is the clock of everything that decides by time; nil means time.Now.
	now func() time.Time
	// adapt replaces parts of a throw-away plane, so that drills can leave a control out.
	adapt adapt
	// assess are the settings of the checks of nodes whose pool has none of its own.
	assess assess.Settings
	// times are the fleet's; what is zero is as it should be.
	times fleet.Times
}

// adapt wraps parts; nil leaves a part as it is.
type adapt struct {
	store    func(authn.Store) authn.Store
	authn    func(gate.Authenticator) gate.Authenticator
	authz    func(gate.Decider) gate.Decider
	signIn   func(*authn.Options)
	door     func(http.Handler) http.Handler
	services func(*api.Services)
}

// plane is the control plane with all its parts.
type plane struct {
	o        planeOptions
	c        config.Server
	slog     *slog.Logger
	now      func() time.Time
	started  time.Time
	listener net.Listener

	store     *store.Store
	keys      *pki.Keys
	certs     *pki.Certificates
	log       *audit.Log
	auditKey  string
	keeper    *audit.Keeper
	authn     *authn.Service
	engine    *authz.Engine
	signed    *signedPolicies
	refresh   *api.PolicyRefresher
	gate      *gate.Gate
	nodeCA    *pki.NodeAuthority
	fleet     *fleet.Fleet
	alarms    *alarms
	reports   *reports.Maker
	catalogue *catalogue.Catalogue
	watch     *api.Watch
	metrics   *serverpkg.Metrics
	tracing   *serverpkg.Tracing
	exports   []*exporting
	server    *serverpkg.Server
	local     *localAgent // nil for none
	// closers end the parts, the last first.
	closers []func(context.Context) error
}

// openPlane opens the parts in the order in which they stand on each other. Nothing is answered before run.
func openPlane(ctx context.Context, o planeOptions) (*plane, error) {
	p := &plane{o: o, c: o.config, slog: o.log, now: o.now, started: time.Now(), metrics: serverpkg.NewMetrics()}
	if p.slog == nil {
		p.slog = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	for _, open := range []func(context.Context) error{
		p.openData, p.openStore, p.openListener, p.openCertificates, p.openAudit, p.openRights, p.openSignIn, p.openFleet, p.openExports, p.openServer,
	} {
		if err := open(ctx); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

func (p *plane) later(f func(context.Context) error) { p.closers = append(p.closers, f) }

// close ends all parts, within the limit of a drain.
func (p *plane) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), max(p.c.Limits.Drain, 5*time.Second))
	defer cancel()
	var err error
	for i := len(p.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, p.closers[i](ctx))
	}
	p.closers = nil
	return err
}

// openData makes the data directory and holds it: two servers on one would destroy each other's log.
func (p *plane) openData(context.Context) error {
	if err := os.MkdirAll(p.c.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	info, err := os.Stat(p.c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the data directory %s is writable by others (%#o): chmod 700 it", p.c.DataDir, info.Mode().Perm())
	}
	f, err := os.OpenFile(filepath.Join(p.c.DataDir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("another server runs on the data directory %s", p.c.DataDir)
	}
	p.later(func(context.Context) error { return f.Close() })
	return nil
}

func (p *plane) openStore(ctx context.Context) error {
	at, err := p.c.DatabaseURL()
	if err != nil {
		return err
	}
	if p.store, err = store.Open(ctx, store.Options{Dir: p.c.DataDir, URL: at, Log: p.slog}); err != nil {
		return err
	}
	p.later(func(context.Context) error { return p.store.Close() })
	p.keys, err = pki.OpenKeys(ctx, p.c.MasterKeyFile, p.store)
	return err
}

func (p *plane) openListener(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen", p.c.Listen, err)
	}
	p.listener = l
	p.c.PublicURL = publicURL(p.c.PublicURL, l.Addr())
	p.later(func(context.Context) error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (p *plane) openCertificates(ctx context.Context) error {
	host, others, err := knownHosts(p.c.PublicURL, p.c.Listen)
	if err != nil {
		return err
	}
	p.certs, err = p.keys.Certificates(ctx, pki.CertificateOptions{
		Public: host, Hosts: others, Cert: p.c.TLS.Cert, Key: p.c.TLS.Key, Log: p.slog,
	})
	if err != nil {
		return err
	}
	path := filepath.Join(p.c.DataDir, caFile)
	if ca := p.certs.CAPEM(); ca != nil {
		return whole.Write(path, ca, 0o644)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the own CA's certificate, which is not in use: %w", err)
	}
	return nil
}

// run serves until ctx ends, drains, and ends the parts.
func (p *plane) run(ctx context.Context) error {
	// The parts outlive the requests that drain.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	for name, loop := range p.loops() {
		wg.Go(func() {
			if err := loop(work); err != nil && work.Err() == nil {
				p.slog.Error("a part of the server ended", "part", name, "error", err)
			}
		})
	}
	err := p.store.StartJobs(ctx, p.workers())
	if err == nil {
		p.local.start(ctx)
		err = p.server.Run(ctx)
		jobs, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err = errors.Join(err, p.store.StopJobs(jobs))
		cancel()
	}
	stop()
	wg.Wait()
	return errors.Join(err, p.close())
}

// loops are what runs beside the requests.
func (p *plane) loops() map[string]func(context.Context) error {
	l := map[string]func(context.Context) error{
		"certificates": p.certs.Run,
		"audit index":  func(ctx context.Context) error { return p.log.Follow(ctx, p.store) },
		"checkpoints":  p.keeper.Run,
		"verification": func(ctx context.Context) error { return p.keeper.VerifyWhenDue(ctx, day, p.verificationAsked) },
		"policies":     func(ctx context.Context) error { p.refresh.Run(ctx); return ctx.Err() },
		"fleet":        func(ctx context.Context) error { p.fleet.Run(ctx); return ctx.Err() },
		"changes":      func(ctx context.Context) error { return p.store.Listen(ctx, p.changed) },
	}
	for _, e := range p.exports {
		l["export "+e.name] = e.exporter.Run
	}
	return l
}

// changed is called when some replica changed something. All who are told look for themselves, and would find it later anyway.
func (p *plane) changed() {
	p.refresh.Wake()
	p.fleet.Wake()
	p.watch.Wake()
}
