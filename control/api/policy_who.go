package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	whoCanMost     = 1000
	whoCanAccounts = 50000 // looked at
)

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
	groups, err := s.groups(ctx, tenant)
	if err != nil {
		return err
	}
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
			var in []model.AccountGroup
			for _, id := range accounts[i].Groups {
				if g, ok := groups[id]; ok {
					in = append(in, g)
				}
			}
			p := principalIn(&accounts[i], in)
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

// groups are those of a tenant, or of all, by id: read at once, since asking for each account's would take a query each.
func (s *Policies) groups(ctx context.Context, tenant string) (map[string]model.AccountGroup, error) {
	all := map[string]model.AccountGroup{}
	page := model.Query{Tenant: tenant, Size: 1000}
	for {
		list, next, err := s.People.Groups(ctx, page)
		if err != nil {
			return nil, err
		}
		for _, g := range list {
			all[g.ID] = g
		}
		if next == "" || len(all) >= whoCanAccounts {
			return all, nil
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
