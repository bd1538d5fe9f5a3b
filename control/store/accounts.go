package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type accountRow struct {
	bun.BaseModel `bun:"table:accounts,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Name          string `bun:"name"`
	DisplayName   string `bun:"display_name"`
	Email         string `bun:"email"`
	Roles         string `bun:"roles"`
	Hosts         string `bun:"hosts"`
	Disabled      int64  `bun:"disabled"`
	Issuer        string `bun:"issuer"`
	Subject       string `bun:"subject"`
	Created       int64  `bun:"created"`
	LastSignIn    int64  `bun:"last_sign_in"`
	Invited       int64  `bun:"invited"`
	InvitedBy     string `bun:"invited_by"`
	Granted       int64  `bun:"granted"`
	GrantedBy     string `bun:"granted_by"`
	Version       int64  `bun:"version"`

	groups []string
}

func accountRowOf(a *model.Account) *accountRow {
	return &accountRow{
		ID: a.ID, Tenant: a.Tenant, Name: a.Name, DisplayName: a.DisplayName, Email: a.Email, Roles: list(a.Roles),
		Hosts: list(a.Hosts), Disabled: truth(a.Disabled), Issuer: a.Issuer, Subject: a.Subject, Created: us(a.Created),
		LastSignIn: us(a.LastSignIn), Invited: us(a.Invited), InvitedBy: a.InvitedBy, Granted: us(a.Granted), GrantedBy: a.GrantedBy,
		Version: a.Version,
	}
}

// rightsOf are the roles and hosts of an account or a group, from their columns.
func rightsOf(roleColumn, hostColumn string) (roles, hosts []string, err error) {
	if roles, err = stringsOf(roleColumn); err != nil {
		return nil, nil, err
	}
	hosts, err = stringsOf(hostColumn)
	return roles, hosts, err
}

func (r *accountRow) model() (*model.Account, error) {
	roles, hosts, err := rightsOf(r.Roles, r.Hosts)
	if err != nil {
		return nil, err
	}
	return &model.Account{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, DisplayName: r.DisplayName, Email: r.Email, Roles: roles, Groups: r.groups,
		Hosts: hosts, Disabled: r.Disabled != 0, Issuer: r.Issuer, Subject: r.Subject, Created: at(r.Created),
		LastSignIn: at(r.LastSignIn), Invited: at(r.Invited), InvitedBy: r.InvitedBy, Granted: at(r.Granted), GrantedBy: r.GrantedBy,
		Version: r.Version,
	}, nil
}

func accounts() listing {
	return listing{
		name: "users", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "name": {"name", isText}, "email": {"email", isText}, "role": {"roles", isInSet},
			"disabled": {"disabled", isSet}, "issuer": {"issuer", isText}, "created": {"created", isTime},
		},
		keys: []field{{"name", isText}, {"id", isText}},
	}
}

// CreateAccount adds a user. Its groups must be of its tenant.
func (s *Store) CreateAccount(ctx context.Context, a *model.Account) error {
	a.Version = 1
	return s.InTx(ctx, func(ctx context.Context) error {
		if err := s.insert(ctx, "user", accountRowOf(a), changed(created, "User", a.ID, a.Tenant)); err != nil {
			return err
		}
		return s.setGroups(ctx, a)
	})
}

// Account finds a user.
func (s *Store) Account(ctx context.Context, id string) (*model.Account, error) {
	return s.account(ctx, id, "id = ?", id)
}

// AccountByName finds a user by tenant and name.
func (s *Store) AccountByName(ctx context.Context, tenant, name string) (*model.Account, error) {
	return s.account(ctx, tenant+"/"+name, "tenant = ? AND name = ?", tenant, name)
}

// AccountByIssuer finds a user by the names that an OIDC provider gives.
func (s *Store) AccountByIssuer(ctx context.Context, issuer, subject string) (*model.Account, error) {
	if subject == "" {
		return nil, notFound("user", "")
	}
	return s.account(ctx, subject, "issuer = ? AND subject = ? AND subject <> ''", issuer, subject)
}

func (s *Store) account(ctx context.Context, id, where string, args ...any) (*model.Account, error) {
	rows := make([]accountRow, 1)
	if err := s.one(ctx, "user", id, &rows[0], where, args...); err != nil {
		return nil, err
	}
	if err := s.loadGroups(ctx, rows); err != nil {
		return nil, err
	}
	return rows[0].model()
}

// Accounts lists users by name.
func (s *Store) Accounts(ctx context.Context, q model.Query) ([]model.Account, string, error) {
	rows, next, err := page(ctx, s, accounts(), q, func(r *accountRow) []any { return []any{r.Name, r.ID} })
	if err != nil {
		return nil, "", err
	}
	if err := s.loadGroups(ctx, rows); err != nil {
		return nil, "", err
	}
	out, err := convert(rows, (*accountRow).model)
	return out, next, err
}

// UpdateAccount changes all but tenant, time of creation and last sign-in.
func (s *Store) UpdateAccount(ctx context.Context, a *model.Account) error {
	was := a.Version
	err := s.InTx(ctx, func(ctx context.Context) error {
		err := s.update(ctx, "user", a.ID, &a.Version, func(version int64) any {
			r := accountRowOf(a)
			r.Version = version
			return r
		}, []string{
			"name", "display_name", "email", "roles", "hosts", "disabled", "issuer", "subject", "invited", "invited_by", "granted",
			"granted_by",
		})
		if err != nil {
			return err
		}
		var now accountRow
		if err := s.one(ctx, "user", a.ID, &now, "id = ?", a.ID); err != nil {
			return err
		}
		t := s.transaction(ctx)
		t.changes = append(t.changes, changed(updated, "User", a.ID, now.Tenant))
		stored := *a
		stored.Tenant = now.Tenant
		return s.setGroups(ctx, &stored)
	})
	if err != nil {
		a.Version = was
	}
	return err
}

// DeleteAccount removes a user with all that is its own: password, factors, sessions, tokens, tickets, requests.
func (s *Store) DeleteAccount(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		var row accountRow
		if err := s.one(ctx, "user", id, &row, "id = ?", id); err != nil {
			return err
		}
		if err := s.deleteOwned(ctx, id); err != nil {
			return err
		}
		return s.change(ctx, "user", func(db bun.IDB) error {
			r, err := db.NewDelete().Model((*accountRow)(nil)).Where("id = ?", id).Exec(ctx)
			return touched(r, err, notFound("user", id))
		}, changed(deleted, "User", id, row.Tenant))
	})
}

// deleteOwned removes what has changes of its own, and what no foreign key reaches.
func (s *Store) deleteOwned(ctx context.Context, user string) error {
	for _, owned := range []struct{ table, as string }{
		{"sessions", "Session"}, {"tokens", "Token"}, {"access_requests", "AccessRequest"}, {"tickets", ""},
	} {
		var gone []struct{ ID, Tenant string }
		t := s.transaction(ctx)
		err := t.NewRaw("DELETE FROM ? WHERE user_id = ? RETURNING id, tenant", bun.Ident(owned.table), user).Scan(ctx, &gone)
		if err != nil {
			return s.fail("delete what the user has", err)
		}
		for _, g := range gone {
			if owned.as != "" {
				t.changes = append(t.changes, changed(deleted, owned.as, g.ID, g.Tenant))
			}
		}
	}
	return nil
}

// Administrators are the enabled users of the tenant "system" that have the role administrator, themselves or by a group, and
// can sign in and act: with a passkey, with a password and an app, or at an OIDC provider. One that was invited and did not
// come yet, or has lost the factors, is nobody who could put something right.
// Inside a transaction nobody else can ask this until it ends: two that each take away another's right can't both find
// that one is left.
func (s *Store) Administrators(ctx context.Context) ([]model.Account, error) {
	if t := s.transaction(ctx); t != nil && s.kind == KindPostgres {
		if _, err := t.NewRaw("SELECT pg_advisory_xact_lock(?)", lockKey+1).Exec(ctx); err != nil {
			return nil, s.fail("lock the administrators", err)
		}
	}
	role := element(model.RoleAdministrator)
	var rows []accountRow
	err := s.all(ctx, "the administrators", &rows, "name",
		`tenant = ? AND disabled = 0 AND (roles LIKE ? ESCAPE '!' OR id IN (
			SELECT m.user_id FROM memberships AS m JOIN account_groups AS g ON g.id = m.group_id WHERE g.roles LIKE ? ESCAPE '!'))
		AND (subject <> '' OR id IN (SELECT user_id FROM factors WHERE kind = ?) OR id IN (
			SELECT f.user_id FROM factors AS f JOIN passwords AS p ON p.user_id = f.user_id WHERE f.kind = ?))`,
		model.SystemTenant, role, role, string(model.FactorWebAuthn), string(model.FactorTOTP))
	if err != nil {
		return nil, err
	}
	if err := s.loadGroups(ctx, rows); err != nil {
		return nil, err
	}
	return convert(rows, (*accountRow).model)
}

// TouchAccount keeps when a user signed in last. It is no change of the user.
func (s *Store) TouchAccount(ctx context.Context, id string, lastSignIn time.Time) error {
	return s.change(ctx, "user", func(db bun.IDB) error {
		r, err := db.NewRaw("UPDATE accounts SET last_sign_in = ? WHERE id = ?", us(lastSignIn), id).Exec(ctx)
		return touched(r, err, notFound("user", id))
	})
}
