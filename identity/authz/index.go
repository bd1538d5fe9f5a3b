package authz

import (
	"iter"
	"slices"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// index finds the policies whose scope can match a request: by principal, then action, then resource. A policy that it
// leaves out is one whose scope does not match, which Cedar would evaluate to false without an error; so the outcome is
// that of walking over all of them. A policy with nothing in its scope is looked at for every request.
type index struct {
	principals level[level[level[list]]]
}

// list is policies with the same place in the index.
type list []*entry

// level is a step: what is bound to an entity (== or in), to a type (is), or to nothing.
type level[T any] struct {
	entities map[types.EntityUID]*T
	types    map[types.EntityType]*T
	any      *T
}

// key says where in a level a scope belongs: an entity, a type, or, when both are zero, anywhere.
type key struct {
	entity types.EntityUID
	typ    types.EntityType
}

func newIndex(entries []*entry) *index {
	x := &index{}
	for _, e := range entries {
		p, r := scopeKey(e.scope.Principal), scopeKey(e.scope.Resource)
		if e.wall != (types.EntityUID{}) {
			p, r = p.within(e.wall), r.within(e.wall)
		}
		actions := e.actions
		if len(actions) == 0 {
			actions = []types.EntityUID{{}}
		}
		for _, a := range actions {
			l := x.principals.at(p).at(key{entity: a}).at(r)
			*l = append(*l, e)
		}
	}
	return x
}

// within narrows a key that names no entity to those in the tenant that the policy is confined to.
func (k key) within(wall types.EntityUID) key {
	if k.entity == (types.EntityUID{}) {
		return key{entity: wall}
	}
	return k
}

func scopeKey(n ast.IsScopeNode) key {
	switch n := n.(type) {
	case ast.ScopeTypeEq:
		return key{entity: n.Entity}
	case ast.ScopeTypeIn:
		return key{entity: n.Entity}
	case ast.ScopeTypeIsIn:
		return key{entity: n.Entity}
	case ast.ScopeTypeIs:
		return key{typ: n.Type}
	}
	return key{} // ScopeTypeAll: looked at always
}

// scopeActions are the actions or groups that a scope names, each once; none means every action. An empty set, which no
// action is in, is kept as a name that no action has.
func scopeActions(n ast.IsActionScopeNode) []types.EntityUID {
	switch n := n.(type) {
	case ast.ScopeTypeEq:
		return []types.EntityUID{n.Entity}
	case ast.ScopeTypeIn:
		return []types.EntityUID{n.Entity}
	case ast.ScopeTypeInSet:
		var all []types.EntityUID
		for _, e := range n.Entities {
			if !slices.Contains(all, e) {
				all = append(all, e)
			}
		}
		if len(all) == 0 {
			all = append(all, types.NewEntityUID(typeAction, ""))
		}
		return all
	}
	return nil
}

// at is the place of a key, made when it is not there yet.
func (l *level[T]) at(k key) *T {
	switch {
	case k.entity != types.EntityUID{}:
		return place(&l.entities, k.entity)
	case k.typ != "":
		return place(&l.types, k.typ)
	}
	if l.any == nil {
		l.any = new(T)
	}
	return l.any
}

func place[K comparable, T any](m *map[K]*T, k K) *T {
	if *m == nil {
		*m = map[K]*T{}
	}
	if (*m)[k] == nil {
		(*m)[k] = new(T)
	}
	return (*m)[k]
}

// each calls f for what is bound to nothing, to the type, and to each of the entities, which it is told.
func (l *level[T]) each(ancestors []types.EntityUID, f func(*T, types.EntityUID)) {
	if l.any != nil {
		f(l.any, types.EntityUID{})
	}
	if len(l.types) > 0 {
		if t := l.types[ancestors[0].Type]; t != nil {
			f(t, types.EntityUID{})
		}
	}
	if len(l.entities) == 0 {
		return
	}
	for _, a := range ancestors {
		if t := l.entities[a]; t != nil {
			f(t, a)
		}
	}
}

// candidates appends the policies whose scope can match, each once. The first of each list of ancestors is the entity
// itself.
func (x *index) candidates(to walk, principal, act, resource []types.EntityUID) walk {
	x.principals.each(principal, func(p *level[level[list]], _ types.EntityUID) {
		p.each(act, func(a *level[list], by types.EntityUID) {
			a.each(resource, func(l *list, _ types.EntityUID) {
				for _, e := range *l {
					// One that names several groups is found by each of them that the action is in; the first counts.
					if len(e.actions) < 2 || first(act, e.actions) == by {
						to = append(to, e)
					}
				}
			})
		})
	})
	return to
}

func first(of, in []types.EntityUID) types.EntityUID {
	for _, e := range of {
		if slices.Contains(in, e) {
			return e
		}
	}
	return types.EntityUID{}
}

// walk gives policies to Cedar.
type walk []*entry

// All implements cedar.PolicyIterator.
func (w walk) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, e := range w {
			if !yield(e.id, e.policy) {
				return
			}
		}
	}
}
