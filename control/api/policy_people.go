package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// SignIns tells the strengths that a session of an account can have, by what is registered. authn.Service does.
type SignIns interface {
	Ways(ctx context.Context, a *model.Account) ([]model.Strength, error)
}

// administrators are those who could still put things right with a draft in force. A tenant's policies are confined to it
// and reach none of them.
func (s *Policies) administrators(ctx context.Context, draft *authz.Engine) ([]model.Principal, error) {
	accounts, err := s.People.Administrators(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]authz.Administrator, len(accounts))
	for i := range accounts {
		if all[i].Principal, err = principalOf(ctx, s.People, &accounts[i]); err != nil {
			return nil, err
		}
		if all[i].Ways, err = s.SignIns.Ways(ctx, &accounts[i]); err != nil {
			return nil, err
		}
	}
	// As from the caller's place, so that a policy which ties administrators to a network leaves those who are in it.
	r := model.Request{Time: s.Now(), Facts: map[string]any{"address": gate.ClientOf(ctx).Address, "door": "api"}}
	return draft.AdministratorsLeft(ctx, all, r), nil
}

// principalOf is an account as somebody who asks: with its groups' roles and hosts, by a session of two factors.
func principalOf(ctx context.Context, d Directory, a *model.Account) (model.Principal, error) {
	groups, err := d.GroupsOf(ctx, a)
	if err != nil {
		return model.Principal{}, err
	}
	return principalIn(a, groups), nil
}

func principalIn(a *model.Account, groups []model.AccountGroup) model.Principal {
	r := rights{roles: a.Roles, hosts: a.Hosts}
	p := model.Principal{
		Ref: userRef(a.ID), Name: a.Name, Tenant: a.Tenant, Credential: model.Ref{Type: "Session"}, Auth: model.Strength{MFA: true},
	}
	for i := range groups {
		r = r.with(groups[i].Roles, groups[i].Hosts)
		p.Groups = append(p.Groups, groups[i].ID)
	}
	p.Roles, p.Hosts = r.roles, r.hosts
	return p
}
