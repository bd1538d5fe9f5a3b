package authz

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/model"
)

const cached = 4096 // of each kind

// cache keeps entities and contexts that many decisions have in common. It is never asked for what may be true, only for
// how something that was just told looks to Cedar.
type cache struct {
	principals *lru.Cache[model.Ref, *knownPrincipal]
	tenants    *lru.Cache[types.String, types.Entity]
	contexts   *lru.Cache[contextKey, types.Record]
}

// knownPrincipal is an entity with all that it was made of.
type knownPrincipal struct {
	from   model.Principal
	entity types.Entity
}

func newCache() (*cache, error) {
	p, err := lru.New[model.Ref, *knownPrincipal](cached)
	if err != nil {
		return nil, fmt.Errorf("making a cache: %w", err)
	}
	t, err := lru.New[types.String, types.Entity](cached)
	if err != nil {
		return nil, fmt.Errorf("making a cache: %w", err)
	}
	c, err := lru.New[contextKey, types.Record](cached)
	if err != nil {
		return nil, fmt.Errorf("making a cache: %w", err)
	}
	return &cache{p, t, c}, nil
}

func (c *cache) principal(s *Schema, p *model.Principal) (*knownPrincipal, error) {
	if k, ok := c.principals.Get(p.Ref); ok && k.from.Tenant == p.Tenant && k.from.Name == p.Name &&
		slices.Equal(k.from.Roles, p.Roles) && slices.Equal(k.from.Groups, p.Groups) && slices.Equal(k.from.Hosts, p.Hosts) {
		return k, nil
	}
	e, err := s.principal(p)
	if err != nil {
		return nil, err
	}
	k := &knownPrincipal{entity: e, from: model.Principal{
		Ref: p.Ref, Tenant: p.Tenant, Name: p.Name,
		Roles: slices.Clone(p.Roles), Groups: slices.Clone(p.Groups), Hosts: slices.Clone(p.Hosts),
	}}
	c.principals.Add(p.Ref, k)
	return k, nil
}

func (c *cache) tenant(uid types.EntityUID) types.Entity {
	if e, ok := c.tenants.Get(uid.ID); ok {
		return e
	}
	e := tenantEntity(uid)
	c.tenants.Add(uid.ID, e)
	return e
}
