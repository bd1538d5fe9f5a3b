package authz

import (
	"fmt"
	"slices"

	cedar "github.com/cedar-policy/cedar-go"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	scopeAll        = "*"
	credentialToken = "Token"
)

// Assume says what to take for granted of a request, to find what it lacks.
type Assume struct {
	Factor            bool // a second factor
	PhishingResistant bool // a passkey
	Fresh             bool // a second factor, just now
	Approved          bool // a second person's approval
	// NoFourEyes leaves the demand for approval out: whether somebody may do it of own right.
	NoFourEyes bool
}

// decide answers without Needs.
func (s *snapshot) decide(r *model.Request, a Assume) model.Decision {
	act := s.schema.actions[r.Action]
	if act == nil || len(act.resources) == 0 {
		return s.refuse(r, fmt.Sprintf("%q is no action that can be asked for", r.Action))
	}
	if reason := s.scope(&r.Principal, act); reason != "" {
		return s.refuse(r, reason)
	}
	w, err := s.schema.newWorld(r, act)
	if err != nil {
		return s.refuse(r, err.Error())
	}
	list := s.index.candidates(make(walk, 0, 32), w.ancestors(w.principal), act.ancestors, w.ancestors(w.resource)).possible(r.Facts)
	facts, err := s.context(r, act, a, list.reads())
	if err != nil {
		return s.refuse(r, err.Error())
	}
	request := cedar.Request{Principal: w.principal.UID, Action: act.uid, Resource: w.resource.UID, Context: facts}
	outcome, why := cedar.Authorize(list, w, request)
	return s.answer(r, list, outcome, why)
}

// scope checks what a token is narrowed to: "*", an action, or a group that the action is in.
func (s *snapshot) scope(p *model.Principal, act *action) string {
	if p.Scopes == nil && p.Credential.Type != credentialToken {
		return ""
	}
	for _, scope := range p.Scopes {
		if scope == scopeAll || act.groups[scope] {
			return ""
		}
	}
	return fmt.Sprintf("the token's scopes do not include %s", act.name)
}

func (s *snapshot) fourEyes(r *model.Request) bool { return r.FourEyes || s.opts.fourEyes[r.Action] }

// answer is Cedar's outcome, except that a forbid that could not be evaluated refuses: Cedar leaves it out, and what was
// meant to be stopped would go through.
func (s *snapshot) answer(r *model.Request, list walk, outcome cedar.Decision, why cedar.Diagnostic) model.Decision {
	st := s.stamp(r.Principal.Tenant)
	d := model.Decision{Allowed: outcome == cedar.Allow, PolicyVersion: st.version, PolicySets: st.sets}
	var deciding, failed []*entry
	for _, e := range why.Errors {
		p := find(list, e.PolicyID)
		d.Errors = append(d.Errors, fmt.Sprintf("%s: %s", e.PolicyID, e.Message))
		if p.Effect == "forbid" {
			failed = append(failed, p)
		}
	}
	slices.Sort(d.Errors)
	for _, p := range why.Reasons {
		deciding = append(deciding, find(list, p.PolicyID))
	}
	byRank(deciding)
	switch {
	case len(failed) > 0 && (d.Allowed || len(deciding) == 0):
		byRank(failed)
		d.Allowed, deciding = false, failed
		d.Reason = fmt.Sprintf("the policy %s, which forbids, could not be evaluated; so it is refused", failed[0].ID)
	case len(deciding) == 0:
		d.Reason = fmt.Sprintf("no policy permits %s on %s to %s", r.Action, r.Resource.Ref, name(&r.Principal))
	default:
		d.Reason = reason(deciding[0])
		if !d.Allowed {
			d.Remedy = deciding[0].Remedy
		}
	}
	for _, p := range deciding {
		d.Policies = append(d.Policies, p.ID)
		d.RecordSession = d.RecordSession || p.Record && d.Allowed
	}
	return d
}

func find(list walk, id cedar.PolicyID) *entry {
	for _, e := range list {
		if e.id == id {
			return e
		}
	}
	return &entry{} // can't be: Cedar was given this list
}

func byRank(list []*entry) {
	if len(list) > 1 {
		slices.SortFunc(list, func(a, b *entry) int { return a.rank - b.rank })
	}
}

func reason(p *entry) string {
	if p.Reason != "" {
		return p.Reason
	}
	return "the policy " + p.ID + " " + p.Effect + "s it"
}

func name(p *model.Principal) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Ref.String()
}

func (s *snapshot) refuse(r *model.Request, reason string) model.Decision {
	st := s.stamp(r.Principal.Tenant)
	return model.Decision{Reason: reason, PolicyVersion: st.version, PolicySets: st.sets}
}

// needs finds what would have turned a refusal into a permission, by asking again with it. An API token can't show a
// factor, so that for it approval alone can help.
func (s *snapshot) needs(r *model.Request, a Assume) []model.Need {
	token := r.Principal.Credential.Type == credentialToken
	all := Assume{NoFourEyes: a.NoFourEyes, Approved: a.Approved || !a.NoFourEyes}
	if !token {
		all.Factor, all.PhishingResistant, all.Fresh = true, true, true
	}
	if all == a || !s.decide(r, all).Allowed {
		return nil
	}
	var needs []model.Need
	lacks := func(n model.Need, less Assume) bool {
		if less == all || s.decide(r, less).Allowed {
			return false
		}
		needs = append(needs, n)
		return true
	}
	less := all
	less.Factor = a.Factor
	factor := lacks(model.NeedFactor, less)
	less = all
	less.PhishingResistant = a.PhishingResistant
	lacks(model.NeedPhishingResistant, less)
	if less = all; !factor { // whoever shows one, shows it now
		less.Fresh = a.Fresh
		lacks(model.NeedStepUp, less)
	}
	less = all
	less.Approved = a.Approved
	lacks(model.NeedApproval, less)
	return needs
}
