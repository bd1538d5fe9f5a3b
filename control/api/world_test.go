package api_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// world is the API on a real database with the shipped policies; sign-in and log are in memory.
type world struct {
	t      testing.TB
	store  *store.Store
	engine *authz.Engine
	gate   *gate.Gate
	mux    *http.ServeMux

	mu       sync.Mutex
	signIns  map[string]func() (model.Principal, error) // by secret
	records  []model.Record
	happened []model.Event // of recordings
	told     *told
	begun    *begun
}

// Names that belong to the other tenant. They must never come out to somebody of acme.
const marker = "globexsecret"

var tenants = []string{"system", "acme", "globex"}

func newWorld(t testing.TB, services func(*world) api.Services) *world {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	engine, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, engine: engine, mux: http.NewServeMux(), signIns: map[string]func() (model.Principal, error){}}
	w.gate, err = gate.New(gate.Options{
		Authn: w, Authz: engine, Audit: w, Objects: &api.Objects{Store: s}, Ledger: s, Approvals: s,
		Settings: gate.Settings{Rate: 1e9, Burst: 1e9, PublicRate: 1e9, PublicBurst: 1e9, Recheck: 20 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.fill()
	api.Register(w.mux, w.gate, services(w), 4<<20)
	return w
}

// real are the services of this package on the world's database.
func real(w *world) api.Services {
	c, err := catalogue.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	s, objects := w.store, &api.Objects{Store: w.store}
	out := api.Services{
		Policies: &api.Policies{
			Store: s, Records: s, People: s, Objects: objects, Signer: plainSigner{}, Engine: w.engine, StepUp: time.Hour, Now: time.Now,
		},
		Access:      &api.Access{Store: s, People: s, Objects: objects, Engine: w.engine, Now: time.Now},
		Audit:       &api.Audit{Store: s, Log: elsewhere{}, Now: time.Now},
		Tenants:     &api.Tenants{Store: s, Members: s, Now: time.Now},
		Users:       &api.Users{Store: s, Directory: s, Credentials: s, Inviter: w, Names: w.engine, Now: time.Now},
		Groups:      &api.Groups{Store: s, Directory: s, Now: time.Now},
		Tokens:      &api.Tokens{Maker: w, Store: s, Directory: s, Scopes: schema(w.t), Names: w.engine, Now: time.Now},
		Assessments: &api.Assessments{Store: s, Events: s, Catalogue: c, Now: time.Now},
		Jobs:        &api.Jobs{Store: s},
		System:      &api.System{Version: "test", Database: "sqlite", Started: time.Now()},
		Watch:       &api.Watch{Store: s, Poll: 5 * time.Millisecond, Alive: 20 * time.Millisecond, Now: time.Now},
		Health:      grpchealth.NewStaticChecker(),
	}
	w.fleet(&out, c)
	return out
}

func schema(t testing.TB) *authz.Schema {
	t.Helper()
	s, err := authz.NewSchema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// elsewhere is a log that has none of the records: those are another replica's.
type elsewhere struct{ api.AuditLog }

// Origin implements api.AuditLog.
func (elsewhere) Origin() string { return "elsewhere" }

// none has no handlers: whatever gets through the gate answers "unimplemented".
func none(*world) api.Services { return api.Services{} }

// fill makes in each tenant T one object of each type, with the id T-TYPE; ids and names of globex have the marker.
func (w *world) fill() {
	ctx, now := w.t.Context(), time.Now()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for i, t := range tenants {
		if t != "system" {
			must(w.store.CreateTenant(ctx, &model.Tenant{ID: t, Name: named(t, "tenant"), Created: now}))
		}
		must(w.store.CreateGroup(ctx, &model.AccountGroup{ID: id(t, "group"), Tenant: t, Name: named(t, "group"), Hosts: []string{"h-" + t}, Created: now}))
		must(w.store.CreateAccount(ctx, &model.Account{
			ID: id(t, "user"), Tenant: t, Name: named(t, "user"), Email: named(t, "mail"), Groups: []string{id(t, "group")}, Created: now,
		}))
		must(w.store.CreateToken(ctx, &model.Token{
			ID: id(t, "token"), User: id(t, "user"), Tenant: t, Name: named(t, "token"), Prefix: "bht_x", SecretHash: hash(t),
			Scopes: []string{"Read"}, Created: now, Expires: now.Add(time.Hour),
		}))
		must(w.store.CreateAssessment(ctx, &model.Published{
			ID: id(t, "assessment"), Tenant: t, Node: named(t, "node"), NodeName: named(t, "nodename"), Time: now, Published: now,
			Publisher: id(t, "user"), Statuses: map[string]model.Status{"8.1.a": model.Met}, Document: []byte("{}"),
		}))
		must(w.store.CreateAccess(ctx, &model.Access{
			ID: id(t, "access"), Tenant: t, User: id(t, "user"), Action: "UserDelete", Resource: model.Ref{Type: "User", ID: id(t, "user")},
			Reason: named(t, "reason"), Duration: time.Hour, State: model.AccessPending, Created: now, Expires: now.Add(time.Hour),
		}))
		must(w.store.CreateProposal(ctx, &model.Proposal{
			ID: id(t, "proposal"), Tenant: t, Files: []model.PolicyFile{{Name: "a.cedar", Text: "// " + named(t, "text")}}, Note: named(t, "note"),
			Author: id(t, "user"), State: model.ProposalPending, Check: []byte("{}"), Created: now,
		}))
		must(w.store.IndexRecords(ctx, []model.LogRecord{{Origin: "log", Index: uint64(i), Record: model.Record{
			ID: id(t, "record"), Time: now, Tenant: t, Action: "UserRead", Actor: id(t, "user"), Outcome: model.OutcomeAllowed,
			Resource: model.Ref{Type: "User", ID: id(t, "user")},
		}, Event: []byte("{}")}}))
		w.fillFleet(t, now)
	}
}

func id(tenant, kind string) string { return named(tenant, kind) }

func named(tenant, kind string) string {
	if tenant == "globex" {
		return marker + "-" + kind
	}
	return tenant + "-" + kind
}

func hash(s string) []byte {
	d := sha256.Sum256([]byte(s))
	return d[:]
}

// account makes an account that signs in with the secret "bhs_NAME".
func (w *world) account(name, tenant string, strength model.Strength, roles ...string) *model.Account {
	w.t.Helper()
	a := &model.Account{ID: "id-" + name, Tenant: tenant, Name: name, Roles: roles, Created: time.Now()}
	if slices.Contains(roles, model.RoleOperator) {
		a.Hosts = []string{"h1"}
	}
	if err := w.store.CreateAccount(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
	if slices.Contains(roles, model.RoleAdministrator) {
		able(w.t, w.store, a.ID)
	}
	w.signIn("bhs_"+name, a.ID, strength, model.Ref{Type: "Session", ID: "s-" + name}, nil)
	return a
}

// signIn lets a secret in as an account, as the account is when it is asked.
func (w *world) signIn(secret, user string, strength model.Strength, credential model.Ref, scopes []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.signIns[secret] = func() (model.Principal, error) {
		a, err := w.store.Account(context.Background(), user)
		if err != nil || a.Disabled {
			return model.Principal{}, &model.Error{Code: model.CodeUnauthenticated, Message: "nobody is signed in", Err: err}
		}
		p := model.Principal{
			Ref: model.Ref{Type: "User", ID: a.ID}, Name: a.Name, Tenant: a.Tenant, Roles: a.Roles, Groups: a.Groups, Hosts: a.Hosts,
			Credential: credential, Scopes: scopes, Auth: strength,
		}
		groups, err := w.store.GroupsOf(context.Background(), a)
		for _, g := range groups {
			p.Roles, p.Hosts = append(slices.Clone(p.Roles), g.Roles...), append(slices.Clone(p.Hosts), g.Hosts...)
		}
		return p, err
	}
}

// Authenticate implements gate.Authenticator.
func (w *world) Authenticate(_ context.Context, secret, _, _ string) (model.Principal, error) {
	w.mu.Lock()
	f := w.signIns[secret]
	w.mu.Unlock()
	if f == nil {
		return model.Principal{}, &model.Error{Code: model.CodeUnauthenticated, Message: "nobody is signed in"}
	}
	return f()
}

// Append implements gate.Recorder.
func (w *world) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records = append(w.records, r)
	return model.LogRecord{Origin: "log", Index: uint64(len(w.records)), Record: r}, nil
}

// Later implements gate.Recorder.
func (w *world) Later(ctx context.Context, r model.Record) error {
	_, err := w.Append(ctx, r)
	return err
}

// Invite implements api.Inviter.
func (w *world) Invite(context.Context, *model.Account) (string, time.Time, error) {
	return "bhe_code", time.Now().Add(time.Hour), nil
}

// CreateToken implements api.TokenMaker.
func (w *world) CreateToken(ctx context.Context, user, name string, scopes []string, days int, _ model.Principal) (*model.Token, string, error) {
	a, err := w.store.Account(ctx, user)
	if err != nil {
		return nil, "", err
	}
	t := &model.Token{
		ID: "new-" + name, User: user, Tenant: a.Tenant, Name: name, Scopes: scopes, SecretHash: hash(name), Created: time.Now(),
		Expires: time.Now().AddDate(0, 0, days),
	}
	return t, "bht_secret", w.store.CreateToken(ctx, t)
}

func strong() model.Strength {
	now := time.Now()
	return model.Strength{AMR: []string{"pwd", "hwk", "mfa"}, MFA: true, PhishingResistant: true, Time: now, FactorTime: now}
}

// serve puts the world behind TLS with HTTP/2.
func (w *world) serve() *httptest.Server {
	srv := httptest.NewUnstartedServer(w.mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	w.t.Cleanup(srv.Close)
	return srv
}

func as(t testing.TB, secret string) context.Context {
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer "+secret)
	return ctx
}
