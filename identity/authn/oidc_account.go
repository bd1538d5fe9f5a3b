package authn

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

// linked gives the account of issuer and subject, and nothing else: a name or mail address that a provider asserts must not
// open an account that it did not make.
func (s *Service) linked(ctx context.Context, from Client, p *provider, c *claims) (*model.Account, error) {
	mapped, mine, err := s.mappedGroups(ctx, p, c)
	if err != nil {
		return nil, err
	}
	account, err := s.store.AccountByIssuer(ctx, p.Issuer, c.Subject)
	if missing(err) {
		return s.create(ctx, from, p, c, mine)
	}
	if err != nil {
		return nil, coded(err, "reading the account")
	}
	if account.Tenant != p.Tenant {
		return nil, fail(model.CodeDenied, "the account is in another tenant than the provider", "ask an administrator", nil)
	}
	return account, s.followGroups(ctx, from, account, mapped, mine)
}

// mappedGroups gives the ids of all groups that the settings map for this provider, and those that the person is in.
func (s *Service) mappedGroups(ctx context.Context, p *provider, c *claims) (mapped, mine []string, err error) {
	for theirs, ours := range p.Groups {
		groups, _, err := s.store.Groups(ctx, model.Query{
			Tenant: p.Tenant, Size: 1, Where: []model.Condition{{Field: "name", Op: "=", Value: ours}},
		})
		if err != nil {
			return nil, nil, coded(err, "reading groups")
		}
		if len(groups) == 0 {
			s.log.WarnContext(ctx, "an OIDC provider's group is mapped to a group that does not exist", "provider", p.Name, "group", ours)
			continue
		}
		mapped = append(mapped, groups[0].ID)
		if slices.Contains(c.Groups, theirs) {
			mine = append(mine, groups[0].ID)
		}
	}
	return unique(mapped), unique(mine), nil
}

// create makes an account for somebody who comes for the first time, where the settings say so and a mapped group has them.
func (s *Service) create(ctx context.Context, from Client, p *provider, c *claims, groups []string) (*model.Account, error) {
	if !p.CreateUsers || len(groups) == 0 {
		return nil, fail(model.CodeDenied, "you have no account here", "ask an administrator to put you into a group that has access", nil)
	}
	name := cleanName(c.Username)
	if !accountName.MatchString(name) {
		return nil, fail(model.CodeDenied, "the provider gives no name that an account can have", "ask an administrator", nil)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, coded(err, "making an id")
	}
	account := &model.Account{
		ID: id.String(), Tenant: p.Tenant, Name: name, DisplayName: c.Name, Email: c.Email, Groups: groups,
		Issuer: p.Issuer, Subject: c.Subject, Created: s.now(),
	}
	if _, err := s.record(ctx, from, event{
		action: "UserCreate", account: account, outcome: model.OutcomeAllowed, reason: "first sign-in at " + p.Name, amr: []string{amrFed},
	}); err != nil {
		return nil, err
	}
	err = s.store.CreateAccount(ctx, account)
	if model.CodeOf(err) == model.CodeExists {
		return nil, fail(model.CodeExists, "another account has your name already", "ask an administrator to rename one of them", err)
	}
	return account, coded(err, "making the account")
}

// followGroups brings the mapped groups of the account to what the provider says, and leaves the others alone. It does not take
// the last administrator's right away.
func (s *Service) followGroups(ctx context.Context, from Client, a *model.Account, mapped, mine []string) error {
	before := slices.Clone(a.Groups)
	groups := slices.DeleteFunc(slices.Clone(a.Groups), func(g string) bool { return slices.Contains(mapped, g) })
	groups = unique(append(groups, mine...))
	if slices.Equal(groups, unique(slices.Clone(a.Groups))) || a.Disabled {
		return nil
	}
	if _, err := s.record(ctx, from, event{
		action: "UserUpdate", account: a, outcome: model.OutcomeAllowed, reason: "groups as the OIDC provider says", amr: []string{amrFed},
		changes: map[string]string{"groups": strings.Join(groups, " ")},
	}); err != nil {
		return err
	}
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		had, err := s.store.Administrators(ctx)
		if err != nil {
			return err
		}
		a.Groups = groups
		if err := s.store.UpdateAccount(ctx, a); err != nil {
			return err
		}
		if has, err := s.store.Administrators(ctx); err != nil || len(has) > 0 || len(had) == 0 {
			return err
		}
		return &model.Error{Code: model.CodeLastAdministrator, Message: "nobody could administer afterwards"}
	})
	switch model.CodeOf(err) {
	case model.CodeLastAdministrator:
		s.log.WarnContext(ctx, "an OIDC provider took the last administrator out of its groups; they stay", "account", a.ID)
		a.Groups = before
		return nil
	case model.CodeConflict:
		return fail(model.CodeConflict, "the account was changed at this moment", "sign in again", err)
	}
	return coded(err, "updating the account's groups")
}
