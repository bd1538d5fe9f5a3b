package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/fleet"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/drill"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// leftOut is a throw-away plane's adaptation, and what turns the demand for phishing-resistant factors on in it.
type leftOut struct {
	adapt  adapt
	demand func()
	times  fleet.Times
}

// leaveOut makes the adaptation that leaves one control out. It is for throw-away planes only: nothing of the
// configuration leads here.
func leaveOut(off drill.Control, now func() time.Time) (*leftOut, error) {
	var strictly atomic.Bool
	strict, err := authz.New(authz.Options{PhishingResistant: true})
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	o := &leftOut{demand: func() { strictly.Store(true) }}
	// A drill's clock may run faster than others, so it is looked more often for who is silent; and what began just now has not
	// missed anybody.
	o.times = fleet.Times{Watch: 100 * time.Millisecond, Flush: 2 * time.Second, Grace: time.Second}
	o.adapt.signIn = cheap
	o.adapt.authz = func(d gate.Decider) gate.Decider {
		return decide(func(ctx context.Context, r model.Request) model.Decision {
			if strictly.Load() {
				return strict.Decide(ctx, r)
			}
			return d.Decide(ctx, r)
		})
	}
	switch off {
	case drill.ControlNone:
	case drill.ControlAuthorization:
		o.adapt.authz = func(gate.Decider) gate.Decider {
			return decide(func(context.Context, model.Request) model.Decision {
				return model.Decision{Allowed: true, Reason: "authorization is left out"}
			})
		}
	case drill.ControlAuthentication:
		o.adapt.door, o.adapt.authn = believeHeader, believer(now)
	case drill.ControlConfinement:
		u := &unconfined{}
		o.adapt.authz = u.decider
		o.adapt.services = func(s *api.Services) { u.PolicyServiceHandler, s.Policies = s.Policies, u }
	case drill.ControlRevocation:
		o.adapt.authn = rememberer
	case drill.ControlSecondFactor:
		o.adapt.store = func(s authn.Store) authn.Store { return trusting{s} }
	case drill.ControlReplay:
		o.adapt.store = func(s authn.Store) authn.Store { return forgetful{s} }
	case drill.ControlPhishingResistant:
		o.demand = func() {}
	case drill.ControlStepUp:
		o.adapt.authn = strengthen(func(a *model.Strength) { a.FactorTime = now() })
	case drill.ControlNodeWatch:
		o.times.Watch = 365 * day // never
	default:
		return nil, fmt.Errorf("the control %q can't be left out", off)
	}
	return o, nil
}

type decide func(context.Context, model.Request) model.Decision

// Decide implements gate.Decider.
func (d decide) Decide(ctx context.Context, r model.Request) model.Decision { return d(ctx, r) }

type authenticate func(ctx context.Context, secret, address, agent string) (model.Principal, error)

// Authenticate implements gate.Authenticator.
func (a authenticate) Authenticate(ctx context.Context, secret, address, agent string) (model.Principal, error) {
	return a(ctx, secret, address, agent)
}

// strengthen takes every sign-in for stronger than it was.
func strengthen(how func(*model.Strength)) func(gate.Authenticator) gate.Authenticator {
	return func(next gate.Authenticator) gate.Authenticator {
		return authenticate(func(ctx context.Context, secret, address, agent string) (model.Principal, error) {
			p, err := next.Authenticate(ctx, secret, address, agent)
			if err == nil {
				how(&p.Auth)
			}
			return p, err
		})
	}
}

const forwarded = "forwarded-user:"

// believeHeader is the door of a server that trusts whatever comes for a proxy.
func believeHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.Header.Get("X-Forwarded-User"); name != "" {
			r.Header.Set("Authorization", "Bearer "+forwarded+name)
		}
		next.ServeHTTP(w, r)
	})
}

func believer(now func() time.Time) func(gate.Authenticator) gate.Authenticator {
	return func(next gate.Authenticator) gate.Authenticator {
		return authenticate(func(ctx context.Context, secret, address, agent string) (model.Principal, error) {
			name, ok := strings.CutPrefix(secret, forwarded)
			if !ok {
				return next.Authenticate(ctx, secret, address, agent)
			}
			return model.Principal{
				Ref: model.Ref{Type: "User", ID: name}, Name: name, Tenant: model.SystemTenant, Roles: []string{model.RoleAdministrator},
				Credential: model.Ref{Type: "Session", ID: "forwarded"},
				Auth:       model.Strength{AMR: []string{"mfa"}, MFA: true, Time: now(), FactorTime: now()},
			}, nil
		})
	}
}

// rememberer takes a credential that was good once for good.
func rememberer(next gate.Authenticator) gate.Authenticator {
	var known sync.Map
	return authenticate(func(ctx context.Context, secret, address, agent string) (model.Principal, error) {
		if p, ok := known.Load(secret); ok {
			if p, ok := p.(model.Principal); ok {
				return p, nil
			}
		}
		p, err := next.Authenticate(ctx, secret, address, agent)
		if err == nil && p.Credential.Type == "Token" { // sessions grow stronger under one secret
			known.Store(secret, p)
		}
		return p, err
	})
}

// forgetful does not keep which codes were used.
type forgetful struct{ authn.Store }

// FactorsOf implements authn.FactorStore.
func (f forgetful) FactorsOf(ctx context.Context, user string) ([]model.Factor, error) {
	list, err := f.Store.FactorsOf(ctx, user)
	for i := range list {
		list[i].Counter = 0
	}
	return list, err
}

// UpdateFactor implements authn.FactorStore.
func (forgetful) UpdateFactor(context.Context, *model.Factor, int64) error { return nil }

// trusting keeps every session as one that showed two factors.
type trusting struct{ authn.Store }

// CreateSession implements authn.SessionStore.
func (t trusting) CreateSession(ctx context.Context, s *model.Session) error {
	return t.Store.CreateSession(ctx, trusted(s))
}

// RotateSession implements authn.SessionStore.
func (t trusting) RotateSession(ctx context.Context, old string, s *model.Session) error {
	return t.Store.RotateSession(ctx, old, trusted(s))
}

func trusted(s *model.Session) *model.Session {
	s.Auth.MFA, s.Auth.Pending, s.Auth.FactorTime = true, false, s.Created
	return s
}

// unconfined takes any policies from anybody and lets them permit anything anywhere.
type unconfined struct {
	bulkheadv1connect.PolicyServiceHandler
	mu    sync.Mutex
	texts []string
}

// ApplyPolicies implements PolicyService.
func (u *unconfined) ApplyPolicies(_ context.Context, r *bulkheadv1.ApplyPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, f := range r.GetFiles() {
		u.texts = append(u.texts, f.GetText())
	}
	return &bulkheadv1.PolicySet{}, nil
}

func (u *unconfined) permits(r model.Request) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	ask := cedar.Request{Principal: uid(r.Principal.Ref), Action: uid(model.Ref{Type: "Action", ID: r.Action}), Resource: uid(r.Resource.Ref)}
	for _, text := range u.texts {
		policies, err := cedar.NewPolicySetFromBytes("", []byte(text))
		if err != nil {
			continue
		}
		if answer, _ := cedar.Authorize(policies, cedar.EntityMap{}, ask); answer == cedar.Allow {
			return true
		}
	}
	return false
}

func (u *unconfined) decider(next gate.Decider) gate.Decider {
	return decide(func(ctx context.Context, r model.Request) model.Decision {
		if u.permits(r) {
			return model.Decision{Allowed: true, Reason: "confinement is left out"}
		}
		return next.Decide(ctx, r)
	})
}

func uid(r model.Ref) cedar.EntityUID {
	return cedar.NewEntityUID(cedar.EntityType("Bulkhead::"+r.Type), cedar.String(r.ID))
}
