package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type poolRow struct {
	bun.BaseModel `bun:"table:pools,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Name          string `bun:"name"`
	Description   string `bun:"description"`
	Settings      string `bun:"settings"`
	Plan          string `bun:"plan"`
	Windows       string `bun:"windows"`
	Created       int64  `bun:"created"`
	Version       int64  `bun:"version"`
}

func poolRowOf(p *model.Pool) *poolRow {
	windows := "[]"
	if len(p.Windows) > 0 {
		windows = text(p.Windows)
	}
	return &poolRow{
		ID: p.ID, Tenant: p.Tenant, Name: p.Name, Description: p.Description, Settings: text(p.Settings), Plan: text(p.Plan),
		Windows: windows, Created: us(p.Created), Version: p.Version,
	}
}

func (r *poolRow) model() (*model.Pool, error) {
	settings, err := value[model.PoolSettings](r.Settings)
	if err != nil {
		return nil, err
	}
	plan, err := value[model.RolloutPlan](r.Plan)
	if err != nil {
		return nil, err
	}
	windows, err := value[[]model.Window](r.Windows)
	if len(windows) == 0 {
		windows = nil
	}
	return &model.Pool{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Description: r.Description, Settings: settings, Plan: plan, Windows: windows,
		Created: at(r.Created), Version: r.Version,
	}, err
}

func pools() listing {
	return listing{
		name: "pools", tenant: "tenant",
		fields: map[string]field{"id": {"id", isText}, "name": {"name", isText}, "created": {"created", isTime}},
		keys:   []field{{"name", isText}, {"id", isText}},
	}
}

// CreatePool adds a pool.
func (s *Store) CreatePool(ctx context.Context, p *model.Pool) error {
	p.Version = 1
	return s.insert(ctx, "pool", poolRowOf(p), changed(created, "Pool", p.ID, p.Tenant))
}

// Pool finds a pool.
func (s *Store) Pool(ctx context.Context, id string) (*model.Pool, error) {
	return find(ctx, s, "pool", id, (*poolRow).model, "id = ?", id)
}

// Pools lists pools by name.
func (s *Store) Pools(ctx context.Context, q model.Query) ([]model.Pool, string, error) {
	return listed(ctx, s, pools(), q, func(r *poolRow) []any { return []any{r.Name, r.ID} }, (*poolRow).model)
}

// UpdatePool changes description, settings, plan and windows.
func (s *Store) UpdatePool(ctx context.Context, p *model.Pool) error {
	now, err := s.Pool(ctx, p.ID) // its tenant never changes
	if err != nil {
		return err
	}
	return s.update(ctx, "pool", p.ID, &p.Version, func(version int64) any {
		r := poolRowOf(p)
		r.Version = version
		return r
	}, []string{"description", "settings", "plan", "windows"}, changed(updated, "Pool", p.ID, now.Tenant))
}

// DeletePool removes a pool that no node is in; revoked ones don't count.
func (s *Store) DeletePool(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		p, err := s.Pool(ctx, id)
		if err != nil {
			return err
		}
		return s.change(ctx, "pool", func(db bun.IDB) error {
			r, err := db.NewRaw(`DELETE FROM pools WHERE id = ?
				AND NOT EXISTS (SELECT 1 FROM nodes WHERE tenant = ? AND pool = ? AND revoked = 0)`, id, p.Tenant, p.Name).Exec(ctx)
			return touched(r, err, &model.Error{
				Code: model.CodeConflict, Message: "there are nodes in the pool", Remedy: "Move them to another pool first.",
			})
		}, changed(deleted, "Pool", id, p.Tenant))
	})
}

// CountNodes says how many nodes that are not revoked each pool has, by the pool's id, of a tenant or, where it is empty, of all.
func (s *Store) CountNodes(ctx context.Context, tenant string) (map[string]int, error) {
	var rows []struct {
		Tenant, Pool string
		Nodes        int
	}
	q := s.conn(ctx).NewSelect().Table("nodes").ColumnExpr("tenant, pool, count(*) AS nodes").Where("revoked = 0").GroupExpr("tenant, pool")
	if tenant != "" {
		q.Where("tenant = ?", tenant)
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, s.fail("count nodes", err)
	}
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.Tenant+"/"+r.Pool] = r.Nodes
	}
	return out, nil
}
