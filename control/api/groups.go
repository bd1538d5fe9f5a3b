package api

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// GroupStore keeps groups.
type GroupStore interface {
	CreateGroup(ctx context.Context, g *model.AccountGroup) error
	Group(ctx context.Context, id string) (*model.AccountGroup, error)
	Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error)
	UpdateGroup(ctx context.Context, g *model.AccountGroup) error
	DeleteGroup(ctx context.Context, id string) error
}

// Groups implements GroupService.
type Groups struct {
	Store     GroupStore
	Directory Directory
	Now       func() time.Time
}

// CreateGroup implements GroupService.
func (s *Groups) CreateGroup(ctx context.Context, r *bulkheadv1.CreateGroupRequest) (*bulkheadv1.Group, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	in := r.GetGroup()
	g := &model.AccountGroup{
		ID: id, Tenant: gate.TenantOf(ctx, in.GetTenant()), Name: in.GetName(), Roles: in.GetRoles(), Hosts: in.GetHosts(), Created: s.Now(),
		Granted: s.Now(),
	}
	if _, err := s.Directory.Tenant(ctx, g.Tenant); err != nil {
		return nil, err
	}
	if err := mayGrant(ctx, nil, g.Tenant, rights{roles: g.Roles, hosts: g.Hosts}, "group"); err != nil {
		return nil, err
	}
	if err := s.Store.CreateGroup(ctx, g); err != nil {
		return nil, err
	}
	return groupOut(g), nil
}

// GetGroup implements GroupService.
func (s *Groups) GetGroup(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Group, error) {
	g, err := s.Store.Group(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return groupOut(g), nil
}

// ListGroups implements GroupService.
func (s *Groups) ListGroups(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListGroupsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "name", "role"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	groups, next, err := s.Store.Groups(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListGroupsResponse{NextPage: next}
	for i := range groups {
		out.Groups = append(out.Groups, groupOut(&groups[i]))
	}
	return out, gate.MaskAll(out.GetGroups(), r.GetPage().GetReadMask())
}

// UpdateGroup implements GroupService. What it gives to the group it gives to every member.
func (s *Groups) UpdateGroup(ctx context.Context, r *bulkheadv1.UpdateGroupRequest) (*bulkheadv1.Group, error) {
	want, err := gate.Wanted(r.GetUpdateMask(), "name", "roles", "hosts")
	if err != nil {
		return nil, err
	}
	in := r.GetGroup()
	g, err := s.Store.Group(ctx, in.GetId())
	if err != nil {
		return nil, err
	}
	if err := stale(in.GetVersion(), g.Version); err != nil {
		return nil, err
	}
	if in.GetTenant() != "" && in.GetTenant() != g.Tenant {
		return nil, invalid("group.tenant", "the tenant of a group can't be changed")
	}
	before := rights{roles: g.Roles, hosts: g.Hosts}
	if want["name"] {
		g.Name = in.GetName()
	}
	if want["roles"] {
		g.Roles = in.GetRoles()
	}
	if want["hosts"] {
		g.Hosts = in.GetHosts()
	}
	if gain := (rights{roles: g.Roles, hosts: g.Hosts}).beyond(before); !gain.none() {
		if err := mayGrant(ctx, nil, g.Tenant, gain, "group"); err != nil {
			return nil, err
		}
		g.Granted = s.Now()
	}
	if err := s.Store.UpdateGroup(ctx, g); err != nil {
		return nil, err
	}
	return groupOut(g), s.guard(ctx, g, before)
}

// DeleteGroup implements GroupService.
func (s *Groups) DeleteGroup(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	g, err := s.Store.Group(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.Store.DeleteGroup(ctx, g.ID); err != nil {
		return nil, err
	}
	return &bulkheadv1.Empty{}, s.guard(ctx, g, rights{roles: g.Roles})
}

func (s *Groups) guard(ctx context.Context, g *model.AccountGroup, before rights) error {
	if g.Tenant != model.SystemTenant || !slices.Contains(before.roles, model.RoleAdministrator) {
		return nil
	}
	return guardAdministrators(ctx, s.Directory)
}
