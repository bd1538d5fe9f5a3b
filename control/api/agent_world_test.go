package api_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/identity/pki"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// yard is a fleet in memory behind the real gate, policies, CA and TLS; the nodes' logs are in a real database.
type yard struct {
	*world
	agents *api.Agents
	ca     *pki.NodeAuthority
	url    string

	mu       sync.Mutex
	now      time.Time
	auditErr error
	tokens   map[string]model.JoinToken
	members  map[string]model.Member
	keys     map[string]bool // that ever were
	events   []model.Event
	reports  []api.AgentReport
	reused   []string
	items    []api.AgentItem
	have     api.AgentHave
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{now: time.Now(), tokens: map[string]model.JoinToken{}, members: map[string]model.Member{}, keys: map[string]bool{}}
	clock := func() time.Time { return y.now }
	y.world = newWorld(t, func(w *world) api.Services {
		y.world = w
		keys, err := pki.OpenKeys(t.Context(), filepath.Join(t.TempDir(), "master.key"), w.store)
		if err != nil {
			t.Fatal(err)
		}
		if y.ca, err = keys.NodeAuthority(t.Context(), clock); err != nil {
			t.Fatal(err)
		}
		y.agents, err = api.NewAgents(api.AgentOptions{
			Joins: y, Nodes: y, Authority: y.ca, Audit: y, Fleet: y, Logs: logsOf{w.store, y}, Transfers: w.store, PolicyKey: "policy key", Life: 24 * time.Hour, Now: clock,
			Reader: api.NodeLogReader{Decode: audit.Decode, Checkpoint: audit.ParseCheckpoint, Extend: audit.Extend, Covers: audit.Covers},
		})
		if err != nil {
			t.Fatal(err)
		}
		s := real(w)
		s.Agents = y.agents
		return s
	})
	for _, tenant := range []string{"acme", "globex"} {
		if err := y.store.CreatePool(t.Context(), &model.Pool{ID: tenant + "/edge", Tenant: tenant, Name: "edge"}); err != nil {
			t.Fatal(err)
		}
	}
	nodes, err := authn.NewNodes(authn.NodeOptions{
		Store: y, Authority: y.ca, Grace: 30 * 24 * time.Hour, Clock: clock,
		Reused: func(ctx context.Context, m *model.Member, serial string) {
			y.reused = append(y.reused, m.Name+" "+serial+" "+gate.ClientOf(ctx).Address)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	y.gate.Nodes = nodes
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := r.TLS.PeerCertificates; len(c) > 0 {
			r = r.WithContext(gate.WithCertificate(r.Context(), c[0].Raw))
		}
		y.mux.ServeHTTP(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	y.url = srv.URL
	return y
}

// Append implements gate.Recorder for joins.
func (y *yard) Append(ctx context.Context, r model.Record) (model.LogRecord, error) {
	if y.auditErr != nil {
		return model.LogRecord{}, y.auditErr
	}
	return y.world.Append(ctx, r)
}

// Later implements gate.Recorder.
func (y *yard) Later(ctx context.Context, r model.Record) error {
	_, err := y.Append(ctx, r)
	return err
}

// InTx implements api.JoinStore: one at a time, all or nothing.
func (y *yard) InTx(ctx context.Context, f func(context.Context) error) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	tokens, members, keys, events := maps.Clone(y.tokens), maps.Clone(y.members), maps.Clone(y.keys), slices.Clone(y.events)
	err := f(context.WithValue(ctx, inTx{}, true))
	if err != nil {
		y.tokens, y.members, y.keys, y.events = tokens, members, keys, events
	}
	return err
}

type inTx struct{}

func (y *yard) lock(ctx context.Context) func() {
	if ctx.Value(inTx{}) != nil {
		return func() {}
	}
	y.mu.Lock()
	return y.mu.Unlock
}

func missing(what string) error {
	return &model.Error{Code: model.CodeNotFound, Message: "there is no such " + what}
}

func (y *yard) JoinToken(ctx context.Context, id string) (*model.JoinToken, error) {
	defer y.lock(ctx)()
	t, ok := y.tokens[id]
	if !ok {
		return nil, missing("token")
	}
	return &t, nil
}

func (y *yard) JoinTokenBySecret(ctx context.Context, hash []byte) (*model.JoinToken, error) {
	defer y.lock(ctx)()
	for _, t := range y.tokens {
		if string(t.SecretHash) == string(hash) {
			return &t, nil
		}
	}
	return nil, missing("token")
}

func (y *yard) UseJoinToken(_ context.Context, id, node string, when time.Time) error {
	t := y.tokens[id]
	if !t.Used.IsZero() {
		return &model.Error{Code: model.CodeConflict, Message: "used"}
	}
	t.Used, t.UsedBy = when, node
	y.tokens[id] = t
	return nil
}

func (y *yard) CreateNode(_ context.Context, m *model.Member) error {
	taken := func(field string) error { return &model.Error{Code: model.CodeExists, Message: "taken", Field: field} }
	if _, ok := y.members[m.ID]; ok {
		return taken("machine")
	}
	for _, o := range y.members {
		if o.Tenant == m.Tenant && o.Name == m.Name {
			return taken("name")
		}
	}
	if y.keys[string(m.KeyHash)] {
		return taken("csr")
	}
	y.members[m.ID], y.keys[string(m.KeyHash)] = *m, true
	return nil
}

func (y *yard) ReplaceNode(ctx context.Context, old string, m *model.Member) error {
	o := y.members[old]
	o.Name, o.Revoked, o.Health, o.RevokedReason = o.Name+"~"+old[:8], y.now, model.HealthRevoked, "replaced"
	y.members[old] = o
	return y.CreateNode(ctx, m)
}

func (y *yard) Node(ctx context.Context, id string) (*model.Member, error) {
	defer y.lock(ctx)()
	m, ok := y.members[id]
	if !ok {
		return nil, missing("node")
	}
	return &m, nil
}

func (y *yard) NodeByName(ctx context.Context, tenant, name string) (*model.Member, error) {
	defer y.lock(ctx)()
	for _, m := range y.members {
		if m.Tenant == tenant && m.Name == name {
			return &m, nil
		}
	}
	return nil, missing("node")
}

func (y *yard) RenewNode(ctx context.Context, id, serial, next string, ends time.Time) error {
	defer y.lock(ctx)()
	m := y.members[id]
	if serial != m.Serial && serial != m.Previous {
		return &model.Error{Code: model.CodeConflict, Message: "renewed meanwhile"}
	}
	m.Serial, m.Previous, m.CertificateEnds = next, serial, ends
	y.members[id] = m
	return nil
}

func (y *yard) UseCertificate(ctx context.Context, id, serial string) error {
	defer y.lock(ctx)()
	m := y.members[id]
	if m.Serial == serial {
		m.Previous = ""
	}
	y.members[id] = m
	return nil
}

func (y *yard) change(id string, f func(*model.Member)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	m := y.members[id]
	f(&m)
	y.members[id] = m
}

func (y *yard) Event(ctx context.Context, e model.Event) error {
	defer y.lock(ctx)()
	y.events = append(y.events, e)
	return nil
}

func (y *yard) Report(_ context.Context, m *model.Member, r api.AgentReport) (api.AgentAnswer, error) {
	y.reports = append(y.reports, r)
	return api.AgentAnswer{Facts: m.ID, Resync: true}, nil
}

func (y *yard) Follow(_ context.Context, _ *model.Member, have api.AgentHave, send func(api.AgentItem) error) error {
	y.have = have
	for _, i := range y.items {
		if err := send(i); err != nil {
			return err
		}
	}
	return &model.Error{Code: model.CodeUnauthenticated, Message: "the node was revoked"}
}

// logsOf is the database with the keys of nodes' logs in memory.
type logsOf struct {
	*store.Store
	y *yard
}

// SetLogKey implements api.NodeLogStore.
func (l logsOf) SetLogKey(_ context.Context, id, key string) error {
	if m := l.y.members[id]; m.LogKey != "" && m.LogKey != key {
		return &model.Error{Code: model.CodeConflict, Message: "another key"}
	}
	l.y.change(id, func(m *model.Member) { m.LogKey = key })
	return nil
}

// token makes a join token of acme and gives its secret.
func (y *yard) token(id string, change ...func(*model.JoinToken)) string {
	secret, hash := api.NewJoinSecret()
	t := model.JoinToken{
		ID: id, Tenant: "acme", SecretHash: hash, Pool: "edge", Labels: map[string]string{"rack": "7"}, Sensitivity: "secret", Creator: "id-owner",
		Created: y.now, Expires: y.now.Add(time.Hour),
	}
	for _, f := range change {
		f(&t)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.tokens[id] = t
	return secret
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func csrOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// dial gives an HTTP client that shows a certificate, or none.
func (y *yard) dial(der []byte, key crypto.Signer) *http.Client {
	c := &tls.Config{InsecureSkipVerify: true}
	if der != nil {
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	}
	tr := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	y.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (y *yard) agent(der []byte, key crypto.Signer) bulkheadv1connect.AgentServiceClient {
	return bulkheadv1connect.NewAgentServiceClient(y.dial(der, key), y.url)
}

// Pool implements api.JoinStore.
func (y *yard) Pool(ctx context.Context, id string) (*model.Pool, error) {
	return y.store.Pool(ctx, id)
}

// machine is a node that joined.
type machine struct {
	bulkheadv1connect.AgentServiceClient
	key  *ecdsa.PrivateKey
	csr  []byte
	res  *bulkheadv1.JoinResponse
	yard *yard
}

func (y *yard) join(t *testing.T, name string, change ...func(*bulkheadv1.JoinRequest)) (*machine, error) {
	t.Helper()
	m := &machine{key: newKey(t), yard: y}
	m.csr = csrOf(t, m.key)
	r := &bulkheadv1.JoinRequest{
		Csr: m.csr, Name: name, Machine: hex.EncodeToString(hash(name)[:16]), Version: "1.2", Addresses: []string{"192.0.2.7"},
	}
	for _, f := range change {
		f(r)
	}
	if r.GetToken() == "" {
		r.Token = y.token("token-" + name)
	}
	var err error
	m.res, err = y.agent(nil, nil).Join(t.Context(), r)
	m.AgentServiceClient = y.agent(m.res.GetCertificate(), m.key)
	return m, err
}

func (y *yard) joined(t *testing.T, name string, change ...func(*bulkheadv1.JoinRequest)) *machine {
	t.Helper()
	m, err := y.join(t, name, change...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// refused gives code and remedy of an error, with the record's reasons since the call.
func refusedAs(t *testing.T, err error) *bulkheadv1.ErrorDetail {
	t.Helper()
	var e *connect.Error
	if !asConnect(err, &e) || len(e.Details()) != 1 {
		t.Fatalf("no error with a detail: %v", err)
	}
	v, err := e.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := v.(*bulkheadv1.ErrorDetail)
	if !ok {
		t.Fatalf("%T", v)
	}
	return d
}
