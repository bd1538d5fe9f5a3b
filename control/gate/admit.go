package gate

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// admit finds what the call is about and asks for the decision. A refusal is recorded here.
func (g *Gate) admit(in *entry) error {
	g.begin(in)
	if pending(in) {
		in.request.Resource.Ref, _ = in.ref()
		in.decision = model.Decision{Reason: "the second factor was not shown yet", Needs: []model.Need{model.NeedFactor}}
		return g.refuse(in, in.refusal())
	}
	err := g.target(in)
	if model.CodeOf(err) == model.CodeNotFound {
		in.decision.Reason = "there is no such object"
		return g.refuse(in, hidden(in.request.Resource.Type))
	}
	if err != nil {
		return err
	}
	if err := g.decide(in); err != nil {
		return err
	}
	if in.decision.Allowed {
		return nil
	}
	return g.refuse(in, in.refusal())
}

// pending says whether the caller still has to show the second factor and asks for something else. Nothing is looked up
// for such a caller.
func pending(in *entry) bool {
	if !in.call.principal.Auth.Pending {
		return false
	}
	return !in.rule.self() || !in.rule.access.GetBeforeFactor()
}

// begin sets all of the request but what it is about.
func (g *Gate) begin(in *entry) {
	p, a := in.call.principal, in.rule.access
	in.request = model.Request{
		Principal: p, Action: a.GetAction(), Time: g.Now(),
		Dangerous: a.GetDangerous(), FourEyes: a.GetFourEyes() || g.fourEyes[a.GetAction()],
		Facts: map[string]any{"address": in.call.client.Address, "door": "api"},
	}
	in.request.FreshFactor = g.fresh(p, in.request.Time)
	in.call.fresh = in.request.FreshFactor
	in.tenant = p.Tenant
	if in.rule.self() {
		in.request.Facts["has_factor"] = p.Auth.Pending || p.Auth.MFA
	}
}

// target sets what the request is about, from the message's fields.
func (g *Gate) target(in *entry) error {
	a := in.rule.access
	if in.rule.self() {
		in.request.Resource = self(in.call.principal)
		in.request.Objects = parents(in.request.Resource)
		return nil
	}
	if in.rule.node() {
		in.request.Resource = nodeObject(in.call.principal)
		in.request.Objects = parents(in.request.Resource)
		return nil
	}
	ref, err := in.ref()
	if err != nil {
		return err
	}
	in.request.Resource.Ref = ref
	if ref.Type == model.TypeSystem {
		in.tenant = model.SystemTenant
		return nil
	}
	o, err := g.Objects.Object(in.ctx, ref)
	if err != nil {
		return fmt.Errorf("what %s is about: %w", a.GetAction(), err)
	}
	if o.Ref != ref {
		return fmt.Errorf("asked for %s, got %s", ref, o.Ref)
	}
	in.request.Resource = o
	in.request.Objects = parents(o)
	if t := tenantOf(o); t != "" {
		in.tenant = t
	}
	return nil
}

// ref is the object that the method's marks and the message's fields name.
func (in *entry) ref() (model.Ref, error) {
	a, m := in.rule.access, in.msg.ProtoReflect()
	if in.rule.self() {
		return in.call.principal.Ref, nil
	}
	if a.GetResource() == model.TypeSystem {
		return model.Ref{Type: model.TypeSystem, ID: model.SystemID}, nil
	}
	if len(in.rule.idPath) > 0 {
		id := stringAt(m, in.rule.idPath)
		switch {
		case id == "" && in.rule.own():
			id = in.call.principal.ID
		case id == "":
			return model.Ref{}, &model.Error{Code: model.CodeInvalid, Message: a.GetIdField() + ": which one?", Field: a.GetIdField()}
		}
		return model.Ref{Type: a.GetResource(), ID: id}, nil
	}
	tenant := stringAt(m, in.rule.tenantPath)
	own := in.call.principal.Tenant
	switch {
	case tenant != "":
	case own == model.SystemTenant && !in.rule.changes():
		return model.Ref{Type: model.TypeSystem, ID: model.SystemID}, nil
	default:
		tenant = own
	}
	return model.Ref{Type: "Tenant", ID: tenant}, nil
}

// decide asks the policies, and for a second person's approval where that would help.
func (g *Gate) decide(in *entry) error {
	in.decision = g.Authz.Decide(in.ctx, in.request)
	if in.decision.Allowed || !in.request.FourEyes && !needs(in.decision, model.NeedApproval) {
		return nil
	}
	access, err := g.Approvals.ApprovedAccess(in.ctx, in.request.Principal.ID, in.request.Action, in.request.Resource.Ref, in.request.Time)
	switch {
	case model.CodeOf(err) == model.CodeNotFound || err == nil && access == nil:
		return nil
	case err != nil:
		return fmt.Errorf("approvals: %w", err)
	}
	in.request.Approved = true
	in.decision = g.Authz.Decide(in.ctx, in.request)
	return nil
}

// refusal is the error for a decision of no. What belongs to another tenant looks as if it were not there.
func (in *entry) refusal() *model.Error {
	d := in.decision
	for _, n := range []struct {
		need model.Need
		code model.Code
		text string
	}{
		{model.NeedFactor, model.CodeFactorRequired, "this needs a second factor"},
		{model.NeedPhishingResistant, model.CodeFactorRequired, "this needs a passkey or security key"},
		{model.NeedStepUp, model.CodeStepUpRequired, "this needs a second factor that was shown just now"},
		{model.NeedApproval, model.CodeApprovalRequired, "this needs the approval of a second person"},
	} {
		if needs(d, n.need) {
			return &model.Error{Code: n.code, Message: n.text, Policies: d.Policies}
		}
	}
	if in.tenant != in.call.principal.Tenant && in.request.Resource.Type != model.TypeSystem {
		return hidden(in.request.Resource.Type)
	}
	reason := d.Reason
	if reason == "" {
		reason = "no policy permits it"
	}
	return &model.Error{Code: model.CodeDenied, Message: "refused: " + reason, Policies: d.Policies}
}

// hidden is the same for what is not there and for what the caller may not know of.
func hidden(kind string) *model.Error {
	return &model.Error{Code: model.CodeNotFound, Message: "there is no such " + kind + ", or none that you may see"}
}

func needs(d model.Decision, n model.Need) bool {
	for _, have := range d.Needs {
		if have == n {
			return true
		}
	}
	return false
}

// refuse records a refusal and gives the caller's error with the record's place.
func (g *Gate) refuse(in *entry, e *model.Error) error {
	in.decision.Allowed = false
	if err := g.refuseNode(in); err != nil {
		return err
	}
	place, err := g.record(in)
	if err != nil {
		return err
	}
	e.Record = place
	return e
}

// self is the caller as an object: what the principal already says of its account.
func self(p model.Principal) model.Object {
	tenant := model.Ref{Type: "Tenant", ID: p.Tenant}
	o := model.Object{Ref: p.Ref, Parents: []model.Ref{tenant}, Attrs: map[string]any{"tenant": tenant, "name": p.Name}}
	for _, id := range p.Groups {
		o.Parents = append(o.Parents, model.Ref{Type: "Group", ID: id})
	}
	for _, role := range p.Roles {
		o.Parents = append(o.Parents, model.Ref{Type: "Role", ID: role})
	}
	return o
}

// parents are the tenants among an object's parents, with their own parent: all that policies look at beside it.
func parents(o model.Object) []model.Object {
	var out []model.Object
	for _, p := range o.Parents {
		if p.Type == "Tenant" {
			out = append(out, model.Object{
				Ref: p, Parents: []model.Ref{{Type: model.TypeSystem, ID: model.SystemID}}, Attrs: map[string]any{"tenant": p},
			})
		}
	}
	return out
}

func tenantOf(o model.Object) string {
	if o.Type == "Tenant" {
		return o.ID
	}
	switch t := o.Attrs["tenant"].(type) {
	case model.Ref:
		return t.ID
	case string:
		return t
	}
	return ""
}

// again asks for the decision once more, for a stream that is open: the credential and the right may have ended.
func (g *Gate) again(ctx context.Context, in *entry) error {
	p, err := g.Authn.Authenticate(ctx, in.call.credential, in.call.client.Address, in.call.client.UserAgent)
	if err != nil {
		return err
	}
	now := *in
	now.ctx = ctx
	now.call = &call{principal: p, client: in.call.client, credential: in.call.credential}
	return g.admit(&now)
}
