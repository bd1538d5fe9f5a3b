package authz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/model"
)

const cached = 4096 // of each kind

// cache keeps entities and contexts that many decisions have in common. It is never asked for what may be true, only for
// how something that was just told looks to Cedar.
type cache struct {
	principals *lru.Cache[model.Ref, *knownPrincipal]
	objects    *lru.Cache[model.Ref, *knownObject]
	tenants    *lru.Cache[types.String, types.Entity]
	contexts   *lru.Cache[contextKey, types.Record]
}

// knownPrincipal is an entity with all that it was made of.
type knownPrincipal struct {
	from   model.Principal
	entity types.Entity
}

// knownObject is an entity with all that it was made of.
type knownObject struct {
	from   model.Object
	entity types.Entity
}

// Objects are kept where that takes little: what is larger is made each time.
const (
	cachedObjects = 2048
	mostOfObject  = 1 << 10 // bytes
)

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
	o, err := lru.New[model.Ref, *knownObject](cachedObjects)
	if err != nil {
		return nil, fmt.Errorf("making a cache: %w", err)
	}
	return &cache{p, o, t, c}, nil
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

// object is the entity of an object, which is made again where anything of it is different.
func (c *cache) object(s *Schema, o *model.Object) (types.Entity, error) {
	if k, ok := c.objects.Get(o.Ref); ok && slices.Equal(k.from.Parents, o.Parents) && sameAttrs(k.from.Attrs, o.Attrs) {
		return k.entity, nil
	}
	own, ok := copied(o)
	if !ok {
		return s.object(o)
	}
	e, err := s.object(own)
	if err == nil {
		c.objects.Add(own.Ref, &knownObject{*own, e})
	}
	return e, err
}

// copied is an object that is small and has plain attributes, with nothing of its maker's memory in it.
func copied(o *model.Object) (*model.Object, bool) {
	size := 0
	text := func(s string) string {
		size += len(s)
		return strings.Clone(s)
	}
	own := &model.Object{Ref: ref(o.Ref, text), Attrs: make(map[string]any, len(o.Attrs))}
	for _, p := range o.Parents {
		own.Parents = append(own.Parents, ref(p, text))
	}
	for k, v := range o.Attrs {
		switch w := v.(type) {
		case string:
			v = text(w)
		case model.Ref:
			v = ref(w, text)
		case []string:
			list := make([]string, len(w))
			for i := range w {
				list[i] = text(w[i])
			}
			v = list
		case bool, int64:
		default:
			return nil, false
		}
		if own.Attrs[text(k)] = v; size > mostOfObject {
			return nil, false
		}
	}
	return own, true
}

func ref(r model.Ref, text func(string) string) model.Ref {
	return model.Ref{Type: text(r.Type), ID: text(r.ID)}
}

// sameAttrs compares attributes of those kinds that are kept.
func sameAttrs(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		w, has := b[k]
		if !has {
			return false
		}
		if list, is := v.([]string); is {
			other, is := w.([]string)
			if !is || !slices.Equal(list, other) {
				return false
			}
			continue
		}
		switch w.(type) { // others can't be compared
		case string, bool, int64, model.Ref:
			if v != w {
				return false
			}
		default:
			return false
		}
	}
	return true
}
