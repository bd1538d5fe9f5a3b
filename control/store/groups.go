package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type groupRow struct {
	bun.BaseModel `bun:"table:account_groups,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Name          string `bun:"name"`
	Roles         string `bun:"roles"`
	Hosts         string `bun:"hosts"`
	Created       int64  `bun:"created"`
	Granted       int64  `bun:"granted"`
	Version       int64  `bun:"version"`
}

type membershipRow struct {
	bun.BaseModel `bun:"table:memberships,alias:t"`
	User          string `bun:"user_id,pk"`
	Group         string `bun:"group_id,pk"`
	Tenant        string `bun:"tenant"`
}

func groupRowOf(g *model.AccountGroup) *groupRow {
	return &groupRow{
		ID: g.ID, Tenant: g.Tenant, Name: g.Name, Roles: list(g.Roles), Hosts: list(g.Hosts), Created: us(g.Created),
		Granted: us(g.Granted), Version: g.Version,
	}
}

func (r *groupRow) model() (*model.AccountGroup, error) {
	roles, hosts, err := rightsOf(r.Roles, r.Hosts)
	if err != nil {
		return nil, err
	}
	return &model.AccountGroup{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Roles: roles, Hosts: hosts, Created: at(r.Created), Granted: at(r.Granted),
		Version: r.Version,
	}, nil
}

func groups() listing {
	return listing{
		name: "groups", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "name": {"name", isText}, "role": {"roles", isInSet}, "created": {"created", isTime},
		},
		keys: []field{{"name", isText}, {"id", isText}},
	}
}

// CreateGroup adds a group.
func (s *Store) CreateGroup(ctx context.Context, g *model.AccountGroup) error {
	g.Version = 1
	return s.insert(ctx, "group", groupRowOf(g), changed(created, "Group", g.ID, g.Tenant))
}

// Group finds a group.
func (s *Store) Group(ctx context.Context, id string) (*model.AccountGroup, error) {
	return find(ctx, s, "group", id, (*groupRow).model, "id = ?", id)
}

// Groups lists groups by name.
func (s *Store) Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error) {
	return listed(ctx, s, groups(), q, func(r *groupRow) []any { return []any{r.Name, r.ID} }, (*groupRow).model)
}

// UpdateGroup changes name, roles and hosts.
func (s *Store) UpdateGroup(ctx context.Context, g *model.AccountGroup) error {
	now, err := s.Group(ctx, g.ID) // its tenant never changes
	if err != nil {
		return err
	}
	return s.update(ctx, "group", g.ID, &g.Version, func(version int64) any {
		r := groupRowOf(g)
		r.Version = version
		return r
	}, []string{"name", "roles", "hosts", "granted"}, changed(updated, "Group", g.ID, now.Tenant))
}

// DeleteGroup removes a group. Its members are changed by that, too.
func (s *Store) DeleteGroup(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		g, err := s.Group(ctx, id)
		if err != nil {
			return err
		}
		t := s.transaction(ctx)
		var members []string
		err = t.NewRaw(`UPDATE accounts SET version = version + 1
			WHERE id IN (SELECT user_id FROM memberships WHERE group_id = ?) RETURNING id`, id).Scan(ctx, &members)
		if err != nil {
			return s.fail("change the group's members", err)
		}
		for _, m := range members {
			t.changes = append(t.changes, changed(updated, "User", m, g.Tenant))
		}
		return s.change(ctx, "group", func(db bun.IDB) error {
			r, err := db.NewDelete().Model((*groupRow)(nil)).Where("id = ?", id).Exec(ctx)
			return touched(r, err, notFound("group", id))
		}, changed(deleted, "Group", id, g.Tenant))
	})
}

// GroupsOf are the groups of a user, by name.
func (s *Store) GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error) {
	var rows []groupRow
	err := s.all(ctx, "groups", &rows, "name", "id IN (SELECT group_id FROM memberships WHERE user_id = ?)", a.ID)
	if err != nil {
		return nil, err
	}
	return convert(rows, (*groupRow).model)
}

// setGroups makes a's groups those of its memberships.
func (s *Store) setGroups(ctx context.Context, a *model.Account) error {
	return s.change(ctx, "user", func(db bun.IDB) error {
		if _, err := db.NewDelete().Model((*membershipRow)(nil)).Where("user_id = ?", a.ID).Exec(ctx); err != nil {
			return err
		}
		var rows []membershipRow
		seen := map[string]bool{}
		for _, g := range a.Groups {
			if !seen[g] {
				rows = append(rows, membershipRow{User: a.ID, Group: g, Tenant: a.Tenant})
			}
			seen[g] = true
		}
		if len(rows) == 0 {
			return nil
		}
		_, err := db.NewInsert().Model(&rows).Exec(ctx)
		return err
	})
}

// loadGroups reads the groups' ids of many users at once.
func (s *Store) loadGroups(ctx context.Context, rows []accountRow) error {
	if len(rows) == 0 {
		return nil
	}
	place := make(map[string]int, len(rows))
	ids := make([]string, len(rows))
	for i := range rows {
		place[rows[i].ID], ids[i] = i, rows[i].ID
	}
	var members []membershipRow
	err := s.conn(ctx).NewSelect().Model(&members).Where("user_id IN (?)", bun.List(ids)).OrderExpr("user_id, group_id").Scan(ctx)
	if err != nil {
		return s.fail("read groups", err)
	}
	for _, m := range members {
		r := &rows[place[m.User]]
		r.groups = append(r.groups, m.Group)
	}
	return nil
}
