package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Explain implements PolicyService.
func (s *Policies) Explain(ctx context.Context, r *bulkheadv1.ExplainRequest) (*bulkheadv1.Explanation, error) {
	tenant := gate.Scope(ctx, r.GetTenant())
	if r.GetRecord() != "" {
		return s.explainRecord(ctx, tenant, r.GetRecord())
	}
	q, err := s.question(ctx, r.GetTenant(), r.GetUser(), r.GetAction(), r.GetResource(), r.GetAttributes())
	if err != nil {
		return nil, err
	}
	if err := suppose(&q, r.GetContext()); err != nil {
		return nil, err
	}
	d := s.Engine.Decide(ctx, q)
	if _, supposed := r.GetContext().GetFields()["approved"]; supposed || !slices.Contains(d.Needs, model.NeedApproval) {
		return explanation(s.Engine, tenant, d), nil
	}
	// As at the gate: what a second person approved counts while it lasts.
	_, err = s.Approvals.ApprovedAccess(ctx, q.Principal.ID, q.Action, q.Resource.Ref, q.Time)
	if model.CodeOf(err) == model.CodeNotFound {
		return explanation(s.Engine, tenant, d), nil
	}
	if err != nil {
		return nil, err
	}
	q.Approved = true
	return explanation(s.Engine, tenant, s.Engine.Decide(ctx, q)), nil
}

// ofOthers says whether a policy is of a tenant of which somebody who sees only the given one learns nothing. Ids of shipped policies are
// FILE/ID, those of a tenant's begin with the tenant.
func ofOthers(tenant, policy string) bool {
	owner, rest, _ := strings.Cut(policy, "/")
	return strings.Contains(rest, "/") && foreign(tenant, owner)
}

// foreign says whether something of owner is kept from somebody who sees only the given tenant; "" is all.
func foreign(tenant, owner string) bool {
	return tenant != "" && owner != tenant && owner != model.SystemTenant
}

func explanation(engine *authz.Engine, tenant string, d model.Decision) *bulkheadv1.Explanation {
	out := &bulkheadv1.Explanation{Allowed: d.Allowed, Reason: d.Reason, Errors: d.Errors}
	for _, n := range d.Needs {
		out.Needs = append(out.Needs, needText(n))
	}
	known := engine.Sources(d.Policies)
	for _, id := range d.Policies {
		p := &bulkheadv1.DecidingPolicy{Id: id, Reason: "it is not in force any more"}
		if ofOthers(tenant, id) { // a record has whatever its node wrote into it
			p.Reason = "it is of another tenant"
		} else if i := slices.IndexFunc(known, func(k authz.Source) bool { return k.ID == id }); i >= 0 {
			p.Effect, p.Reason, p.Text = known[i].Effect, known[i].Reason, known[i].Text
		}
		out.Policies = append(out.Policies, p)
	}
	return out
}

func needText(n model.Need) string {
	switch n {
	case model.NeedFactor:
		return "a second factor"
	case model.NeedPhishingResistant:
		return "a passkey or security key"
	case model.NeedStepUp:
		return "a second factor, shown again"
	case model.NeedApproval:
		return "a second person's approval"
	}
	return string(n)
}

// question builds a request as the named user would make it. Users and objects outside of the tenant in which is asked
// are not there: the right to ask was decided on that tenant alone.
func (s *Policies) question(ctx context.Context, tenant, user, action string, ref *bulkheadv1.ObjectRef, attrs *structpb.Struct) (model.Request, error) {
	tenant = gate.Scope(ctx, tenant)
	if action != "" && !s.Engine.Schema().HasAction(action) {
		return model.Request{}, invalid("action", fmt.Sprintf("%q is no action of the schema", action))
	}
	p, err := s.person(ctx, tenant, user)
	if err != nil {
		return model.Request{}, err
	}
	o, err := knownObject(ctx, s.Objects, s.Engine.Schema(), tenant, model.Ref{Type: ref.GetType(), ID: ref.GetId()}, attrs)
	if err != nil {
		return model.Request{}, err
	}
	now := s.Now()
	age := now.Sub(p.Auth.FactorTime)
	return model.Request{
		Principal: p, Action: action, Resource: o, Time: now,
		FreshFactor: p.Credential.Type == "Session" && p.Auth.MFA && !p.Auth.FactorTime.IsZero() && age <= s.StepUp,
		Facts:       map[string]any{"address": gate.ClientOf(ctx).Address, "door": "api"},
	}, nil
}

// person is the caller, or a user by id or by name in the tenant, who is taken to have signed in as the caller did.
func (s *Policies) person(ctx context.Context, tenant, user string) (model.Principal, error) {
	caller := gate.Caller(ctx)
	if user == "" || user == caller.ID {
		return caller, nil
	}
	a, err := s.People.Account(ctx, user)
	if model.CodeOf(err) == model.CodeNotFound {
		in := tenant
		if in == "" {
			in = caller.Tenant
		}
		a, err = s.People.AccountByName(ctx, in, user)
	}
	if err != nil {
		return model.Principal{}, err
	}
	if tenant != "" && a.Tenant != tenant {
		return model.Principal{}, noObject("User")
	}
	p, err := principalOf(ctx, s.People, a)
	if err != nil {
		return model.Principal{}, err
	}
	p.Auth, p.Credential.Type = caller.Auth, "Session"
	return p, nil
}

// knownObject is an object of the store, or one of a type that the store does not keep, by what the caller says of it.
// Where a tenant is given, the object must be in it.
func knownObject(ctx context.Context, objects ObjectReader, schema *authz.Schema, tenant string, ref model.Ref, attrs *structpb.Struct) (model.Object, error) {
	if !schema.HasType(ref.Type) {
		return model.Object{}, invalid("resource.type", fmt.Sprintf("%q is no type of the schema", ref.Type))
	}
	o, err := objects.Object(ctx, ref)
	switch {
	case model.CodeOf(err) == model.CodeNotFound && !stored(ref.Type):
		o = inTenant(ref, tenant, attrs.AsMap())
		if t, ok := attrs.AsMap()["tenant"].(string); ok {
			o = inTenant(ref, t, attrs.AsMap())
		}
		if tenant == "" && attrs.GetFields()["tenant"] == nil {
			o = inTenant(ref, model.SystemTenant, attrs.AsMap())
		}
		userAttr(o.Attrs, "owner", "User")
		userAttr(o.Attrs, "host", "Host")
	case err != nil:
		return model.Object{}, err
	}
	if tenant != "" && o.Type != model.TypeSystem && tenantOfObject(o) != tenant {
		return model.Object{}, noObject(ref.Type)
	}
	return o, nil
}

// stored says whether the store keeps objects of a type, so that one which is not there does not exist.
func stored(typ string) bool {
	switch typ {
	case model.TypeSystem, "Tenant", "User", "Group", "Token", "Assessment", "Record", "AccessRequest", "PolicyProposal":
		return true
	}
	return false
}

// userAttr lets a person write an id where the schema has an entity.
func userAttr(attrs map[string]any, name, typ string) {
	if id, ok := attrs[name].(string); ok {
		attrs[name] = model.Ref{Type: typ, ID: id}
	}
}

func tenantOfObject(o model.Object) string {
	if o.Type == "Tenant" {
		return o.ID
	}
	for _, p := range o.Parents {
		if p.Type == "Tenant" {
			return p.ID
		}
	}
	return ""
}

// suppose puts the asker's facts in place of those of the session.
func suppose(q *model.Request, facts *structpb.Struct) error {
	for name, v := range facts.AsMap() {
		target := map[string]*bool{
			"mfa": &q.Principal.Auth.MFA, "phishing_resistant": &q.Principal.Auth.PhishingResistant, "fresh_factor": &q.FreshFactor,
			"approved": &q.Approved, "dangerous": &q.Dangerous, "four_eyes": &q.FourEyes,
		}[name]
		if target == nil {
			q.Facts[name] = v
			continue
		}
		yes, ok := v.(bool)
		if !ok {
			return invalid("context."+name, "it is true or false")
		}
		*target = yes
	}
	if q.Principal.Auth.MFA {
		q.Principal.Auth.Pending = false
	}
	if len(q.Facts) > 100 {
		return invalid("context", "at most 100 facts")
	}
	return nil
}
