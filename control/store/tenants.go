package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type tenantRow struct {
	bun.BaseModel `bun:"table:tenants,alias:t"`
	ID            string `bun:"id,pk"`
	Name          string `bun:"name"`
	Labels        string `bun:"labels"`
	Created       int64  `bun:"created"`
	Version       int64  `bun:"version"`
}

// formerTenantRow is the id of a tenant that was deleted. It stays for good.
type formerTenantRow struct {
	bun.BaseModel `bun:"table:former_tenants,alias:t"`
	ID            string `bun:"id,pk"`
	Deleted       int64  `bun:"deleted"`
}

func tenantRowOf(t *model.Tenant) *tenantRow {
	return &tenantRow{ID: t.ID, Name: t.Name, Labels: labels(t.Labels), Created: us(t.Created), Version: t.Version}
}

func (r *tenantRow) model() (*model.Tenant, error) {
	labels, err := labelsOf(r.Labels)
	return &model.Tenant{ID: r.ID, Name: r.Name, Labels: labels, Created: at(r.Created), Version: r.Version}, err
}

func tenants() listing {
	return listing{
		name: "tenants", tenant: "id",
		fields: map[string]field{"id": {"id", isText}, "name": {"name", isText}, "created": {"created", isTime}},
		keys:   []field{{"id", isText}},
	}
}

// CreateTenant adds a tenant. The id of one that is gone is not given again: whoever got it would see the other's audit
// records.
func (s *Store) CreateTenant(ctx context.Context, t *model.Tenant) error {
	t.Version = 1
	return s.InTx(ctx, func(ctx context.Context) error {
		gone, err := s.conn(ctx).NewSelect().Model((*formerTenantRow)(nil)).Where("id = ?", t.ID).Exists(ctx)
		if err != nil {
			return s.fail("look for former tenants", err)
		}
		if gone {
			return &model.Error{
				Code: model.CodeExists, Message: "there was a tenant with this id, and its audit records are kept under it", Field: "tenant.id",
				Remedy: "Take another id.",
			}
		}
		return s.insert(ctx, "tenant", tenantRowOf(t), changed(created, "Tenant", t.ID, t.ID))
	})
}

// Tenant finds a tenant.
func (s *Store) Tenant(ctx context.Context, id string) (*model.Tenant, error) {
	return find(ctx, s, "tenant", id, (*tenantRow).model, "id = ?", id)
}

// Tenants lists tenants by id.
func (s *Store) Tenants(ctx context.Context, q model.Query) ([]model.Tenant, string, error) {
	return listed(ctx, s, tenants(), q, func(r *tenantRow) []any { return []any{r.ID} }, (*tenantRow).model)
}

// UpdateTenant changes name and labels.
func (s *Store) UpdateTenant(ctx context.Context, t *model.Tenant) error {
	return s.update(ctx, "tenant", t.ID, &t.Version, func(version int64) any {
		r := tenantRowOf(t)
		r.Version = version
		return r
	}, []string{"name", "labels"}, changed(updated, "Tenant", t.ID, t.ID))
}

// DeleteTenant removes a tenant with its groups, policies, assessments, pools and all else. One that has users or nodes stays.
func (s *Store) DeleteTenant(ctx context.Context, id string) error {
	if id == model.SystemTenant {
		return &model.Error{Code: model.CodeConflict, Message: "the tenant \"system\" can't be deleted"}
	}
	err := s.change(ctx, "tenant", func(db bun.IDB) error {
		r, err := db.NewDelete().Model((*tenantRow)(nil)).Where("id = ?", id).Exec(ctx)
		if err := touched(r, err, notFound("tenant", id)); err != nil {
			return err
		}
		if err := deleteBundles(ctx, db, id); err != nil {
			return err
		}
		_, err = db.NewInsert().Model(&formerTenantRow{ID: id, Deleted: us(time.Now())}).Exec(ctx)
		return err
	}, changed(deleted, "Tenant", id, id))
	if kindOf(err) != dangling {
		return err
	}
	has, remedy := "users", "Delete its users first."
	nodes, failed := s.conn(ctx).NewSelect().Model((*nodeRow)(nil)).Where("tenant = ?", id).Exists(ctx)
	switch {
	case failed != nil:
		return s.fail("look for nodes", failed)
	case nodes:
		has, remedy = "nodes", "Revoke and delete its nodes first."
	}
	return &model.Error{Code: model.CodeConflict, Message: "the tenant still has " + has, Remedy: remedy, Err: err}
}
