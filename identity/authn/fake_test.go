package authn

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// memory is a store in memory, for tests of what the package itself decides.
type memory struct {
	mu        sync.Mutex
	accounts  map[string]model.Account
	groups    map[string]model.AccountGroup
	passwords map[string]model.Password
	factors   map[string]model.Factor
	sessions  map[string]model.Session
	tokens    map[string]model.Token
	tickets   map[string]model.Ticket
	failures  map[string]failure
	secrets   map[string][]byte
}

type failure struct {
	n    int
	last time.Time
}

func newMemory() *memory {
	return &memory{
		accounts: map[string]model.Account{}, groups: map[string]model.AccountGroup{}, passwords: map[string]model.Password{},
		factors: map[string]model.Factor{}, sessions: map[string]model.Session{}, tokens: map[string]model.Token{},
		tickets: map[string]model.Ticket{}, failures: map[string]failure{}, secrets: map[string][]byte{},
	}
}

func coder(code model.Code) error { return &model.Error{Code: code, Message: string(code)} }

func get[V any](m *memory, in map[string]V, id string) (*V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := in[id]
	if !ok {
		return nil, coder(model.CodeNotFound)
	}
	return &v, nil
}

func add[V any](m *memory, in map[string]V, id string, v V) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := in[id]; ok {
		return coder(model.CodeExists)
	}
	in[id] = v
	return nil
}

func find[V any](m *memory, in map[string]V, is func(V) bool) (*V, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range in {
		if is(v) {
			return &v, nil
		}
	}
	return nil, coder(model.CodeNotFound)
}

func all[V any](m *memory, in map[string]V, is func(V) bool) []V {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []V
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if is(in[k]) {
			out = append(out, in[k])
		}
	}
	return out
}

// InTx rolls back by putting the maps back.
func (m *memory) InTx(ctx context.Context, do func(context.Context) error) error {
	m.mu.Lock()
	was := *newMemory()
	was.accounts, was.passwords, was.factors = maps.Clone(m.accounts), maps.Clone(m.passwords), maps.Clone(m.factors)
	was.sessions, was.tickets, was.secrets = maps.Clone(m.sessions), maps.Clone(m.tickets), maps.Clone(m.secrets)
	m.mu.Unlock()
	err := do(ctx)
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.accounts, m.passwords, m.factors = was.accounts, was.passwords, was.factors
		m.sessions, m.tickets, m.secrets = was.sessions, was.tickets, was.secrets
	}
	return err
}

func (m *memory) Secret(_ context.Context, name string) ([]byte, error) {
	b, err := get(m, m.secrets, name)
	if err != nil {
		return nil, err
	}
	return *b, nil
}

func (m *memory) CreateSecret(_ context.Context, name string, b []byte) error {
	return add(m, m.secrets, name, b)
}

func (m *memory) CreateAccount(_ context.Context, a *model.Account) error {
	if _, err := m.AccountByName(context.Background(), a.Tenant, a.Name); err == nil {
		return coder(model.CodeExists)
	}
	a.Version = 1
	return add(m, m.accounts, a.ID, *a)
}

func (m *memory) Account(_ context.Context, id string) (*model.Account, error) {
	return get(m, m.accounts, id)
}

func (m *memory) AccountByName(_ context.Context, tenant, name string) (*model.Account, error) {
	return find(m, m.accounts, func(a model.Account) bool { return a.Tenant == tenant && a.Name == name })
}

func (m *memory) AccountByIssuer(_ context.Context, issuer, subject string) (*model.Account, error) {
	return find(m, m.accounts, func(a model.Account) bool { return a.Issuer == issuer && a.Subject == subject })
}

func (m *memory) UpdateAccount(_ context.Context, a *model.Account) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[a.ID].Version != a.Version {
		return coder(model.CodeConflict)
	}
	a.Version++
	m.accounts[a.ID] = *a
	return nil
}

func (m *memory) TouchAccount(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[id]
	a.LastSignIn = at
	m.accounts[id] = a
	return nil
}

func (m *memory) Administrators(context.Context) ([]model.Account, error) {
	return all(m, m.accounts, func(a model.Account) bool {
		return a.Tenant == model.SystemTenant && !a.Disabled && slices.Contains(a.Roles, model.RoleAdministrator)
	}), nil
}

func (m *memory) Groups(_ context.Context, q model.Query) ([]model.AccountGroup, string, error) {
	return all(m, m.groups, func(g model.AccountGroup) bool { return g.Tenant == q.Tenant && g.Name == q.Where[0].Value }), "", nil
}

func (m *memory) GroupsOf(_ context.Context, a *model.Account) ([]model.AccountGroup, error) {
	return all(m, m.groups, func(g model.AccountGroup) bool { return slices.Contains(a.Groups, g.ID) }), nil
}

func (m *memory) SetPassword(_ context.Context, p *model.Password) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passwords[p.User] = *p
	return nil
}

func (m *memory) Password(_ context.Context, user string) (*model.Password, error) {
	return get(m, m.passwords, user)
}

func (m *memory) CreateFactor(_ context.Context, f *model.Factor) error {
	return add(m, m.factors, f.ID, *f)
}

func (m *memory) FactorsOf(_ context.Context, user string) ([]model.Factor, error) {
	return all(m, m.factors, func(f model.Factor) bool { return f.User == user }), nil
}

func (m *memory) UpdateFactor(_ context.Context, f *model.Factor, was int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.factors[f.ID].Counter != was {
		return coder(model.CodeConflict)
	}
	m.factors[f.ID] = *f
	return nil
}

func (m *memory) DeleteFactor(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.factors, id)
	return nil
}

func (m *memory) CreateSession(_ context.Context, s *model.Session) error {
	return add(m, m.sessions, s.ID, *s)
}

func (m *memory) Session(_ context.Context, id string) (*model.Session, error) {
	return get(m, m.sessions, id)
}

func (m *memory) SessionBySecret(_ context.Context, hash []byte) (*model.Session, error) {
	return find(m, m.sessions, func(s model.Session) bool { return bytes.Equal(s.SecretHash, hash) })
}

func (m *memory) SessionsOf(_ context.Context, user string) ([]model.Session, error) {
	return all(m, m.sessions, func(s model.Session) bool { return s.User == user }), nil
}

func (m *memory) TouchSession(_ context.Context, id string, seen, idle time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	s.LastSeen, s.Idle = seen, idle
	m.sessions[id] = s
	return nil
}

func (m *memory) RotateSession(_ context.Context, old string, s *model.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.sessions[old]; !ok {
		return coder(model.CodeNotFound)
	}
	delete(m.sessions, old)
	m.sessions[s.ID] = *s
	return nil
}

func (m *memory) DeleteSession(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, id)
	return nil
}

func (m *memory) DeleteSessionsOf(_ context.Context, user, except string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sessions, func(id string, s model.Session) bool { return s.User == user && id != except })
	return nil
}

func (m *memory) CreateToken(_ context.Context, t *model.Token) error {
	return add(m, m.tokens, t.ID, *t)
}

func (m *memory) Token(_ context.Context, id string) (*model.Token, error) {
	return get(m, m.tokens, id)
}

func (m *memory) TokenBySecret(_ context.Context, hash []byte) (*model.Token, error) {
	return find(m, m.tokens, func(t model.Token) bool { return bytes.Equal(t.SecretHash, hash) })
}

func (m *memory) RevokeToken(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[id]
	t.Revoked = at
	m.tokens[id] = t
	return nil
}

func (m *memory) TouchToken(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[id]
	t.LastUsed = at
	m.tokens[id] = t
	return nil
}

func (m *memory) CreateTicket(_ context.Context, t *model.Ticket) error {
	return add(m, m.tickets, t.ID, *t)
}

func (m *memory) Ticket(_ context.Context, kind model.TicketKind, id string) (*model.Ticket, error) {
	return find(m, m.tickets, func(t model.Ticket) bool { return t.Kind == kind && t.ID == id })
}

func (m *memory) TicketByLookup(_ context.Context, kind model.TicketKind, lookup string) (*model.Ticket, error) {
	return find(m, m.tickets, func(t model.Ticket) bool { return t.Kind == kind && t.Lookup == lookup })
}

func (m *memory) UpdateTicket(_ context.Context, t *model.Ticket) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tickets[t.ID] = *t
	return nil
}

func (m *memory) TakeTicket(_ context.Context, kind model.TicketKind, id string, now time.Time) (*model.Ticket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tickets[id]
	if !ok || t.Kind != kind {
		return nil, coder(model.CodeNotFound)
	}
	delete(m.tickets, id)
	if !now.Before(t.Expires) {
		return nil, coder(model.CodeExpired)
	}
	return &t, nil
}

func (m *memory) Failures(_ context.Context, key string) (int, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failures[key].n, m.failures[key].last, nil
}

func (m *memory) AddFailure(_ context.Context, key string, now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := failure{m.failures[key].n + 1, now}
	m.failures[key] = f
	return f.n, nil
}

func (m *memory) ClearFailures(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failures, key)
	return nil
}
