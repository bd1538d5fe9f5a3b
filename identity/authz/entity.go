package authz

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	maxObjects = 1000 // beside the resource
	maxValues  = 10000
	maxNesting = 8
)

// world is what one decision knows: the principal, the resource, what was given beside them, actions and tenants.
type world struct {
	schema    *Schema
	action    *action
	principal types.Entity
	resource  types.Entity
	others    []types.Entity
}

var _ types.EntityGetter = (*world)(nil)

// newWorld builds the entities of a request. What does not fit together is an error, and so a refusal.
func (s *Schema) newWorld(r *model.Request, a *action) (*world, error) {
	w := &world{schema: s, action: a}
	who, err := s.cache.principal(s, &r.Principal)
	if err != nil {
		return nil, err
	}
	w.principal = who.entity
	if r.Resource.Type == r.Principal.Type && r.Resource.ID == r.Principal.ID {
		w.resource = w.principal
	} else if w.resource, err = s.cache.object(s, &r.Resource); err != nil {
		return nil, err
	}
	if !slices.Contains(a.principals, w.principal.UID.Type) {
		return nil, fmt.Errorf("a %s can't do %s", r.Principal.Type, a.name)
	}
	if !slices.Contains(a.resources, w.resource.UID.Type) {
		return nil, fmt.Errorf("%s can't be done to a %s", a.name, r.Resource.Type)
	}
	if len(r.Objects) > maxObjects {
		return nil, fmt.Errorf("more than %d objects beside the resource", maxObjects)
	}
	for i := range r.Objects {
		o, err := s.cache.object(s, &r.Objects[i])
		if err != nil {
			return nil, err
		}
		w.others = append(w.others, o)
	}
	return w, nil
}

// Get implements types.EntityGetter. What was given for a decision can't stand for the principal, an action or a tenant.
func (w *world) Get(uid types.EntityUID) (types.Entity, bool) {
	switch {
	case uid == w.principal.UID:
		return w.principal, true
	case uid == w.resource.UID:
		return w.resource, true
	case uid.Type == typeTenant:
		return w.schema.cache.tenant(uid), true
	case uid == w.action.uid:
		return w.action.entity, true
	case uid.Type == typeAction:
		if a := w.schema.actions[string(uid.ID)]; a != nil {
			return a.entity, true
		}
		return types.Entity{}, false
	}
	for i := range w.others {
		if w.others[i].UID == uid {
			return w.others[i], true
		}
	}
	return types.Entity{}, false
}

func tenantEntity(uid types.EntityUID) types.Entity {
	return types.Entity{UID: uid, Parents: inSystem(), Attributes: types.NewRecord(types.RecordMap{"tenant": uid})}
}

func inSystem() types.EntityUIDSet {
	return types.NewEntityUIDSet(types.NewEntityUID(typeSystem, model.SystemID))
}

// ancestors are the entity and all that it is in, as Cedar's `in` finds them.
func (w *world) ancestors(e types.Entity) []types.EntityUID {
	all := make([]types.EntityUID, 1, 8)
	all[0] = e.UID
	for p := range e.Parents.All() {
		all = append(all, p)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Type == typeRole {
			continue
		}
		above, ok := w.Get(all[i])
		if !ok {
			continue
		}
		for p := range above.Parents.All() {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// principal is who asks, with the roles, groups and hosts that the account has now.
func (s *Schema) principal(p *model.Principal) (types.Entity, error) {
	if p.ID == "" || p.Tenant == "" || p.Type != "User" && p.Type != "Node" {
		return types.Entity{}, fmt.Errorf("nobody that is known asks")
	}
	tenant := types.NewEntityUID(typeTenant, types.String(p.Tenant))
	parents := make([]types.EntityUID, 0, 1+len(p.Roles)+len(p.Groups))
	parents = append(parents, tenant)
	for _, r := range p.Roles {
		parents = append(parents, types.NewEntityUID(typeRole, types.String(r)))
	}
	if p.Type == "User" {
		for _, g := range p.Groups {
			parents = append(parents, types.NewEntityUID(typeGroup, types.String(g)))
		}
	}
	hosts, ids := hostSets(p.Hosts)
	return types.Entity{
		UID:     types.NewEntityUID(s.types[p.Type], types.String(p.ID)),
		Parents: types.NewEntityUIDSet(parents...),
		Attributes: types.NewRecord(types.RecordMap{
			"tenant": tenant, "id": types.String(p.ID), "name": types.String(p.Name), "hosts": hosts, "host_ids": ids,
		}),
	}, nil
}

func hostSets(ids []string) (hosts, texts types.Value) {
	if len(ids) == 0 {
		return types.Set{}, types.Set{}
	}
	h, t := make([]types.Value, len(ids)), make([]types.Value, len(ids))
	for i, id := range ids {
		h[i], t[i] = types.NewEntityUID(typeHost, types.String(id)), types.String(id)
	}
	return types.NewSet(h...), types.NewSet(t...)
}

// object turns what a door knows of an object into an entity. One that has no tenant belongs to the provider.
func (s *Schema) object(o *model.Object) (types.Entity, error) {
	uid, err := s.uid(o.Ref)
	if err != nil {
		return types.Entity{}, err
	}
	switch uid.Type {
	case typeTenant:
		return s.cache.tenant(uid), nil
	case typeSystem, typeRole:
		return types.Entity{UID: uid}, nil
	}
	parents := make([]types.EntityUID, 0, len(o.Parents)+1)
	var tenant types.EntityUID
	for _, p := range o.Parents {
		parent, err := s.uid(p)
		if err != nil {
			return types.Entity{}, err
		}
		if parent.Type == typeTenant {
			if tenant != (types.EntityUID{}) && tenant != parent {
				return types.Entity{}, fmt.Errorf("%s is in two tenants", o.Ref)
			}
			tenant = parent
		}
		parents = append(parents, parent)
	}
	attrs := make(types.RecordMap, len(o.Attrs)+4)
	c := converter{schema: s}
	for k, v := range o.Attrs {
		if attrs[types.String(k)], err = c.value(v, 0); err != nil {
			return types.Entity{}, fmt.Errorf("attribute %s of %s: %w", k, o.Ref, err)
		}
	}
	if tenant, err = oneTenant(attrs["tenant"], tenant); err != nil {
		return types.Entity{}, fmt.Errorf("%s: %w", o.Ref, err)
	}
	attrs["tenant"] = tenant
	if !slices.Contains(parents, tenant) {
		parents = append(parents, tenant)
	}
	if uid.Type == typeUser || uid.Type == typeNode {
		fillAccount(attrs, uid)
	}
	return types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...), Attributes: types.NewRecord(attrs)}, nil
}

// oneTenant is the tenant by attribute or parent. The two may not differ: a wall must have one place.
func oneTenant(attr types.Value, parent types.EntityUID) (types.EntityUID, error) {
	if attr == nil {
		if parent == (types.EntityUID{}) {
			return types.NewEntityUID(typeTenant, model.SystemTenant), nil
		}
		return parent, nil
	}
	uid, ok := attr.(types.EntityUID)
	if !ok {
		text, isText := attr.(types.String)
		if !isText {
			return uid, fmt.Errorf("its tenant is not a tenant")
		}
		uid = types.NewEntityUID(typeTenant, text)
	}
	if uid.Type != typeTenant || uid.ID == "" || parent != (types.EntityUID{}) && parent != uid {
		return uid, fmt.Errorf("its tenant is not the one that it is in")
	}
	return uid, nil
}

func fillAccount(attrs types.RecordMap, uid types.EntityUID) {
	attrs["id"] = uid.ID
	if attrs["name"] == nil {
		attrs["name"] = types.String("")
	}
	for _, k := range []types.String{"hosts", "host_ids"} {
		if attrs[k] == nil {
			attrs[k] = types.Set{}
		}
	}
}

func (s *Schema) uid(r model.Ref) (types.EntityUID, error) {
	t, ok := s.types[r.Type]
	if !ok || r.ID == "" {
		return types.EntityUID{}, fmt.Errorf("%s::%q is no object of the schema", r.Type, r.ID)
	}
	return types.NewEntityUID(t, types.String(r.ID)), nil
}
