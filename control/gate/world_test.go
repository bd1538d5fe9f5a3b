package gate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// world is the gate with parts in memory, behind a real server.
type world struct {
	mu        sync.Mutex
	gate      *Gate
	now       time.Time
	callers   map[string]model.Principal // by secret
	decide    func(model.Request) model.Decision
	objects   map[model.Ref]model.Object
	answers   map[string]*model.Answer
	approved  bool
	auditErr  error
	spooled   bool           // records wait in the spool
	records   []model.Record // appended
	later     []model.Record
	events    []string
	http      *http.Client
	url       string
	tenants   tenantStub
	watchStub watchStub
}

func (w *world) Authenticate(_ context.Context, secret, _, _ string) (model.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.callers[secret]
	if !ok {
		return p, &model.Error{Code: model.CodeUnauthenticated, Message: "nobody is signed in"}
	}
	return p, nil
}

func (w *world) Decide(_ context.Context, r model.Request) model.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.decide(r)
}

func (w *world) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.auditErr != nil {
		return model.LogRecord{}, w.auditErr
	}
	w.records = append(w.records, r)
	w.events = append(w.events, "record "+string(r.Outcome))
	if w.spooled {
		return model.LogRecord{Record: r}, nil
	}
	return model.LogRecord{Origin: "log", Index: uint64(len(w.records) - 1), Record: r}, nil
}

func (w *world) Later(_ context.Context, r model.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.later = append(w.later, r)
	return w.auditErr
}

func (w *world) Object(_ context.Context, ref model.Ref) (model.Object, error) {
	if o, ok := w.objects[ref]; ok {
		return o, nil
	}
	return model.Object{}, &model.Error{Code: model.CodeNotFound, Message: "secret text of the store"}
}

func (w *world) InTx(ctx context.Context, f func(context.Context) error) error {
	w.event("begin")
	if err := f(ctx); err != nil {
		w.event("rollback")
		return err
	}
	w.event("commit")
	return nil
}

func (w *world) Answer(_ context.Context, key string) (*model.Answer, error) {
	if a, ok := w.answers[key]; ok {
		return a, nil
	}
	return nil, &model.Error{Code: model.CodeNotFound, Message: "no answer"}
}

func (w *world) KeepAnswer(_ context.Context, a *model.Answer) error {
	if _, there := w.answers[a.Key]; there {
		return &model.Error{Code: model.CodeExists, Message: "answered"}
	}
	w.answers[a.Key] = a
	return nil
}

func (w *world) ApprovedAccess(context.Context, string, string, model.Ref, time.Time) (*model.Access, error) {
	if w.approved {
		return &model.Access{}, nil
	}
	return nil, &model.Error{Code: model.CodeNotFound, Message: "none"}
}

func (w *world) event(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, s)
}

type tenantStub struct {
	bulkheadv1connect.UnimplementedTenantServiceHandler
	bulkheadv1connect.UnimplementedUserServiceHandler
	bulkheadv1connect.UnimplementedAccountServiceHandler
	w      *world
	fail   error
	during func() // runs in CreateTenant
}

func (s *tenantStub) CreateTenant(_ context.Context, r *bulkheadv1.CreateTenantRequest) (*bulkheadv1.Tenant, error) {
	s.w.event("handler")
	if s.during != nil {
		s.during()
	}
	if s.fail != nil {
		return nil, s.fail
	}
	if r.GetTenant().GetId() == "panic" {
		panic("very secret detail")
	}
	return r.GetTenant(), nil
}

func (s *tenantStub) GetTenant(_ context.Context, r *bulkheadv1.Id) (*bulkheadv1.Tenant, error) {
	return &bulkheadv1.Tenant{Id: r.GetId()}, nil
}

func (s *tenantStub) DeleteTenant(context.Context, *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, nil
}

func (s *tenantStub) CreateUser(context.Context, *bulkheadv1.CreateUserRequest) (*bulkheadv1.CreateUserResponse, error) {
	s.w.event("handler")
	return &bulkheadv1.CreateUserResponse{User: &bulkheadv1.User{Id: "u9", Name: "new"}, EnrolmentCode: "bhe_once"}, nil
}

func (s *tenantStub) ChangePassword(context.Context, *bulkheadv1.ChangePasswordRequest) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, nil
}

type watchStub struct{}

func (watchStub) Watch(ctx context.Context, _ *bulkheadv1.WatchRequest, out *connect.ServerStream[bulkheadv1.Change]) error {
	if err := out.Send(&bulkheadv1.Change{Operation: "alive"}); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func person(id, tenant string, roles ...string) model.Principal {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return model.Principal{
		Ref: model.Ref{Type: "User", ID: id}, Name: id, Tenant: tenant, Roles: roles,
		Credential: model.Ref{Type: "Session", ID: "s-" + id},
		Auth:       model.Strength{AMR: []string{"pwd", "otp"}, MFA: true, Time: now, FactorTime: now},
	}
}

func tenantObject(id string) model.Object {
	ref := model.Ref{Type: "Tenant", ID: id}
	return model.Object{Ref: ref, Attrs: map[string]any{"tenant": ref}}
}

func newWorld(t *testing.T, change ...func(*Settings)) *world {
	t.Helper()
	w := &world{
		now: time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC), answers: map[string]*model.Answer{},
		callers: map[string]model.Principal{
			"bhs_admin": person("admin", "system", "administrator"), "bhs_alice": person("alice", "acme", "owner"),
		},
		objects: map[model.Ref]model.Object{},
	}
	for _, id := range []string{"system", "acme", "globex"} {
		o := tenantObject(id)
		w.objects[o.Ref] = o
	}
	w.decide = func(r model.Request) model.Decision {
		allowed := r.Principal.Tenant == "system" || tenantOf(r.Resource) == r.Principal.Tenant
		return model.Decision{Allowed: allowed, Reason: "stub", Policies: []string{"stub"}, PolicyVersion: "v1", PolicySets: map[string]int64{"acme": 1}}
	}
	settings := Settings{Recheck: 10 * time.Millisecond, FourEyes: []string{"TenantUpdate"}}
	for _, f := range change {
		f(&settings)
	}
	g, err := New(Options{
		Authn: w, Authz: w, Audit: w, Objects: w, Ledger: w, Approvals: w, Settings: settings, Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.gate = g
	w.tenants.w = w
	mux := http.NewServeMux()
	opt := g.HandlerOption()
	mux.Handle(bulkheadv1connect.NewTenantServiceHandler(&w.tenants, opt))
	mux.Handle(bulkheadv1connect.NewUserServiceHandler(&w.tenants, opt))
	mux.Handle(bulkheadv1connect.NewAccountServiceHandler(&w.tenants, opt))
	mux.Handle(bulkheadv1connect.NewWatchServiceHandler(w.watchStub, opt))
	mux.Handle(bulkheadv1connect.NewAuthServiceHandler(bulkheadv1connect.UnimplementedAuthServiceHandler{}, opt))
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.http, w.url = srv.Client(), srv.URL
	return w
}

// as is a context for a client's call with a credential and further headers.
func as(t *testing.T, secret string, headers ...string) context.Context {
	t.Helper()
	ctx, info := connect.NewClientContext(t.Context())
	if secret != "" {
		info.RequestHeader().Set("Authorization", "Bearer "+secret)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		info.RequestHeader().Set(headers[i], headers[i+1])
	}
	return ctx
}

func (w *world) tenantClient() bulkheadv1connect.TenantServiceClient {
	return bulkheadv1connect.NewTenantServiceClient(w.http, w.url)
}

// detail is what comes with an error.
func detail(t *testing.T, err error) *bulkheadv1.ErrorDetail {
	t.Helper()
	if err == nil {
		t.Fatal("the call went through")
	}
	var e *connect.Error
	if ok := connectError(err, &e); !ok || len(e.Details()) != 1 {
		t.Fatalf("no detail in %v", err)
	}
	m, err := e.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := m.(*bulkheadv1.ErrorDetail)
	if !ok {
		t.Fatalf("%T", m)
	}
	return d
}

func create(id string) *bulkheadv1.CreateTenantRequest {
	return &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: id, Name: "A name"}}
}

var _ proto.Message = (*bulkheadv1.Tenant)(nil)
