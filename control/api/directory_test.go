package api_test

import (
	"errors"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func detailOf(t testing.TB, err error) *bulkheadv1.ErrorDetail {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) || len(e.Details()) == 0 {
		t.Fatalf("no detail in %v", err)
	}
	m, err := e.Details()[0].Value()
	if err != nil {
		t.Fatal(err)
	}
	d, ok := m.(*bulkheadv1.ErrorDetail)
	if !ok {
		t.Fatalf("%T", m)
	}
	return d
}

func only(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func TestNobodyHandsOutMoreThanTheyHave(t *testing.T) {
	w := newWorld(t, real)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	w.account("owner", "acme", strong(), model.RoleOwner)
	op := w.account("op", "acme", strong(), model.RoleOperator)
	c := w.clients()
	group, err := c.groups.CreateGroup(as(t, "bhs_admin"), &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{
		Tenant: "acme", Name: "operators", Roles: []string{"operator"}, Hosts: []string{"h1"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	create := func(who string, u *bulkheadv1.User) error {
		_, err := c.users.CreateUser(as(t, who), &bulkheadv1.CreateUserRequest{User: u})
		return err
	}
	for name, k := range map[string]struct {
		err  error
		code string
	}{
		"owner makes owner":               {create("bhs_owner", &bulkheadv1.User{Name: "o", Roles: []string{"owner", "auditor", "developer"}}), ""},
		"owner makes operator":            {create("bhs_owner", &bulkheadv1.User{Name: "p", Roles: []string{"operator"}}), "denied"},
		"owner gives a host":              {create("bhs_owner", &bulkheadv1.User{Name: "p", Hosts: []string{"h1"}}), "denied"},
		"owner gives a group":             {create("bhs_owner", &bulkheadv1.User{Name: "p", Groups: []string{group.GetId()}}), "denied"},
		"owner makes administrator":       {create("bhs_owner", &bulkheadv1.User{Name: "p", Roles: []string{"administrator"}}), "invalid"},
		"admin makes administrator":       {create("bhs_admin", &bulkheadv1.User{Name: "p", Roles: []string{"administrator"}}), ""},
		"administrator in a tenant":       {create("bhs_admin", &bulkheadv1.User{Name: "p", Tenant: "acme", Roles: []string{"administrator"}}), "invalid"},
		"a role that is not":              {create("bhs_admin", &bulkheadv1.User{Name: "q", Roles: []string{"root"}}), "invalid"},
		"admin makes operator":            {create("bhs_admin", &bulkheadv1.User{Name: "q", Tenant: "acme", Groups: []string{group.GetId()}}), ""},
		"name is taken":                   {create("bhs_owner", &bulkheadv1.User{Name: "o"}), "exists"},
		"owner widens a group":            {second(c.groups.UpdateGroup(as(t, "bhs_owner"), &bulkheadv1.UpdateGroupRequest{Group: &bulkheadv1.Group{Id: "acme-group", Name: "g", Roles: []string{"operator"}}, UpdateMask: only("roles")})), "denied"},
		"owner invites an operator":       {second(c.users.InviteUser(as(t, "bhs_owner"), &bulkheadv1.Id{Id: op.ID})), "denied"},
		"owner's token for operator":      {second(c.tokens.CreateToken(as(t, "bhs_owner"), tokenFor(op.ID))), "denied"},
		"owner's own token":               {second(c.tokens.CreateToken(as(t, "bhs_owner"), tokenFor(""))), ""},
		"admin invites an operator":       {second(c.users.InviteUser(as(t, "bhs_admin"), &bulkheadv1.Id{Id: op.ID})), ""},
		"owner takes the operator's role": {second(c.users.UpdateUser(as(t, "bhs_owner"), &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: op.ID, Name: "op"}, UpdateMask: only("roles", "hosts")})), ""},
	} {
		switch {
		case k.code == "" && k.err != nil:
			t.Errorf("%s: %v %v", name, k.err, detailOf(t, k.err))
		case k.code != "" && (k.err == nil || detailOf(t, k.err).GetCode() != k.code):
			t.Errorf("%s: %v, want %s", name, k.err, k.code)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestLastAdministrator(t *testing.T) {
	w := newWorld(t, real)
	g := &model.AccountGroup{ID: "admins", Tenant: "system", Name: "admins", Roles: []string{model.RoleAdministrator}}
	if err := w.store.CreateGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	a := w.account("admin", "system", strong())
	a.Groups = []string{g.ID}
	able(t, w.store, a.ID)
	if err := w.store.UpdateAccount(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	c := w.clients()
	ctx := as(t, "bhs_admin")
	user := &bulkheadv1.User{Id: a.ID, Name: "admin", Disabled: true}
	for name, err := range map[string]error{
		"disable":      second(c.users.UpdateUser(ctx, &bulkheadv1.UpdateUserRequest{User: user, UpdateMask: only("disabled")})),
		"leave group":  second(c.users.UpdateUser(ctx, &bulkheadv1.UpdateUserRequest{User: user, UpdateMask: only("groups")})),
		"delete":       second(c.users.DeleteUser(ctx, &bulkheadv1.Id{Id: a.ID})),
		"delete group": second(c.groups.DeleteGroup(ctx, &bulkheadv1.Id{Id: g.ID})),
		"empty group":  second(c.groups.UpdateGroup(ctx, &bulkheadv1.UpdateGroupRequest{Group: &bulkheadv1.Group{Id: g.ID, Name: "admins"}, UpdateMask: only("roles")})),
	} {
		if err == nil || detailOf(t, err).GetCode() != "last_administrator" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One that was invited and did not come yet is nobody who could put something right.
	if err := w.store.CreateAccount(t.Context(), &model.Account{ID: "ghost", Tenant: "system", Name: "ghost", Roles: []string{model.RoleAdministrator}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.users.DeleteUser(ctx, &bulkheadv1.Id{Id: a.ID}); err == nil || detailOf(t, err).GetCode() != "last_administrator" {
		t.Error(err)
	}
	left, err := w.store.Administrators(t.Context())
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
	w.account("second", "system", strong(), model.RoleAdministrator)
	if _, err := c.users.DeleteUser(as(t, "bhs_second"), &bulkheadv1.Id{Id: a.ID}); err != nil {
		t.Error(err)
	}
}

func TestUpdateHonoursVersionAndMask(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	up := func(u *bulkheadv1.User, paths ...string) (*bulkheadv1.User, error) {
		u.Id, u.Name = "acme-user", "acme-user"
		return c.users.UpdateUser(as(t, "bhs_owner"), &bulkheadv1.UpdateUserRequest{User: u, UpdateMask: only(paths...)})
	}
	u, err := up(&bulkheadv1.User{DisplayName: "A. User", Email: "lost", Version: 1}, "display_name")
	if err != nil || u.GetDisplayName() != "A. User" || u.GetEmail() != "acme-mail" || u.GetVersion() != 2 {
		t.Fatal(u, err)
	}
	if _, err := up(&bulkheadv1.User{Version: 1}, "email"); err == nil || detailOf(t, err).GetCode() != "conflict" {
		t.Error(err)
	}
	if _, err := up(&bulkheadv1.User{}, "tenant"); err == nil || detailOf(t, err).GetCode() != "invalid" {
		t.Error(err)
	}
	// A disabled account loses its tokens for good.
	if _, err := up(&bulkheadv1.User{Disabled: true}, "disabled"); err != nil {
		t.Fatal(err)
	}
	tok, err := w.store.Token(t.Context(), "acme-token")
	if err != nil || tok.Revoked.IsZero() {
		t.Error(tok, err)
	}
}

func TestDeleteTenant(t *testing.T) {
	w := newWorld(t, real)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	c := w.clients()
	if _, err := c.tenants.DeleteTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "system"}); err == nil || detailOf(t, err).GetCode() != "conflict" {
		t.Error(err)
	}
	if _, err := c.tenants.DeleteTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "globex"}); err != nil {
		t.Fatal(err, detailOf(t, err))
	}
	if _, err := w.store.Account(t.Context(), id("globex", "user")); model.CodeOf(err) != model.CodeNotFound {
		t.Error(err)
	}
}
