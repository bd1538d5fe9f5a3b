package api

import (
	"context"
	"slices"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
)

// Directory is what users and groups look at in each other.
type Directory interface {
	Group(ctx context.Context, id string) (*model.AccountGroup, error)
	GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error)
	Administrators(ctx context.Context) ([]model.Account, error)
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
	UpdateTenant(ctx context.Context, t *model.Tenant) error
}

// PolicyNames tells whether a custom policy names one of these texts. The engine of policies does.
type PolicyNames interface {
	Names(texts ...string) bool
}

// rights are roles and hosts, own ones and those of groups, and the groups themselves: policies may give them more.
type rights struct{ roles, hosts, groups []string }

func (r rights) with(roles, hosts []string) rights {
	return rights{
		roles: append(slices.Clone(r.roles), roles...), hosts: append(slices.Clone(r.hosts), hosts...), groups: r.groups,
	}
}

// beyond are the rights that r has and old has not.
func (r rights) beyond(old rights) rights {
	return rights{roles: without(r.roles, old.roles), hosts: without(r.hosts, old.hosts), groups: without(r.groups, old.groups)}
}

func (r rights) none() bool { return len(r.roles)+len(r.hosts)+len(r.groups) == 0 }

// privileged says whether with these rights one gets at more than one's own: all roles but developer and node do, and hosts.
func (r rights) privileged() bool {
	return len(r.hosts) > 0 || len(without(r.roles, []string{model.RoleDeveloper, model.RoleNode})) > 0
}

func without(all, known []string) []string {
	have := make(map[string]bool, len(known))
	for _, k := range known {
		have[k] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return have[s] })
}

func administrates(p model.Principal) bool {
	return p.Tenant == model.SystemTenant && slices.Contains(p.Roles, model.RoleAdministrator)
}

func owns(p model.Principal, tenant string) bool {
	return p.Tenant == tenant && tenant != model.SystemTenant && slices.Contains(p.Roles, model.RoleOwner)
}

// mayGrant says whether the caller may give these rights to somebody of the tenant, and has shown a second factor just now
// where they are privileged: a session that was left open, or a token, must not make itself an administrator.
func mayGrant(ctx context.Context, names PolicyNames, tenant string, r rights, field string) error {
	if err := within(gate.Caller(ctx), tenant, r, field); err != nil {
		return err
	}
	if r.privileged() || named(names, r.groups...) {
		return gate.NeedFresh(ctx, "giving such rights")
	}
	return nil
}

// mayTakeOver says whether the caller may have a secret of an account that has these rights: a link to sign in, or a token. What
// a policy gives to this very account nobody but its tenant's owner and administrators can weigh.
func mayTakeOver(ctx context.Context, names PolicyNames, a *model.Account, has rights, field string) error {
	p := gate.Caller(ctx)
	if err := within(p, a.Tenant, has, field); err != nil {
		return err
	}
	if !administrates(p) && !owns(p, a.Tenant) && named(names, a.ID, a.Name) {
		return &model.Error{
			Code: model.CodeDenied, Message: "policies may give this account rights that you have not", Field: field,
			Remedy: "Ask an owner of the tenant or an administrator.",
		}
	}
	return nil
}

// named says whether a custom policy names one of these. Where nobody can tell, it counts as yes.
func named(names PolicyNames, texts ...string) bool {
	return len(texts) > 0 && (names == nil || names.Names(texts...))
}

// within says whether the rights are the caller's to give: administrators give all, owners those that work in their tenant,
// others what they have themselves. A role that does not fit the tenant is nobody's to give.
func within(p model.Principal, tenant string, r rights, field string) error {
	for _, role := range r.roles {
		if err := fits(role, tenant, field+".roles"); err != nil {
			return err
		}
	}
	if administrates(p) || r.none() {
		return nil
	}
	own := slices.Clone(p.Roles)
	if owns(p, tenant) {
		own = append(own, model.RoleAuditor, model.RoleDeveloper)
	}
	if more := without(r.roles, own); len(more) > 0 || p.Tenant != tenant {
		return beyond(field+".roles", "the role "+first(more))
	}
	if more := without(r.hosts, p.Hosts); len(more) > 0 {
		return beyond(field+".hosts", "the host "+first(more))
	}
	if more := without(r.groups, p.Groups); len(more) > 0 && !owns(p, tenant) {
		return beyond(field+".groups", "a group that you are not in")
	}
	return nil
}

func first(s []string) string {
	if len(s) == 0 {
		return "anything in another tenant"
	}
	return s[0]
}

func beyond(field, what string) error {
	return &model.Error{
		Code: model.CodeDenied, Message: "you can't hand out " + what + ": it goes beyond your own rights", Field: field,
		Remedy: "Ask an administrator.",
	}
}

func fits(role, tenant, field string) error {
	switch role {
	case model.RoleAdministrator:
		if tenant != model.SystemTenant {
			return invalid(field, "administrators are in the tenant \"system\" only; in a tenant there are owners")
		}
	case model.RoleOwner, model.RoleAuditor, model.RoleOperator, model.RoleDeveloper, model.RoleNode:
	default:
		return invalid(field, "there is no such role; there are administrator, auditor, operator, owner, developer and node")
	}
	return nil
}

// rightsOf are an account's rights with those of its groups, which must be of its tenant.
func rightsOf(ctx context.Context, d Directory, a *model.Account) (rights, error) {
	r := rights{roles: a.Roles, hosts: a.Hosts, groups: a.Groups}
	for _, id := range a.Groups {
		g, err := d.Group(ctx, id)
		switch {
		case model.CodeOf(err) == model.CodeNotFound || err == nil && g.Tenant != a.Tenant:
			return rights{}, invalid("user.groups", "there is no such group in the user's tenant")
		case err != nil:
			return rights{}, err
		}
		r = r.with(g.Roles, g.Hosts)
	}
	return r, nil
}

// guardAdministrators runs within the transaction of a change that may take an administrator away, after the change. It
// writes the row of the tenant "system", so that two such changes at once can't each count on the other's administrator.
func guardAdministrators(ctx context.Context, d Directory) error {
	t, err := d.Tenant(ctx, model.SystemTenant)
	if err != nil {
		return err
	}
	if err := d.UpdateTenant(ctx, t); err != nil {
		return err
	}
	left, err := d.Administrators(ctx)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		return &model.Error{Code: model.CodeLastAdministrator, Message: "nobody could administer afterwards"}
	}
	return nil
}
