package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	whoCanMost     = 1000
	whoCanAccounts = 50000 // looked at
)

// Explain implements PolicyService.
func (s *Policies) Explain(ctx context.Context, r *bulkheadv1.ExplainRequest) (*bulkheadv1.Explanation, error) {
	if r.GetRecord() != "" {
		return s.explainRecord(ctx, gate.Scope(ctx, r.GetTenant()), r.GetRecord())
	}
	q, err := s.question(ctx, r.GetTenant(), r.GetUser(), r.GetAction(), r.GetResource(), r.GetAttributes())
	if err != nil {
		return nil, err
	}
	if err := suppose(&q, r.GetContext()); err != nil {
		return nil, err
	}
	return s.explanation(s.Engine.Decide(ctx, q)), nil
}

// explainRecord tells why something was decided as it was, with the policies' text as it is now.
func (s *Policies) explainRecord(ctx context.Context, tenant, id string) (*bulkheadv1.Explanation, error) {
	origin, text, err := policyRecord(id)
	var index uint64
	if err == nil {
		index, err = strconv.ParseUint(text, 10, 64)
	}
	if err != nil {
		return nil, invalid("record", "it must be ORIGIN/INDEX, as `bulkhead audit search` shows it")
	}
	l, err := s.Records.Record(ctx, origin, index)
	if err != nil {
		return nil, err
	}
	rec := &l.Record
	if tenant != "" && rec.Tenant != tenant {
		return nil, noObject("Record")
	}
	if rec.Request == nil {
		return nil, invalid("record", "this record is of no decision, so that there is nothing to explain")
	}
	out := s.explanation(model.Decision{Allowed: rec.Outcome != model.OutcomeRefused, Reason: rec.Reason, Policies: rec.Policies})
	if now := s.Engine.Decide(ctx, *rec.Request); now.Allowed != out.GetAllowed() {
		out.Errors = append(out.Errors, "the policies in force now would decide otherwise: "+now.Reason)
	}
	return out, nil
}

func (s *Policies) explanation(d model.Decision) *bulkheadv1.Explanation {
	out := &bulkheadv1.Explanation{Allowed: d.Allowed, Reason: d.Reason, Errors: d.Errors}
	for _, n := range d.Needs {
		out.Needs = append(out.Needs, needText(n))
	}
	known := s.Engine.Sources(d.Policies)
	for _, id := range d.Policies {
		p := &bulkheadv1.DecidingPolicy{Id: id, Reason: "it is not in force any more"}
		if i := slices.IndexFunc(known, func(k authz.Source) bool { return k.ID == id }); i >= 0 {
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

// WhoCan implements PolicyService. A tenant's caller is told of the tenant's own users.
func (s *Policies) WhoCan(ctx context.Context, r *bulkheadv1.WhoCanRequest) (*bulkheadv1.WhoCanResponse, error) {
	q, err := s.question(ctx, r.GetTenant(), "", r.GetAction(), r.GetResource(), r.GetAttributes())
	if err != nil {
		return nil, err
	}
	tenants := []string{gate.Scope(ctx, r.GetTenant())}
	if caller := gate.Caller(ctx).Tenant; caller == model.SystemTenant && tenants[0] != "" && tenants[0] != model.SystemTenant {
		tenants = append(tenants, model.SystemTenant) // its users may have rights everywhere
	}
	done, err := s.turns.take(ctx, gate.Caller(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	defer done()
	out := &bulkheadv1.WhoCanResponse{}
	for _, t := range tenants {
		if err := s.whoCan(ctx, q, t, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Policies) whoCan(ctx context.Context, q model.Request, tenant string, out *bulkheadv1.WhoCanResponse) error {
	page := model.Query{Tenant: tenant, Size: 1000}
	for seen := 0; ; {
		accounts, next, err := s.People.Accounts(ctx, page)
		if err != nil {
			return err
		}
		seen += len(accounts)
		for i := range accounts {
			if accounts[i].Disabled {
				continue
			}
			p, err := principalOf(ctx, s.People, &accounts[i])
			if err != nil {
				return err
			}
			rights, _ := s.Engine.WhoCan(ctx, q, []model.Principal{p}, 1)
			if len(rights) > 0 && len(out.GetUsers()) == whoCanMost {
				out.Truncated = true
				return nil
			}
			out.Users = append(out.Users, rightsOut(rights)...)
		}
		if next == "" || seen >= whoCanAccounts {
			out.Truncated = out.GetTruncated() || next != ""
			return ctx.Err()
		}
		page.Token = next
	}
}

// WhatCan implements PolicyService.
func (s *Policies) WhatCan(ctx context.Context, r *bulkheadv1.WhatCanRequest) (*bulkheadv1.WhatCanResponse, error) {
	ref := r.GetResource()
	if ref == nil {
		p, err := s.person(ctx, gate.Scope(ctx, r.GetTenant()), r.GetUser())
		if err != nil {
			return nil, err
		}
		ref = &bulkheadv1.ObjectRef{Type: "Tenant", Id: p.Tenant}
	}
	q, err := s.question(ctx, r.GetTenant(), r.GetUser(), "", ref, nil)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.WhatCanResponse{Permissions: rightsOut(s.Engine.WhatCan(ctx, q))}, nil
}

func rightsOut(rights []authz.Right) []*bulkheadv1.Permission {
	var out []*bulkheadv1.Permission
	for _, r := range rights {
		out = append(out, &bulkheadv1.Permission{
			User: r.Principal.ID, Name: r.Principal.Name, Tenant: r.Principal.Tenant, Action: r.Action, Policies: r.Policies,
		})
	}
	return out
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
	case model.TypeSystem, "Tenant", "User", "Group", "Token", "Session", "Assessment", "Record", "AccessRequest":
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
