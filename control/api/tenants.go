package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TenantStore keeps tenants.
type TenantStore interface {
	CreateTenant(ctx context.Context, t *model.Tenant) error
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
	Tenants(ctx context.Context, q model.Query) ([]model.Tenant, string, error)
	UpdateTenant(ctx context.Context, t *model.Tenant) error
	DeleteTenant(ctx context.Context, id string) error
}

// Members removes who is in a tenant.
type Members interface {
	Accounts(ctx context.Context, q model.Query) ([]model.Account, string, error)
	DeleteAccount(ctx context.Context, id string) error
	Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error)
	DeleteGroup(ctx context.Context, id string) error
	Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error)
	RevokeNode(ctx context.Context, id, reason string, when time.Time) error
	DeleteNode(ctx context.Context, id string) error
}

// Tenants implements TenantService.
type Tenants struct {
	Store   TenantStore
	Members Members
	Now     func() time.Time
}

// CreateTenant implements TenantService.
func (s *Tenants) CreateTenant(ctx context.Context, r *bulkheadv1.CreateTenantRequest) (*bulkheadv1.Tenant, error) {
	t := &model.Tenant{ID: r.GetTenant().GetId(), Name: r.GetTenant().GetName(), Labels: r.GetTenant().GetLabels(), Created: s.Now()}
	if t.Name == "" {
		t.Name = t.ID
	}
	if err := s.Store.CreateTenant(ctx, t); err != nil {
		return nil, err
	}
	return tenantOut(t), nil
}

// GetTenant implements TenantService.
func (s *Tenants) GetTenant(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Tenant, error) {
	t, err := s.Store.Tenant(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return tenantOut(t), nil
}

// ListTenants implements TenantService: all for callers of "system", the own one for others.
func (s *Tenants) ListTenants(ctx context.Context, r *bulkheadv1.ListTenantsRequest) (*bulkheadv1.ListTenantsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "name"})
	if err != nil {
		return nil, err
	}
	if own := gate.Scope(ctx, ""); own != "" {
		q.Where = append(q.Where, model.Condition{Field: "id", Op: "=", Value: own})
	}
	tenants, next, err := s.Store.Tenants(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListTenantsResponse{NextPage: next}
	for i := range tenants {
		out.Tenants = append(out.Tenants, tenantOut(&tenants[i]))
	}
	return out, gate.MaskAll(out.GetTenants(), r.GetPage().GetReadMask())
}

// UpdateTenant implements TenantService.
func (s *Tenants) UpdateTenant(ctx context.Context, r *bulkheadv1.UpdateTenantRequest) (*bulkheadv1.Tenant, error) {
	want, err := gate.Wanted(r.GetUpdateMask(), "name", "labels")
	if err != nil {
		return nil, err
	}
	t, err := s.Store.Tenant(ctx, r.GetTenant().GetId())
	if err != nil {
		return nil, err
	}
	if err := stale(r.GetTenant().GetVersion(), t.Version); err != nil {
		return nil, err
	}
	if want["name"] {
		t.Name = r.GetTenant().GetName()
	}
	if want["labels"] {
		t.Labels = r.GetTenant().GetLabels()
	}
	if err := s.Store.UpdateTenant(ctx, t); err != nil {
		return nil, err
	}
	return tenantOut(t), nil
}

// DeleteTenant implements TenantService. Nodes, users and groups go one by one, so that each leaves its change behind.
func (s *Tenants) DeleteTenant(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	if r.GetId() == model.SystemTenant {
		return nil, &model.Error{
			Code: model.CodeConflict, Message: "the tenant \"system\" is always there", Field: "id", Remedy: "Delete another tenant.",
		}
	}
	if err := s.empty(ctx, r.GetId()); err != nil {
		return nil, err
	}
	return &bulkheadv1.Empty{}, s.Store.DeleteTenant(ctx, r.GetId())
}

func (s *Tenants) empty(ctx context.Context, tenant string) error {
	if err := s.nodes(ctx, tenant); err != nil {
		return err
	}
	for {
		users, next, err := s.Members.Accounts(ctx, model.Query{Tenant: tenant, Size: 1000})
		if err != nil {
			return err
		}
		for i := range users {
			if err := s.Members.DeleteAccount(ctx, users[i].ID); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
	}
	for {
		groups, next, err := s.Members.Groups(ctx, model.Query{Tenant: tenant, Size: 1000})
		if err != nil {
			return err
		}
		for i := range groups {
			if err := s.Members.DeleteGroup(ctx, groups[i].ID); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
	}
}

// nodes ends the identity of each of a tenant's nodes, which ends its open streams, and removes it.
func (s *Tenants) nodes(ctx context.Context, tenant string) error {
	for {
		nodes, next, err := s.Members.Nodes(ctx, model.Query{Tenant: tenant, Size: 1000})
		if err != nil {
			return err
		}
		for i := range nodes {
			if nodes[i].Revoked.IsZero() {
				if err := s.Members.RevokeNode(ctx, nodes[i].ID, "the tenant was deleted", s.Now()); err != nil {
					return err
				}
			}
			if err := s.Members.DeleteNode(ctx, nodes[i].ID); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
	}
}
