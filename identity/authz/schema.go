package authz

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/bulkhead-security/bulkhead/policies"
)

// Names of groups of actions that code depends on.
const (
	groupDelegable   = "TenantDelegable"
	groupRequestable = "Requestable"
	groupSelfService = "SelfService"
)

// actionDecide is approving and denying what others ask for.
const actionDecide = "AccessDecide"

// actionDecidePolicies is approving and rejecting policies that others propose.
const actionDecidePolicies = "PolicyDecide"

const (
	prefix     = policies.Namespace + "::"
	typeAction = types.EntityType(prefix + "Action")
	typeTenant = types.EntityType(prefix + "Tenant")
	typeSystem = types.EntityType(prefix + "System")
	typeRole   = types.EntityType(prefix + "Role")
	typeGroup  = types.EntityType(prefix + "Group")
	typeUser   = types.EntityType(prefix + "User")
	typeNode   = types.EntityType(prefix + "Node")
	typeHost   = types.EntityType(prefix + "Host")
)

// Schema is what policies are written against: types, actions and groups of actions.
type Schema struct {
	resolved  *resolved.Schema
	validator *validate.Validator
	actions   map[string]*action
	types     map[string]types.EntityType // by the name without namespace
	cache     *cache
}

// action is one action or group of actions.
type action struct {
	name       string
	uid        types.EntityUID
	entity     types.Entity
	ancestors  []types.EntityUID // with itself
	groups     map[string]bool   // names of ancestors, with itself
	principals []types.EntityType
	resources  []types.EntityType
	dangerous  string
	door       string
}

// NewSchema reads the shipped schema.
func NewSchema() (*Schema, error) {
	var parsed schema.Schema
	parsed.SetFilename("bulkhead.cedarschema")
	if err := parsed.UnmarshalCedar([]byte(policies.Schema)); err != nil {
		return nil, fmt.Errorf("reading the Cedar schema: %w", err)
	}
	res, err := parsed.Resolve()
	if err != nil {
		return nil, fmt.Errorf("resolving the Cedar schema: %w", err)
	}
	s := &Schema{resolved: res, validator: validate.New(res), actions: map[string]*action{}, types: map[string]types.EntityType{}}
	if s.cache, err = newCache(); err != nil {
		return nil, err
	}
	for t := range res.Entities {
		s.types[strings.TrimPrefix(string(t), prefix)] = t
	}
	for t := range res.Enums {
		s.types[strings.TrimPrefix(string(t), prefix)] = t
	}
	for uid, a := range res.Actions {
		s.actions[string(uid.ID)] = s.newAction(uid, a)
	}
	return s, nil
}

func (s *Schema) newAction(uid types.EntityUID, a resolved.Action) *action {
	out := &action{
		name: string(uid.ID), uid: uid, entity: a.Entity, ancestors: []types.EntityUID{uid}, groups: map[string]bool{},
		dangerous: string(a.Annotations["dangerous"]), door: string(a.Annotations["door"]),
	}
	for i := 0; i < len(out.ancestors); i++ {
		for p := range s.resolved.Actions[out.ancestors[i]].Entity.Parents.All() {
			if !slices.Contains(out.ancestors, p) {
				out.ancestors = append(out.ancestors, p)
			}
		}
		out.groups[string(out.ancestors[i].ID)] = true
	}
	// All ancestors at once, so that Cedar finds each without searching.
	out.entity.Parents = types.NewEntityUIDSet(out.ancestors[1:]...)
	if a.AppliesTo != nil {
		out.principals, out.resources = a.AppliesTo.Principals, a.AppliesTo.Resources
	}
	return out
}

// Text is the schema in Cedar's own syntax.
func (s *Schema) Text() string { return policies.Schema }

// Actions are the names of all actions that can be asked for, without groups, sorted.
func (s *Schema) Actions() []string {
	var names []string
	for name, a := range s.actions {
		if len(a.resources) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Scopes are what a token can be narrowed to: "*", and the names of all actions and groups of actions, sorted.
func (s *Schema) Scopes() []string {
	return append([]string{scopeAll}, slices.Sorted(maps.Keys(s.actions))...)
}

// ActionsOn are the names of the actions that can be done to a type of resource, sorted.
func (s *Schema) ActionsOn(typ string) []string {
	return slices.DeleteFunc(s.Actions(), func(a string) bool { return !slices.Contains(s.actions[a].resources, s.types[typ]) })
}

// ActionsAt are the names of the actions that are asked for at a door (@door), sorted.
func (s *Schema) ActionsAt(door string) []string {
	return slices.DeleteFunc(s.Actions(), func(a string) bool { return s.actions[a].door != door })
}

// HasAction tells whether an action can be asked for.
func (s *Schema) HasAction(name string) bool {
	a := s.actions[name]
	return a != nil && len(a.resources) > 0
}

// InGroup tells whether an action is in a group of actions, or is it.
func (s *Schema) InGroup(name, group string) bool {
	a := s.actions[name]
	return a != nil && a.groups[group]
}

// Requestable tells whether access to an action can be asked for.
func (s *Schema) Requestable(name string) bool { return s.InGroup(name, groupRequestable) }

// HasScope tells whether a token's scope is "*", an action or a group of actions.
func (s *Schema) HasScope(scope string) bool { return scope == scopeAll || s.actions[scope] != nil }

// NearestScope is the action or group that a misspelt scope may have meant; empty where none is near.
func (s *Schema) NearestScope(scope string) string {
	near, least := "", 1+len(scope)/3
	for _, name := range slices.Sorted(maps.Keys(s.actions)) {
		if strings.EqualFold(name, scope) {
			return name
		}
		if d := levenshtein.ComputeDistance(scope, name); d < least {
			near, least = name, d
		}
	}
	return near
}

// HasType tells whether there are entities of a type, named without namespace.
func (s *Schema) HasType(name string) bool { return s.types[name] != "" }

// Dangerous is the mark of an action: "yes", "some" (of the methods that decide it), or nothing.
func (s *Schema) Dangerous(name string) string {
	if a := s.actions[name]; a != nil {
		return a.dangerous
	}
	return ""
}

// Types are the names of the types of entities, sorted.
func (s *Schema) Types() []string { return slices.Sorted(maps.Keys(s.types)) }

func compare(a, b string) int { return cmp.Compare(a, b) }
