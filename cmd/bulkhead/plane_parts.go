package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/console"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/pages"
	serverpkg "github.com/bulkhead-security/bulkhead/control/server"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/identity/audit/export"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// openRights loads the policies: without them nothing is served.
func (p *plane) openRights(ctx context.Context) error {
	var err error
	p.engine, err = authz.New(authz.Options{FourEyes: p.c.FourEyes, PhishingResistant: p.c.SignIn.PhishingResistant})
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	if p.signed, err = p.signedPolicies(ctx); err != nil {
		return err
	}
	p.refresh = api.NewPolicyRefresher(p.signed, p.engine, p.slog)
	return p.refresh.Refresh(ctx)
}

func (p *plane) openSignIn(context.Context) error {
	o := authn.Options{
		Store: p.store, Recorder: p.log, Sealer: p.keys, Settings: authn.Settings(p.c.SignIn), PublicURL: p.c.PublicURL,
		Clock: p.now, Log: p.slog,
	}
	for _, provider := range p.c.OIDC {
		o.Providers = append(o.Providers, authn.Provider(provider))
	}
	if p.o.adapt.store != nil {
		o.Store = p.o.adapt.store(o.Store)
	}
	if p.o.adapt.signIn != nil {
		p.o.adapt.signIn(&o)
	}
	var err error
	p.authn, err = authn.New(o)
	if err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	return nil
}

// openGate makes the door that every call of the API comes through.
func (p *plane) openGate() error {
	var who gate.Authenticator = p.authn
	var may gate.Decider = p.engine
	if p.o.adapt.authn != nil {
		who = p.o.adapt.authn(who)
	}
	if p.o.adapt.authz != nil {
		may = p.o.adapt.authz(may)
	}
	nodes, err := p.nodeDoor()
	if err != nil {
		return err
	}
	l := p.c.Limits
	p.gate, err = gate.New(gate.Options{
		Authn: who, Nodes: nodes, Authz: may, Audit: p.log, Objects: &api.Objects{Store: p.store}, Ledger: p.store, Approvals: p.store,
		Log: p.slog, Now: p.now, TurnedAway: p.metrics.Call,
		Settings: gate.Settings{
			StepUp: p.c.SignIn.StepUp, FourEyes: p.c.FourEyes, Rate: l.Rate, Burst: l.Burst, PublicRate: l.PublicRate,
			PublicBurst: l.PublicBurst, Timeout: l.Timeout,
		},
	})
	if err != nil {
		return fmt.Errorf("door of the API: %w", err)
	}
	return nil
}

// exporting is a receiver of audit records with how it is doing.
type exporting struct {
	name     string
	exporter *export.Exporter
}

func (p *plane) openExports(context.Context) error {
	lag := p.metrics.Labelled("bulkhead_audit_export_lag", "Audit records that a receiver does not have yet.", "receiver")
	skipped := p.metrics.Labelled("bulkhead_audit_export_skipped", "Audit records that a receiver never got, since the start.", "receiver")
	for _, e := range p.c.Export {
		r, err := export.NewReceiver(export.Spec{
			Kind: e.Kind, To: e.To, CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile, SecretFile: e.SecretFile, Hostname: p.c.Name,
		})
		if err != nil {
			return fmt.Errorf("export %s: %w", e.Name, err)
		}
		p.later(func(context.Context) error { return r.Close() })
		x, err := export.New(export.Options{
			Name: e.Name, Source: p.log, Recorder: p.log, Receiver: r, Spool: e.Spool, Log: p.slog,
			Position: filepath.Join(p.c.DataDir, "export", hex.EncodeToString([]byte(e.Name))),
			Report:   func(s export.Stats) { lag(e.Name, float64(s.Lag)); skipped(e.Name, float64(s.Skipped)) },
		})
		if err != nil {
			return fmt.Errorf("export %s: %w", e.Name, err)
		}
		p.exports = append(p.exports, &exporting{e.Name, x})
	}
	return nil
}

func (p *plane) openServer(ctx context.Context) error {
	if err := p.openGate(); err != nil {
		return err
	}
	around := []connect.Interceptor{p.metrics.Interceptor()}
	if t := p.c.Telemetry; t.Endpoint != "" {
		var err error
		p.tracing, err = serverpkg.NewTracing(ctx, serverpkg.TracingOptions{
			Endpoint: t.Endpoint, CAFile: t.CAFile, Sample: t.Sample, Name: p.c.Name, Version: p.o.version,
		})
		if err != nil {
			return err
		}
		p.later(p.tracing.Close)
		i, err := p.tracing.Interceptor()
		if err != nil {
			return err
		}
		around = append(around, i)
	}
	handler, err := p.handler(around)
	if err != nil {
		return err
	}
	l := p.c.Limits
	p.server, err = serverpkg.New(serverpkg.Options{
		Listener: p.listener, GetCertificate: p.certs.GetCertificate, Handler: handler, PublicURL: p.c.PublicURL, Names: []string{p.c.Name},
		Ready: []serverpkg.Check{
			{Name: "store", Ask: p.store.Ping},
			{Name: "audit log", Ask: p.auditWritable},
		},
		WithCertificate: gate.WithCertificate, ClientCAs: p.nodeCA.Pool(),
		Drain: p.drain, Notice: noticeOf(p.c), Metrics: p.metrics, Tracing: p.tracing, Log: p.slog,
		Limits: serverpkg.Limits{Body: l.Body, Connections: l.Connections, Timeout: l.Timeout, Drain: l.Drain},
		Admin:  serverpkg.Admin{Socket: p.c.AdminSocket, MetricsListen: p.c.Telemetry.MetricsListen, State: p.state, Recover: p.recovery},
	})
	if err != nil {
		return err
	}
	p.metrics.Gauge("bulkhead_audit_log_size", "Records in this replica's audit log.", func() float64 { return float64(p.log.Size()) })
	p.metrics.Gauge("bulkhead_audit_log_spooled", "Records that wait in the spool.", func() float64 { return float64(p.log.State().Spooled) })
	return nil
}

// handler is what the server serves: API, the callback of OIDC, pages, and the console at every other path.
func (p *plane) handler(around []connect.Interceptor) (http.Handler, error) {
	plain, err := pages.Handler()
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	web, err := console.Handler(console.Options{Language: pages.Language})
	if err != nil {
		return nil, err
	}
	services, err := p.services()
	if err != nil {
		return nil, err
	}
	auth := api.NewAuthService(p.authn)
	services.Auth = auth
	if p.o.adapt.services != nil {
		p.o.adapt.services(&services)
	}
	mux := http.NewServeMux()
	api.Register(mux, p.gate, services, int(p.c.Limits.Body), around...)
	if len(p.c.OIDC) > 0 {
		mux.Handle("GET "+authn.CallbackPath, p.gate.Public(auth.OIDCCallback(plain.Refused)))
	}
	for _, at := range pages.Paths() {
		mux.Handle(at, plain)
	}
	mux.Handle("/", web)
	if p.o.adapt.door != nil {
		return p.o.adapt.door(mux), nil
	}
	return mux, nil
}

func (p *plane) services() (api.Services, error) {
	signer, key, err := p.policySigner(context.Background())
	if err != nil {
		return api.Services{}, err
	}
	s := p.store
	p.watch = &api.Watch{Store: s, Now: p.now}
	objects := &api.Objects{Store: s}
	database := "sqlite"
	if s.Kind() == store.KindPostgres {
		database = "postgresql"
	}
	services := api.Services{
		Account: api.NewAccountService(p.authn),
		Tenants: &api.Tenants{Store: s, Members: s, Now: p.now},
		Users:   &api.Users{Store: s, Directory: s, Credentials: s, Inviter: p.authn, Names: p.engine, Now: p.now},
		Groups:  &api.Groups{Store: s, Directory: s, Now: p.now},
		Tokens:  &api.Tokens{Maker: p.authn, Store: s, Directory: s, Scopes: p.engine.Schema(), Names: p.engine, Now: p.now},
		Policies: &api.Policies{
			Store: s, Records: s, People: s, Objects: objects, SignIns: p.authn, Signer: signer, Engine: p.engine, Approvals: s,
			Applied: p.refresh.Soon, ApprovalRequired: p.c.Policies.Approval == "required", StepUp: p.c.SignIn.StepUp, Now: p.now,
		},
		Access:      &api.Access{Store: s, People: s, Objects: objects, Engine: p.engine, Now: p.now},
		Audit:       &api.Audit{Store: s, Log: p.log, Verifier: p.keeper, Now: p.now},
		Assessments: &api.Assessments{Store: s, Events: s, Catalogue: p.catalogue, Now: p.now},
		Jobs:        &api.Jobs{Store: s},
		System: &api.System{
			Version: p.o.version, Database: database, Replica: p.c.Name, Started: p.started, AuditOrigin: p.log.Origin(), AuditKey: p.auditKey,
			PolicyKey:  key,
			BreakGlass: func() bool { return p.now().Before(p.log.State().GlassOpen) },
			Controls:   func() map[string]string { return map[string]string{model.ControlPlane: string(model.ModeEnforce)} },
			Settings:   settingsOf(p.c),
		},
		Watch:  p.watch,
		Health: grpchealth.NewStaticChecker(api.ServiceNames()...),
	}
	return services, p.fleetServices(&services, key)
}

// drain ends what stays open. The agent of this host says goodbye first: it needs its stream for that.
func (p *plane) drain() {
	p.local.stop()
	p.gate.Drain()
}

func (p *plane) auditWritable(context.Context) error {
	if s := p.log.State(); !s.Writable {
		return fmt.Errorf("it can't be written: %s", s.Failure)
	}
	return nil
}

// state is shown on the admin socket.
func (p *plane) state() any {
	return map[string]any{
		"version": p.o.version, "replica": p.c.Name, "started": p.started.UTC().Format(time.RFC3339), "public_url": p.c.PublicURL,
		"database": p.store.Kind(), "audit": p.log.State(), "policies": p.engine.Versions(), "policies_digest": p.engine.Version(),
		"ca": p.certs.CAFingerprint(),
	}
}
