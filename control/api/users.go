package api

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// UserStore keeps accounts.
type UserStore interface {
	CreateAccount(ctx context.Context, a *model.Account) error
	Account(ctx context.Context, id string) (*model.Account, error)
	Accounts(ctx context.Context, q model.Query) ([]model.Account, string, error)
	UpdateAccount(ctx context.Context, a *model.Account) error
	DeleteAccount(ctx context.Context, id string) error
}

// Credentials are what an account signs in with, and what it has signed in.
type Credentials interface {
	FactorsOf(ctx context.Context, user string) ([]model.Factor, error)
	FactorsOfAll(ctx context.Context, users []string) (map[string][]model.Factor, error)
	SessionsOf(ctx context.Context, user string) ([]model.Session, error)
	DeleteSessionsOf(ctx context.Context, user, except string) error
	Tokens(ctx context.Context, q model.Query) ([]model.Token, string, error)
	RevokeToken(ctx context.Context, id string, at time.Time) error
}

// Inviter makes one-time enrolment codes and ends the account's sessions.
type Inviter interface {
	Invite(ctx context.Context, a *model.Account) (code string, expires time.Time, err error)
}

// Users implements UserService.
type Users struct {
	Store       UserStore
	Directory   Directory
	Credentials Credentials
	Inviter     Inviter
	Names       PolicyNames
	Now         func() time.Time
}

// CreateUser implements UserService. Whoever holds the link is the account, so it is made for a person who showed a second factor
// just now. A token gets none: somebody has to invite the account.
func (s *Users) CreateUser(ctx context.Context, r *bulkheadv1.CreateUserRequest) (*bulkheadv1.CreateUserResponse, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	u := r.GetUser()
	a := &model.Account{
		ID: id, Tenant: gate.TenantOf(ctx, u.GetTenant()), Name: u.GetName(), DisplayName: u.GetDisplayName(), Email: u.GetEmail(),
		Roles: u.GetRoles(), Groups: u.GetGroups(), Hosts: u.GetHosts(), Disabled: u.GetDisabled(), Created: s.Now(),
	}
	if _, err := s.Directory.Tenant(ctx, a.Tenant); err != nil {
		return nil, err
	}
	has, err := rightsOf(ctx, s.Directory, a)
	if err != nil {
		return nil, err
	}
	if err := mayGrant(ctx, s.Names, a.Tenant, has, "user"); err != nil {
		return nil, err
	}
	a.Granted, a.GrantedBy = s.Now(), gate.Caller(ctx).ID
	if gate.Caller(ctx).Credential.Type != "Session" {
		if err := s.Store.CreateAccount(ctx, a); err != nil {
			return nil, err
		}
		u, err := s.out(ctx, a)
		return &bulkheadv1.CreateUserResponse{User: u}, err
	}
	if err := gate.NeedFresh(ctx, "making a link to sign in with"); err != nil {
		return nil, err
	}
	a.Invited, a.InvitedBy = s.Now(), gate.Caller(ctx).ID
	if err := s.Store.CreateAccount(ctx, a); err != nil {
		return nil, err
	}
	return s.invite(ctx, a)
}

func (s *Users) invite(ctx context.Context, a *model.Account) (*bulkheadv1.CreateUserResponse, error) {
	code, expires, err := s.Inviter.Invite(ctx, a)
	if err != nil {
		return nil, err
	}
	u, err := s.out(ctx, a)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.CreateUserResponse{User: u, EnrolmentCode: code, EnrolmentPath: "/enrol#" + code, Expires: stamp(expires)}, nil
}

func (s *Users) out(ctx context.Context, a *model.Account) (*bulkheadv1.User, error) {
	factors, err := s.Credentials.FactorsOf(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	return userOut(a, factors), nil
}

// GetUser implements UserService.
func (s *Users) GetUser(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.User, error) {
	a, err := s.Store.Account(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return s.out(ctx, a)
}

// ListUsers implements UserService.
func (s *Users) ListUsers(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListUsersResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "name", "email", "role", "disabled"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	accounts, next, err := s.Store.Accounts(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(accounts))
	for i := range accounts {
		ids[i] = accounts[i].ID
	}
	factors, err := s.Credentials.FactorsOfAll(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListUsersResponse{NextPage: next}
	for i := range accounts {
		out.Users = append(out.Users, userOut(&accounts[i], factors[accounts[i].ID]))
	}
	return out, gate.MaskAll(out.GetUsers(), r.GetPage().GetReadMask())
}

// UpdateUser implements UserService.
func (s *Users) UpdateUser(ctx context.Context, r *bulkheadv1.UpdateUserRequest) (*bulkheadv1.User, error) {
	a, err := s.Store.Account(ctx, r.GetUser().GetId())
	if err != nil {
		return nil, err
	}
	if err := stale(r.GetUser().GetVersion(), a.Version); err != nil {
		return nil, err
	}
	before, err := rightsOf(ctx, s.Directory, a)
	if err != nil {
		return nil, err
	}
	was := a.Disabled
	if err := change(a, r); err != nil {
		return nil, err
	}
	after, err := rightsOf(ctx, s.Directory, a)
	if err != nil {
		return nil, err
	}
	gain := after.beyond(before)
	if was && !a.Disabled {
		gain = after // an account that comes back has its rights anew
	}
	if !gain.none() {
		if err := mayGrant(ctx, s.Names, a.Tenant, gain, "user"); err != nil {
			return nil, err
		}
		a.Granted, a.GrantedBy = s.Now(), gate.Caller(ctx).ID
	}
	if err := s.Store.UpdateAccount(ctx, a); err != nil {
		return nil, err
	}
	if a.Disabled {
		if err := s.signOut(ctx, a); err != nil {
			return nil, err
		}
	}
	if err := s.guard(ctx, a, before); err != nil {
		return nil, err
	}
	return s.out(ctx, a)
}

func change(a *model.Account, r *bulkheadv1.UpdateUserRequest) error {
	want, err := gate.Wanted(r.GetUpdateMask(), "display_name", "email", "roles", "groups", "hosts", "disabled")
	if err != nil {
		return err
	}
	u := r.GetUser()
	if u.GetName() != a.Name || u.GetTenant() != "" && u.GetTenant() != a.Tenant {
		return invalid("user.name", "name and tenant of an account can't be changed")
	}
	if want["display_name"] {
		a.DisplayName = u.GetDisplayName()
	}
	if want["email"] {
		a.Email = u.GetEmail()
	}
	if want["roles"] {
		a.Roles = u.GetRoles()
	}
	if want["groups"] {
		a.Groups = u.GetGroups()
	}
	if want["hosts"] {
		a.Hosts = u.GetHosts()
	}
	if want["disabled"] {
		a.Disabled = u.GetDisabled()
	}
	return nil
}

// guard looks whether an administrator is left, when the account was one.
func (s *Users) guard(ctx context.Context, a *model.Account, before rights) error {
	if a.Tenant != model.SystemTenant || !slices.Contains(before.roles, model.RoleAdministrator) {
		return nil
	}
	return guardAdministrators(ctx, s.Directory)
}

// DeleteUser implements UserService.
func (s *Users) DeleteUser(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	a, err := s.Store.Account(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	before, err := rightsOf(ctx, s.Directory, a)
	if err != nil {
		return nil, err
	}
	if err := s.signOut(ctx, a); err != nil {
		return nil, err
	}
	if err := s.Store.DeleteAccount(ctx, a.ID); err != nil {
		return nil, err
	}
	return &bulkheadv1.Empty{}, s.guard(ctx, a, before)
}

// InviteUser implements UserService. Whoever holds the code gets the account, so it must not have more rights than the
// caller could hand out.
func (s *Users) InviteUser(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.CreateUserResponse, error) {
	a, err := s.Store.Account(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	has, err := rightsOf(ctx, s.Directory, a)
	if err != nil {
		return nil, err
	}
	if err := mayTakeOver(ctx, s.Names, a, has, "id"); err != nil {
		return nil, err
	}
	a.Invited, a.InvitedBy = s.Now(), gate.Caller(ctx).ID
	if err := s.Store.UpdateAccount(ctx, a); err != nil {
		return nil, err
	}
	return s.invite(ctx, a)
}
