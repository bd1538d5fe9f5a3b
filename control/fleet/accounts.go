package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// mostPeople bounds the accounts, groups and approvals of a bundle.
const mostPeople = 50_000

// accountsOf is the newest bundle of a tenant's accounts. Where there is none, it is made.
func (f *Fleet) accountsOf(ctx context.Context, tenant string) (*model.Bundle, error) {
	b, err := f.docs.accounts(tenant)
	if b != nil || err != nil {
		return b, err
	}
	return f.putAccounts(ctx, tenant)
}

// meetAccounts offers a node that guards its engine those who may come there.
func (f *Fleet) meetAccounts(ctx context.Context, s *stream) error {
	if !s.guards || f.o.People == nil {
		return nil
	}
	b, err := f.accountsOf(ctx, s.tenant)
	if err != nil || b == nil {
		return err
	}
	s.offer(b, true)
	return nil
}

// putAccounts makes a bundle of the accounts that a tenant's nodes should know. The same accounts are no new version.
func (f *Fleet) putAccounts(ctx context.Context, tenant string) (*model.Bundle, error) {
	again := func(ctx context.Context) (*model.Bundle, error) { return f.accountBundle(ctx, tenant) }
	first, err := again(ctx)
	if err != nil {
		return nil, err
	}
	return f.putNewest(ctx, first, f.docs.accounts, again)
}

// accountBundle has who may come to the engines of a tenant's nodes. Nodes of "system" may serve all tenants.
func (f *Fleet) accountBundle(ctx context.Context, tenant string) (*model.Bundle, error) {
	doc := bundle.Accounts{Schema: bundle.Schema, Tenant: tenant, Accounts: []bundle.Account{}, Grants: []bundle.Grant{}}
	tenants := slices.Compact([]string{model.SystemTenant, tenant})
	if tenant == model.SystemTenant {
		tenants = []string{""}
	}
	for _, t := range tenants {
		if err := f.addPeople(ctx, t, &doc); err != nil {
			return nil, err
		}
	}
	// What was approved ends with the account.
	there := map[string]bool{}
	for i := range doc.Accounts {
		there[doc.Accounts[i].ID] = true
	}
	doc.Grants = slices.DeleteFunc(doc.Grants, func(g bundle.Grant) bool { return !there[g.User] })
	slices.SortFunc(doc.Accounts, func(a, b bundle.Account) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(doc.Grants, func(a, b bundle.Grant) int {
		return cmp.Or(strings.Compare(a.User, b.User), strings.Compare(a.Action, b.Action), strings.Compare(a.Resource.String(), b.Resource.String()), a.Until.Compare(b.Until))
	})
	b := &model.Bundle{Kind: model.BundleAccounts, Scope: tenant}
	var err error
	b.Document, b.Digest, err = bundle.Encode(doc)
	return b, err
}

func (f *Fleet) addPeople(ctx context.Context, tenant string, doc *bundle.Accounts) error {
	groups := map[string]model.AccountGroup{}
	err := each(ctx, model.Query{Tenant: tenant, Size: pageOfPeople}, f.o.People.Groups, func(g *model.AccountGroup) { groups[g.ID] = *g })
	if err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	err = each(ctx, model.Query{Tenant: tenant, Size: pageOfPeople}, f.o.People.Accounts, func(a *model.Account) {
		if !a.Disabled {
			doc.Accounts = append(doc.Accounts, accountOf(a, groups))
		}
	})
	if err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	now := f.now()
	approved := model.Query{Tenant: tenant, Size: pageOfPeople, Where: []model.Condition{{Field: "state", Op: "=", Value: string(model.AccessApproved)}}}
	err = each(ctx, approved, f.o.People.Accesses, func(a *model.Access) {
		if now.Before(a.Expires) {
			doc.Grants = append(doc.Grants, bundle.Grant{User: a.User, Action: a.Action, Resource: a.Resource, Until: a.Expires.UTC()})
		}
	})
	if err != nil {
		return fmt.Errorf("approved access: %w", err)
	}
	return nil
}

const pageOfPeople = 1000

// each reads a list to its end.
func each[T any](ctx context.Context, q model.Query, list func(context.Context, model.Query) ([]T, string, error), do func(*T)) error {
	for n := 0; n < mostPeople; {
		page, next, err := list(ctx, q)
		if err != nil {
			return err
		}
		for i := range page {
			do(&page[i])
		}
		if n += len(page); next == "" {
			return nil
		}
		q.Token = next
	}
	return fmt.Errorf("there are more than %d", mostPeople)
}

func accountOf(a *model.Account, groups map[string]model.AccountGroup) bundle.Account {
	out := bundle.Account{
		ID: a.ID, Name: a.Name, Tenant: a.Tenant, Roles: slices.Clone(a.Roles), Groups: slices.Clone(a.Groups), Hosts: slices.Clone(a.Hosts),
	}
	for _, id := range a.Groups {
		g := groups[id]
		out.Roles, out.Hosts = append(out.Roles, g.Roles...), append(out.Hosts, g.Hosts...)
	}
	for _, list := range []*[]string{&out.Roles, &out.Groups, &out.Hosts} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return out
}

// keepAccounts makes bundles whenever accounts or approvals change, for the tenants that have guards connected here.
func (f *Fleet) keepAccounts(ctx context.Context) {
	if f.o.People == nil {
		return
	}
	f.repeat(ctx, task{
		do: f.ensureAccounts, failing: "nodes don't get the newest accounts; they keep what they have",
		every: f.o.Times.Policies, wake: f.accounts, again: f.accounts,
	})
}

func (f *Fleet) ensureAccounts(ctx context.Context) error {
	tenants := map[string]bool{}
	for _, s := range f.hub.all(func(s *stream) bool { return s.guards }) {
		tenants[s.tenant] = true
	}
	var errs []error
	for t := range tenants {
		if _, err := f.putAccounts(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("accounts for the nodes of %s: %w", t, err))
		}
	}
	return errors.Join(errs...)
}
