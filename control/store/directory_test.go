package store

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestTenants(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		x := &model.Tenant{ID: "acme", Name: "Ac'me \"é\" ?", Labels: map[string]string{"a": "b"}, Created: now}
		ok(t, s.CreateTenant(ctx, x))
		got, err := s.Tenant(ctx, "acme")
		ok(t, err)
		if d := cmp.Diff(x, got); d != "" || got.Version != 1 {
			t.Fatal(d)
		}
		code(t, s.CreateTenant(ctx, x), model.CodeExists)
		_, err = s.Tenant(ctx, "none")
		code(t, err, model.CodeNotFound)
		stale := *got
		got.Name = "Other"
		ok(t, s.UpdateTenant(ctx, got))
		if got.Version != 2 {
			t.Fatal(got.Version)
		}
		code(t, s.UpdateTenant(ctx, &stale), model.CodeConflict)
		code(t, s.UpdateTenant(ctx, &model.Tenant{ID: "none", Version: 1}), model.CodeNotFound)
		a := account(t, s, "acme", "alice")
		code(t, s.DeleteTenant(ctx, "acme"), model.CodeConflict)
		code(t, s.DeleteTenant(ctx, "system"), model.CodeConflict)
		ok(t, s.DeleteAccount(ctx, a.ID))
		ok(t, s.CreateGroup(ctx, &model.AccountGroup{ID: id(), Tenant: "acme", Name: "g"}))
		ok(t, s.DeleteTenant(ctx, "acme"))
		code(t, s.DeleteTenant(ctx, "acme"), model.CodeNotFound)
		// The id stays taken: under it are the audit records of the tenant that is gone.
		code(t, s.CreateTenant(ctx, &model.Tenant{ID: "acme", Name: "another"}), model.CodeExists)
		all, next, err := s.Tenants(ctx, model.Query{})
		ok(t, err)
		if len(all) != 1 || all[0].ID != "system" || next != "" {
			t.Fatal(all, next)
		}
	})
}

func TestAccounts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		ga := &model.AccountGroup{ID: id(), Tenant: "a", Name: "g", Roles: []string{"owner"}, Hosts: []string{"h1"}, Created: now}
		ok(t, s.CreateGroup(ctx, ga))
		gb := &model.AccountGroup{ID: id(), Tenant: "b", Name: "g", Created: now}
		ok(t, s.CreateGroup(ctx, gb))
		code(t, s.CreateGroup(ctx, &model.AccountGroup{ID: id(), Tenant: "b", Name: "g"}), model.CodeExists)
		x := &model.Account{
			ID: id(), Tenant: "a", Name: "alice", DisplayName: "Alice", Email: "a@example.org", Roles: []string{"developer"},
			Groups: []string{ga.ID}, Hosts: []string{"h"}, Disabled: true, Issuer: "https://i", Subject: "s", Created: now,
		}
		ok(t, s.CreateAccount(ctx, x))
		for name, f := range map[string]func() (*model.Account, error){
			"id":     func() (*model.Account, error) { return s.Account(ctx, x.ID) },
			"name":   func() (*model.Account, error) { return s.AccountByName(ctx, "a", "alice") },
			"issuer": func() (*model.Account, error) { return s.AccountByIssuer(ctx, "https://i", "s") },
		} {
			got, err := f()
			ok(t, err)
			if d := cmp.Diff(x, got); d != "" {
				t.Fatal(name, d)
			}
		}
		_, err := s.AccountByName(ctx, "b", "alice")
		code(t, err, model.CodeNotFound)
		_, err = s.AccountByIssuer(ctx, "", "")
		code(t, err, model.CodeNotFound)
		code(t, s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: "none", Name: "x"}), model.CodeNotFound)
		code(t, s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: "a", Name: "alice"}), model.CodeExists)
		code(t, s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: "b", Name: "x", Issuer: "https://i", Subject: "s"}), model.CodeExists)
		// A group of another tenant is none, and nothing is left of the try.
		code(t, s.CreateAccount(ctx, &model.Account{ID: id(), Tenant: "a", Name: "mallory", Groups: []string{gb.ID}}), model.CodeNotFound)
		_, err = s.AccountByName(ctx, "a", "mallory")
		code(t, err, model.CodeNotFound)
		x.Groups, x.Disabled = []string{gb.ID}, false
		code(t, s.UpdateAccount(ctx, x), model.CodeNotFound)
		if x.Version != 1 {
			t.Fatal("the version moved on although nothing was changed")
		}
		x.Groups = nil
		ok(t, s.UpdateAccount(ctx, x))
		x.Groups = []string{ga.ID}
		ok(t, s.UpdateAccount(ctx, x))
		ok(t, s.TouchAccount(ctx, x.ID, now))
		groups, err := s.GroupsOf(ctx, x)
		ok(t, err)
		if d := cmp.Diff([]model.AccountGroup{*ga}, groups); d != "" {
			t.Fatal(d)
		}
		ok(t, s.DeleteGroup(ctx, ga.ID))
		code(t, s.UpdateAccount(ctx, x), model.CodeConflict) // it lost a group in between
		got, err := s.Account(ctx, x.ID)
		ok(t, err)
		if got.Groups != nil || got.Version != 4 || !got.LastSignIn.Equal(now) || got.Disabled {
			t.Fatalf("%+v", got)
		}
	})
}

func TestDeletingAnAccountLeavesNothing(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		x := account(t, s, "a", "alice")
		ok(t, s.SetPassword(ctx, &model.Password{User: x.ID, Hash: "h", Changed: now}))
		f := &model.Factor{ID: id(), User: x.ID, Kind: model.FactorTOTP, Data: []byte{1}, Created: now}
		ok(t, s.CreateFactor(ctx, f))
		se := session(x, "s1")
		ok(t, s.CreateSession(ctx, se))
		to := token(x, "ci")
		ok(t, s.CreateToken(ctx, to))
		ok(t, s.CreateTicket(ctx, &model.Ticket{ID: "t", Kind: model.TicketEnrolment, User: x.ID, Expires: now}))
		ac := &model.Access{ID: id(), Tenant: "a", User: x.ID, Action: "X", State: model.AccessPending, Created: now, Expires: now}
		ok(t, s.CreateAccess(ctx, ac))
		last, err := s.LastChange(ctx)
		ok(t, err)
		ok(t, s.DeleteAccount(ctx, x.ID))
		_, err = s.Password(ctx, x.ID)
		code(t, err, model.CodeNotFound)
		_, err = s.Factor(ctx, f.ID)
		code(t, err, model.CodeNotFound)
		_, err = s.Session(ctx, se.ID)
		code(t, err, model.CodeNotFound)
		_, err = s.TokenBySecret(ctx, to.SecretHash)
		code(t, err, model.CodeNotFound)
		_, err = s.Ticket(ctx, model.TicketEnrolment, "t")
		code(t, err, model.CodeNotFound)
		_, err = s.Access(ctx, ac.ID)
		code(t, err, model.CodeNotFound)
		changes, err := s.ChangesAfter(ctx, "a", last, 0)
		ok(t, err)
		var got []string
		for _, c := range changes {
			got = append(got, c.Operation+" "+c.Object.Type)
		}
		want := []string{"deleted Session", "deleted Token", "deleted AccessRequest", "deleted User"}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestAdministrators(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		g := &model.AccountGroup{ID: id(), Tenant: "system", Name: "admins", Roles: []string{"auditor", "administrator"}}
		ok(t, s.CreateGroup(ctx, g))
		for i, x := range []model.Account{
			{Tenant: "system", Name: "by-role", Roles: []string{"administrator"}},
			{Tenant: "system", Name: "by-group", Groups: []string{g.ID}},
			{Tenant: "system", Name: "disabled", Roles: []string{"administrator"}, Disabled: true},
			{Tenant: "system", Name: "like", Roles: []string{"administrators", "xadministrator"}},
			{Tenant: "a", Name: "elsewhere", Roles: []string{"administrator"}},
		} {
			x.ID = fmt.Sprint(i)
			ok(t, s.CreateAccount(ctx, &x))
			able(t, s, x.ID)
		}
		got, err := s.Administrators(ctx)
		ok(t, err)
		if len(got) != 2 || got[0].Name != "by-group" || got[1].Name != "by-role" {
			t.Fatalf("%+v", got)
		}
	})
}

// able gives an account what it needs to sign in and to act.
func able(t *testing.T, s *Store, user string) {
	t.Helper()
	ok(t, s.SetPassword(t.Context(), &model.Password{User: user, Hash: "h", Changed: now}))
	ok(t, s.CreateFactor(t.Context(), &model.Factor{ID: "totp-" + user, User: user, Kind: model.FactorTOTP, Created: now}))
}

// Who can't sign in with two factors does not count as an administrator that is left.
func TestAdministratorsThatCanSignIn(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for name, has := range map[string][]string{
			"invited": {}, "password": {"password"}, "codes": {"password", "recovery"}, "app-alone": {"totp"},
			"app": {"password", "totp"}, "key": {"webauthn"}, "both": {"password", "totp", "webauthn", "recovery"}, "oidc": {"oidc"},
		} {
			a := &model.Account{ID: name, Tenant: "system", Name: name, Roles: []string{"administrator"}}
			for _, what := range has {
				if what == "oidc" {
					a.Issuer, a.Subject = "https://i", "s"
				}
			}
			ok(t, s.CreateAccount(ctx, a))
			for _, what := range has {
				switch what {
				case "oidc":
				case "password":
					ok(t, s.SetPassword(ctx, &model.Password{User: name, Hash: "h", Changed: now}))
				default:
					ok(t, s.CreateFactor(ctx, &model.Factor{ID: id(), User: name, Kind: model.FactorKind(what), Created: now}))
				}
			}
		}
		left, err := s.Administrators(ctx)
		ok(t, err)
		var names []string
		for _, a := range left {
			names = append(names, a.Name)
		}
		if d := cmp.Diff([]string{"app", "both", "key", "oidc"}, names); d != "" {
			t.Fatal(d)
		}
	})
}

// Who let an account in, and who gave it its rights, is kept.
func TestWhoLetThemIn(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		x := &model.Account{ID: "x", Tenant: "a", Name: "x", Created: now, Invited: now, InvitedBy: "i", Granted: now, GrantedBy: "g"}
		ok(t, s.CreateAccount(ctx, x))
		later := now.Add(time.Hour)
		x.Invited, x.InvitedBy, x.Granted, x.GrantedBy = later, "i2", later, "g2"
		ok(t, s.UpdateAccount(ctx, x))
		got, err := s.Account(ctx, "x")
		ok(t, err)
		if d := cmp.Diff(x, got); d != "" {
			t.Fatal(d)
		}
		g := &model.AccountGroup{ID: "g", Tenant: "a", Name: "g", Created: now, Granted: now}
		ok(t, s.CreateGroup(ctx, g))
		g.Granted = later
		ok(t, s.UpdateGroup(ctx, g))
		group, err := s.Group(ctx, "g")
		ok(t, err)
		if d := cmp.Diff(g, group); d != "" {
			t.Fatal(d)
		}
	})
}

// Two administrators who take each other's right away at once must not both succeed when the check is in the transaction.
func TestTheLastAdministratorStays(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		for _, name := range []string{"a", "b"} {
			ok(t, s.CreateAccount(ctx, &model.Account{ID: name, Tenant: "system", Name: name, Roles: []string{"administrator"}}))
			able(t, s, name)
		}
		var wait sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			wait.Go(func() {
				_ = s.InTx(ctx, func(ctx context.Context) error {
					if err := s.DeleteAccount(ctx, name); err != nil {
						return err
					}
					left, err := s.Administrators(ctx)
					if err != nil {
						return err
					}
					if len(left) == 0 {
						return &model.Error{Code: model.CodeLastAdministrator}
					}
					return nil
				})
			})
		}
		wait.Wait()
		left, err := s.Administrators(ctx)
		ok(t, err)
		if len(left) != 1 {
			t.Fatalf("%d administrators are left", len(left))
		}
	})
}
