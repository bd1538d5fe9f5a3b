package api

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// PoolReader finds pools and the tenants that they are in.
type PoolReader interface {
	Pool(ctx context.Context, id string) (*model.Pool, error)
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
}

// PoolStore keeps pools.
type PoolStore interface {
	PoolReader
	CreatePool(ctx context.Context, p *model.Pool) error
	Pools(ctx context.Context, q model.Query) ([]model.Pool, string, error)
	UpdatePool(ctx context.Context, p *model.Pool) error
	DeletePool(ctx context.Context, id string) error
	CountNodes(ctx context.Context, tenant string) (map[string]int, error)
}

// Publisher makes settings into what nodes take, and starts to roll it out.
type Publisher interface {
	SettingsChanged(ctx context.Context, p *model.Pool, author string) error
}

// Pools implements PoolService.
type Pools struct {
	Store     PoolStore
	Rollouts  RolloutStore
	Bundles   Bundles
	Publisher Publisher
	Decider   Rollouts
	Now       func() time.Time
}

// mostPools bounds a tenant's pools.
const mostPools = 500

func poolID(tenant, name string) string { return tenant + "/" + name }

func poolName(pool string) string {
	if pool == "" {
		return model.DefaultPool
	}
	return pool
}

// poolOf finds a pool. "default" is in every tenant, also where nobody made it: its version is then 0.
func poolOf(ctx context.Context, s PoolReader, tenant, name string) (*model.Pool, error) {
	p, err := s.Pool(ctx, poolID(tenant, name))
	if model.CodeOf(err) != model.CodeNotFound || name != model.DefaultPool {
		return p, err
	}
	if _, err := s.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	return implicitPool(poolID(tenant, name)), nil
}

func poolByID(ctx context.Context, s PoolReader, id string) (*model.Pool, error) {
	tenant, name, ok := strings.Cut(id, "/")
	if !ok || tenant == "" || name == "" {
		return nil, noObject("Pool")
	}
	return poolOf(ctx, s, tenant, name)
}

func implicitPool(id string) *model.Pool {
	tenant, name, _ := strings.Cut(id, "/")
	return &model.Pool{ID: id, Tenant: tenant, Name: name}
}

// GetPool implements PoolService.
func (s *Pools) GetPool(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Pool, error) {
	p, err := poolByID(ctx, s.Store, r.GetId())
	return s.out(ctx, p, err)
}

// ListPools implements PoolService. A tenant's "default" comes first where nobody made it; without a tenant, those that have nodes.
func (s *Pools) ListPools(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPoolsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"name"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	counts, err := s.Store.CountNodes(ctx, q.Tenant)
	if err != nil {
		return nil, err
	}
	var list []model.Pool
	if q.Token == "" {
		if list, err = s.implicit(ctx, q, counts); err != nil {
			return nil, err
		}
		if q.Size > len(list) {
			q.Size -= len(list)
		}
	}
	made, next, err := s.Store.Pools(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListPoolsResponse{NextPage: next}
	list = append(list, made...)
	for i := range list {
		p, err := s.counted(ctx, &list[i], counts)
		if err != nil {
			return nil, err
		}
		out.Pools = append(out.Pools, p)
	}
	return out, gate.MaskAll(out.GetPools(), r.GetPage().GetReadMask())
}

// implicit are the pools "default" that the question means and nobody made.
func (s *Pools) implicit(ctx context.Context, q model.Query, counts map[string]int) ([]model.Pool, error) {
	if !matches(q.Where, model.DefaultPool) {
		return nil, nil
	}
	ids := []string{poolID(q.Tenant, model.DefaultPool)}
	if q.Tenant == "" {
		ids = []string{poolID(model.SystemTenant, model.DefaultPool)}
		for id := range counts {
			if strings.HasSuffix(id, "/"+model.DefaultPool) && id != ids[0] {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids[1:])
		ids = ids[:min(len(ids), mostPools)]
	}
	made := map[string]bool{}
	for token := ""; ; {
		list, next, err := s.Store.Pools(ctx, model.Query{
			Tenant: q.Tenant, Where: []model.Condition{{Field: "name", Op: "=", Value: model.DefaultPool}}, Size: 1000, Token: token,
		})
		if err != nil {
			return nil, err
		}
		for i := range list {
			made[list[i].ID] = true
		}
		if token = next; token == "" {
			break
		}
	}
	var out []model.Pool
	for _, id := range ids {
		if !made[id] {
			out = append(out, *implicitPool(id))
		}
	}
	return out, nil
}

// matches says whether a name is what conditions on the name ask for.
func matches(where []model.Condition, name string) bool {
	for _, c := range where {
		n := strings.Compare(name, c.Value)
		if is := map[string]bool{"=": n == 0, "!=": n != 0, "<": n < 0, "<=": n <= 0, ">": n > 0, ">=": n >= 0}; !is[c.Op] {
			return false
		}
	}
	return true
}

// CreatePool implements PoolService.
func (s *Pools) CreatePool(ctx context.Context, r *bulkheadv1.CreatePoolRequest) (*bulkheadv1.Pool, error) {
	in := r.GetPool()
	tenant := gate.TenantOf(ctx, in.GetTenant())
	if in.GetName() == "" {
		return nil, invalid("pool.name", "a pool needs a name")
	}
	if _, err := s.Store.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	id := poolID(tenant, in.GetName())
	if in.GetId() != "" && in.GetId() != id {
		return nil, invalid("pool.id", "it is made of tenant and name; leave it out")
	}
	if in.GetName() == model.DefaultPool {
		return nil, &model.Error{
			Code: model.CodeExists, Message: "the pool \"default\" is in every tenant", Field: "pool.name", Remedy: "Change it with UpdatePool (`bulkhead pools update default`).",
		}
	}
	p := &model.Pool{ID: id, Tenant: tenant, Name: in.GetName(), Created: s.Now()}
	if err := fillPool(p, in, map[string]bool{"description": true, "settings": true, "plan": true, "windows": true}, s.Now()); err != nil {
		return nil, err
	}
	have, next, err := s.Store.Pools(ctx, model.Query{Tenant: tenant, Size: mostPools})
	if err != nil {
		return nil, err
	}
	if next != "" || len(have) >= mostPools {
		return nil, &model.Error{Code: model.CodeTooMany, Message: fmt.Sprintf("the tenant has %d pools, which is the most", mostPools), Remedy: "Delete pools without nodes."}
	}
	if err := s.Store.CreatePool(ctx, p); err != nil {
		return nil, err
	}
	return s.published(ctx, p, true)
}

// UpdatePool implements PoolService.
func (s *Pools) UpdatePool(ctx context.Context, r *bulkheadv1.UpdatePoolRequest) (*bulkheadv1.Pool, error) {
	want, err := gate.Wanted(r.GetUpdateMask(), "description", "settings", "plan", "windows")
	if err != nil {
		return nil, err
	}
	in := r.GetPool()
	p, err := poolByID(ctx, s.Store, in.GetId())
	if err != nil {
		return nil, err
	}
	if err := stale(in.GetVersion(), p.Version); err != nil {
		return nil, err
	}
	if in.GetTenant() != "" && in.GetTenant() != p.Tenant || in.GetName() != "" && in.GetName() != p.Name {
		return nil, invalid("pool.name", "name and tenant of a pool can't be changed")
	}
	before := p.Settings
	if err := fillPool(p, in, want, s.Now()); err != nil {
		return nil, err
	}
	if p.Created.IsZero() { // the default pool, before anybody changed it
		p.Created = s.Now()
		err = s.Store.CreatePool(ctx, p)
		if model.CodeOf(err) == model.CodeExists {
			err = stale(1, 0)
		}
	} else {
		err = s.Store.UpdatePool(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return s.published(ctx, p, !reflect.DeepEqual(before, p.Settings))
}

// published tells of new settings and gives the pool as it is.
func (s *Pools) published(ctx context.Context, p *model.Pool, settings bool) (*bulkheadv1.Pool, error) {
	if settings {
		if s.Publisher == nil {
			return nil, &model.Error{Code: model.CodeUnavailable, Message: "settings can't be published", Err: errors.New("no publisher")}
		}
		if err := s.Publisher.SettingsChanged(ctx, p, gate.Caller(ctx).ID); err != nil {
			return nil, err
		}
	}
	p, err := s.Store.Pool(ctx, p.ID)
	return s.out(ctx, p, err)
}

// DeletePool implements PoolService.
func (s *Pools) DeletePool(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p, err := poolByID(ctx, s.Store, r.GetId())
	if err != nil {
		return nil, err
	}
	if p.Name == model.DefaultPool {
		return nil, &model.Error{
			Code: model.CodeConflict, Message: "the pool \"default\" is always there", Field: "id", Remedy: "Change its settings, or delete another pool.",
		}
	}
	return &bulkheadv1.Empty{}, s.Store.DeletePool(ctx, p.ID)
}

func (s *Pools) out(ctx context.Context, p *model.Pool, err error) (*bulkheadv1.Pool, error) {
	if err != nil {
		return nil, err
	}
	counts, err := s.Store.CountNodes(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return s.counted(ctx, p, counts)
}

func (s *Pools) counted(ctx context.Context, p *model.Pool, counts map[string]int) (*bulkheadv1.Pool, error) {
	version, err := newestVersion(ctx, s.Bundles, model.BundleSettings, p.ID)
	if err != nil {
		return nil, err
	}
	out, err := poolOut(p, s.Now())
	if err != nil {
		return nil, err
	}
	out.SettingsVersion, out.Nodes = version, int32(min(counts[p.ID], 1<<30))
	return out, nil
}
