package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// able gives an account a password and an app, so that it counts as somebody who can sign in.
func able(t testing.TB, s *store.Store, user string) {
	t.Helper()
	if err := s.SetPassword(context.Background(), &model.Password{User: user, Hash: "h", Changed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateFactor(context.Background(), &model.Factor{ID: "totp-" + user, User: user, Kind: model.FactorTOTP, Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// TestNoAdministratorsFromStaleSessionsAndTokens: neither a session that was left open nor a token makes itself more.
func TestNoAdministratorsFromStaleSessionsAndTokens(t *testing.T) {
	w := newWorld(t, real)
	admin := w.account("admin", "system", strong(), model.RoleAdministrator)
	stale := strong()
	stale.FactorTime = time.Now().Add(-time.Hour)
	w.signIn("bhs_stale", admin.ID, stale, model.Ref{Type: "Session", ID: "s-stale"}, nil)
	w.signIn("bht_admin", admin.ID, strong(), model.Ref{Type: "Token", ID: "t-admin"}, []string{"*"})
	if err := w.store.CreateGroup(t.Context(), &model.AccountGroup{ID: "admins", Tenant: "system", Name: "admins", Roles: []string{"administrator"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.CreateAccount(t.Context(), &model.Account{ID: "off", Tenant: "system", Name: "off", Roles: []string{"administrator"}, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	c := w.clients()
	create := func(ctx context.Context, u *bulkheadv1.User) error {
		return second(c.users.CreateUser(ctx, &bulkheadv1.CreateUserRequest{User: u}))
	}
	change := func(ctx context.Context, u *bulkheadv1.User, path string) error {
		return second(c.users.UpdateUser(ctx, &bulkheadv1.UpdateUserRequest{User: u, UpdateMask: only(path)}))
	}
	user := func(u *bulkheadv1.User) *bulkheadv1.User { u.Id, u.Name = "system-user", "system-user"; return u }
	for _, who := range []struct{ secret, code string }{{"bhs_stale", "step_up_required"}, {"bht_admin", "denied"}, {"bhs_admin", ""}} {
		ctx := as(t, who.secret)
		for _, k := range []struct {
			name string
			err  error
		}{
			{"an administrator", create(ctx, &bulkheadv1.User{Name: "a", Roles: []string{"administrator"}})},
			{"an auditor", create(ctx, &bulkheadv1.User{Name: "b", Roles: []string{"auditor"}})},
			{"an owner", create(ctx, &bulkheadv1.User{Name: "c", Tenant: "acme", Roles: []string{"owner"}})},
			{"a member of administrators", create(ctx, &bulkheadv1.User{Name: "d", Groups: []string{"admins"}})},
			{"somebody with hosts", create(ctx, &bulkheadv1.User{Name: "e", Hosts: []string{"h"}})},
			{"a user to administrator", change(ctx, user(&bulkheadv1.User{Roles: []string{"administrator"}}), "roles")},
			{"a user into administrators", change(ctx, user(&bulkheadv1.User{Groups: []string{"admins"}}), "groups")},
			{"an old administrator back", change(ctx, &bulkheadv1.User{Id: "off", Name: "off"}, "disabled")},
			{"a group of administrators", second(c.groups.CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Name: "x", Roles: []string{"administrator"}}}))},
			{"a group to administrators", second(c.groups.UpdateGroup(ctx, &bulkheadv1.UpdateGroupRequest{Group: &bulkheadv1.Group{Id: "system-group", Name: "g", Roles: []string{"administrator"}}, UpdateMask: only("roles")}))},
			{"a token", second(c.tokens.CreateToken(ctx, &bulkheadv1.CreateTokenRequest{Name: "more", Scopes: []string{"*"}}))},
			{"an invitation", second(c.users.InviteUser(ctx, &bulkheadv1.Id{Id: "system-user"}))},
		} {
			switch want := who.code; {
			case want == "" && k.err != nil:
				t.Errorf("%s, %s: %v", who.secret, k.name, k.err)
			case want != "" && (k.err == nil || !slices.Contains([]string{want, "step_up_required"}, detailOf(t, k.err).GetCode())):
				t.Errorf("%s, %s: %v, want %s", who.secret, k.name, k.err, want)
			}
		}
	}
}

// TestAutomationMakesUsers: a token makes users and groups without privileges, and gets no link to sign in with.
func TestAutomationMakesUsers(t *testing.T) {
	w := newWorld(t, real)
	admin := w.account("admin", "system", strong(), model.RoleAdministrator)
	w.signIn("bht_admin", admin.ID, strong(), model.Ref{Type: "Token", ID: "t-admin"}, []string{"UserCreate", "GroupCreate", "UserUpdate"})
	c := w.clients()
	made, err := c.users.CreateUser(as(t, "bht_admin"), &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "dev", Tenant: "acme", Roles: []string{"developer"}}})
	if err != nil || made.GetUser().GetId() == "" || made.GetEnrolmentCode() != "" || made.GetEnrolmentPath() != "" {
		t.Fatal(made, err)
	}
	if _, err := c.groups.CreateGroup(as(t, "bht_admin"), &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Name: "devs", Tenant: "acme", Roles: []string{"developer"}}}); err != nil {
		t.Error(err)
	}
	u := made.GetUser()
	u.Email = "dev@acme.example"
	if _, err := c.users.UpdateUser(as(t, "bht_admin"), &bulkheadv1.UpdateUserRequest{User: u, UpdateMask: only("email")}); err != nil {
		t.Error(err)
	}
	// A person whose factor is not fresh gets the link after showing it again.
	stale := strong()
	stale.FactorTime = time.Now().Add(-time.Hour)
	w.signIn("bhs_stale", admin.ID, stale, model.Ref{Type: "Session", ID: "s-stale"}, nil)
	_, err = c.users.CreateUser(as(t, "bhs_stale"), &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "dev2", Tenant: "acme"}})
	if err == nil || detailOf(t, err).GetCode() != "step_up_required" {
		t.Error(err)
	}
	if _, err := w.store.AccountByName(t.Context(), "acme", "dev2"); model.CodeOf(err) != model.CodeNotFound {
		t.Error("the account was made even so", err)
	}
}

// TestRightsOfPoliciesAreNotHandedOut: rights that policies give to a group or user count when somebody else is neither owner
// nor administrator.
func TestRightsOfPoliciesAreNotHandedOut(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	desk := w.account("desk", "acme", strong())
	w.account("named", "acme", strong())
	w.account("plain", "acme", strong())
	desk.Groups = []string{"own"}
	for _, g := range []string{"own", "policy"} {
		if err := w.store.CreateGroup(t.Context(), &model.AccountGroup{ID: g, Tenant: "acme", Name: g}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.store.UpdateAccount(t.Context(), desk); err != nil {
		t.Fatal(err)
	}
	if err := w.store.CreateAccount(t.Context(), &model.Account{ID: "member", Tenant: "acme", Name: "member", Groups: []string{"policy"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Load([]model.Policies{{Tenant: "acme", Version: 1, Files: []model.PolicyFile{{Name: "a.cedar", Text: `
		@id("desk") @reason("r") permit (principal in Bulkhead::Group::"own", action in Bulkhead::Action::"DirectoryChange", resource);
		@id("log") @reason("r") permit (principal in Bulkhead::Group::"policy", action == Bulkhead::Action::"AuditRead", resource);
		@id("named") @reason("r") permit (principal == Bulkhead::User::"id-named", action == Bulkhead::Action::"AuditRead", resource);`}}}}); err != nil {
		t.Fatal(err)
	}
	c := w.clients()
	join := func(group string) *bulkheadv1.UpdateUserRequest {
		return &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: "id-plain", Name: "plain", Groups: []string{group}}, UpdateMask: only("groups")}
	}
	for _, k := range []struct {
		name, who, code string
		call            func(ctx context.Context) error
	}{
		{"make a member", "bhs_desk", "denied", func(ctx context.Context) error {
			return second(c.users.CreateUser(ctx, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "x", Groups: []string{"policy"}}}))
		}},
		{"add a member", "bhs_desk", "denied", func(ctx context.Context) error { return second(c.users.UpdateUser(ctx, join("policy"))) }},
		{"add to the own group", "bhs_desk", "", func(ctx context.Context) error { return second(c.users.UpdateUser(ctx, join("own"))) }},
		{"take a member over", "bhs_desk", "denied", func(ctx context.Context) error { return second(c.users.InviteUser(ctx, &bulkheadv1.Id{Id: "member"})) }},
		{"a token of a member", "bhs_desk", "denied", func(ctx context.Context) error { return second(c.tokens.CreateToken(ctx, tokenFor("member"))) }},
		{"take somebody named over", "bhs_desk", "denied", func(ctx context.Context) error {
			return second(c.users.InviteUser(ctx, &bulkheadv1.Id{Id: "id-named"}))
		}},
		{"a token of somebody named", "bhs_desk", "denied", func(ctx context.Context) error { return second(c.tokens.CreateToken(ctx, tokenFor("id-named"))) }},
		{"invite somebody plain", "bhs_desk", "", func(ctx context.Context) error {
			return second(c.users.InviteUser(ctx, &bulkheadv1.Id{Id: "id-plain"}))
		}},
		{"the owner adds a member", "bhs_owner", "", func(ctx context.Context) error { return second(c.users.UpdateUser(ctx, join("policy"))) }},
		{"the owner invites one", "bhs_owner", "", func(ctx context.Context) error {
			return second(c.users.InviteUser(ctx, &bulkheadv1.Id{Id: "id-named"}))
		}},
	} {
		err := k.call(as(t, k.who))
		if k.code == "" && err != nil || k.code != "" && (err == nil || detailOf(t, err).GetCode() != k.code) {
			t.Errorf("%s: %v, want %q", k.name, err, k.code)
		}
	}
	// A group that a policy names is a privilege: who joins it needs somebody with a fresh factor.
	stale := strong()
	stale.FactorTime = time.Now().Add(-time.Hour)
	w.signIn("bhs_stale", "id-owner", stale, model.Ref{Type: "Session", ID: "s-stale"}, nil)
	again := &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: "acme-user", Name: "acme-user", Groups: []string{"policy"}}, UpdateMask: only("groups")}
	if _, err := c.users.UpdateUser(as(t, "bhs_stale"), again); err == nil || detailOf(t, err).GetCode() != "step_up_required" {
		t.Error(err)
	}
}

// TestWhoLetThemInIsKept: invitations and gains of rights are kept with the account, as four eyes need it.
func TestWhoLetThemInIsKept(t *testing.T) {
	w := newWorld(t, real)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	made, err := c.users.CreateUser(as(t, "bhs_admin"), &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "x", Tenant: "acme"}})
	if err != nil {
		t.Fatal(err)
	}
	look := func(invited, granted string) {
		t.Helper()
		a, err := w.store.Account(t.Context(), made.GetUser().GetId())
		if err != nil || a.InvitedBy != invited || a.GrantedBy != granted || a.Invited.IsZero() || a.Granted.IsZero() {
			t.Errorf("%+v %v", a, err)
		}
	}
	look("id-admin", "id-admin")
	if _, err := c.users.InviteUser(as(t, "bhs_owner"), &bulkheadv1.Id{Id: made.GetUser().GetId()}); err != nil {
		t.Fatal(err)
	}
	look("id-owner", "id-admin")
	up := &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: made.GetUser().GetId(), Name: "x", Email: "x@y.example"}, UpdateMask: only("email")}
	if _, err := c.users.UpdateUser(as(t, "bhs_owner"), up); err != nil {
		t.Fatal(err)
	}
	look("id-owner", "id-admin")
	up.User.Roles, up.UpdateMask = []string{"developer"}, only("roles")
	if _, err := c.users.UpdateUser(as(t, "bhs_owner"), up); err != nil {
		t.Fatal(err)
	}
	look("id-owner", "id-owner")
}
