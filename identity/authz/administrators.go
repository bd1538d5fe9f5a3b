package authz

import (
	"context"
	"maps"
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// Administrator is an administrator with the strengths that a session of the account can have, by the factors that are
// registered: what nobody can show helps nobody.
type Administrator struct {
	Principal model.Principal // with roles and groups, by a session
	Ways      []model.Strength
}

// question is an action on an object.
type question struct {
	action string
	on     model.Object
}

// AdministratorsLeft are those of the given administrators who could still put policies and users right afterwards. With
// what they have registered, and no approval of another, they can change the policies and the users of the tenant
// "system"; and what comes before a factor is open to them: to show theirs, and to register one without having any, as
// whoever is invited or has lost it must. The request says from where and when.
func (e *Engine) AdministratorsLeft(ctx context.Context, administrators []Administrator, r model.Request) []model.Principal {
	s := e.now.Load()
	var left []model.Principal
	for _, a := range administrators {
		if ctx.Err() != nil {
			return left
		}
		if s.administrates(a, r) {
			left = append(left, a.Principal)
		}
	}
	return left
}

func (s *snapshot) administrates(a Administrator, r model.Request) bool {
	system := model.Object{Ref: model.Ref{Type: "Tenant", ID: model.SystemTenant}}
	own := model.Object{Ref: a.Principal.Ref}
	work := []question{
		{"PolicyApply", system},
		{"UserCreate", system},
		{"UserUpdate", model.Object{Ref: model.Ref{Type: "User", ID: "another user"}, Parents: []model.Ref{system.Ref}}},
		{"SessionStepUp", own},
	}
	return s.registers(a, own, r) && slices.ContainsFunc(a.Ways, func(w model.Strength) bool {
		return w.MFA && s.allows(a.Principal, w, r, work...)
	}) && s.shows(a, own, r)
}

// shows tells whether one whose factor is still to be shown can show it. Such a session has no roles yet; an account that
// signs in by a passkey alone has none.
func (s *snapshot) shows(a Administrator, own model.Object, r model.Request) bool {
	p := a.Principal
	p.Roles, p.Groups, p.Hosts = nil, nil, nil
	pending := slices.DeleteFunc(slices.Clone(a.Ways), func(w model.Strength) bool { return !w.Pending })
	return len(pending) == 0 || slices.ContainsFunc(pending, func(w model.Strength) bool {
		return s.allows(p, w, r, question{"SessionStepUp", own})
	})
}

// registers tells whether one who has no second factor, but the administrator's rights, can register one.
func (s *snapshot) registers(a Administrator, own model.Object, r model.Request) bool {
	alone := model.Strength{AMR: []string{"pwd"}}
	if i := slices.IndexFunc(a.Ways, func(w model.Strength) bool { return !w.MFA }); i >= 0 {
		alone.AMR = a.Ways[i].AMR
	}
	return s.allows(a.Principal, alone, r, question{"FactorRegister", own})
}

// allows tells whether all of the questions are answered with yes, right after such a sign-in.
func (s *snapshot) allows(p model.Principal, w model.Strength, r model.Request, all ...question) bool {
	p.Auth = w
	r.Principal, r.FreshFactor = p, w.MFA
	for _, q := range all {
		r.Action, r.Resource = q.action, q.on
		facts := r.Facts
		if s.schema.InGroup(q.action, groupSelfService) { // as the API's door says it of the own account
			r.Facts = withFact(facts, "has_factor", w.Pending || w.MFA)
		}
		d := s.decide(&r, Assume{NoFourEyes: true})
		r.Facts = facts
		if !d.Allowed {
			return false
		}
	}
	return true
}

func withFact(facts map[string]any, name string, v any) map[string]any {
	out := make(map[string]any, len(facts)+1)
	maps.Copy(out, facts)
	out[name] = v
	return out
}
