// Package authz decides who may do what: Cedar policies over one schema, for every door of the product.
//
// It is pure and local: it reads no store, no clock and no network, and it never lets a request through for want of
// information. What it cannot evaluate, it refuses. See docs/policies.md.
package authz

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-security/bulkhead/model"
)

// Options are the settings that decisions depend on.
type Options struct {
	// FourEyes are actions that need a second person's approval beside those marked so by their method.
	FourEyes []string
	// PhishingResistant demands passkeys of administrators.
	PhishingResistant bool
}

// Engine decides. It is safe for concurrent use; Load swaps the policies at once for all that comes after.
type Engine struct {
	schema  *Schema
	shipped []*entry
	opts    settings
	load    sync.Mutex // one Load at a time
	now     atomic.Pointer[snapshot]
}

// settings are Options as they are asked for.
type settings struct {
	fourEyes          map[string]bool
	phishingResistant bool
}

// snapshot is what is in force at a moment.
type snapshot struct {
	schema  *Schema
	opts    settings
	sets    []model.Policies
	index   *index
	entries []*entry
	version string
	stamps  map[string]stamp // by tenant; others have that of "system"
}

// New reads the schema and the shipped policies. Custom ones come with Load.
func New(o Options) (*Engine, error) {
	schema, err := NewSchema()
	if err != nil {
		return nil, err
	}
	shipped, err := shippedEntries(schema)
	if err != nil {
		return nil, err
	}
	e := &Engine{schema: schema, shipped: shipped, opts: settings{fourEyes: map[string]bool{}, phishingResistant: o.PhishingResistant}}
	for _, a := range o.FourEyes {
		if err := mayNeedFourEyes(schema, a); err != nil {
			return nil, err
		}
		e.opts.fourEyes[a] = true
	}
	return e, e.Load(nil)
}

// mayNeedFourEyes refuses actions that nobody could approve or get approved: those on the own account, without which
// nobody signs in or asks for access, and the approving itself.
func mayNeedFourEyes(s *Schema, action string) error {
	switch {
	case !s.HasAction(action):
		return &model.Error{
			Code: model.CodeInvalid, Field: "server.four_eyes", Message: fmt.Sprintf("server.four_eyes names %q, which is no action", action),
			Remedy: "`bulkhead policy schema` lists the actions",
		}
	case s.InGroup(action, groupSelfService), action == actionDecide, action == actionDecidePolicies:
		return &model.Error{
			Code: model.CodeInvalid, Field: "server.four_eyes",
			Message: fmt.Sprintf("server.four_eyes names %s, which can't wait for a second person: signing in, asking for access and approving it need it", action),
			Remedy:  "take it out of server.four_eyes; AccessDecide, PolicyDecide and the actions in the group SelfService can't be there",
		}
	}
	return nil
}

// Load puts the newest custom policies of all tenants into force, beside the shipped ones. On an error, what was in force
// stays in force.
func (e *Engine) Load(sets []model.Policies) error {
	e.load.Lock()
	defer e.load.Unlock()
	s, err := e.compile(sets)
	if err != nil {
		return err
	}
	e.now.Store(s)
	return nil
}

// Of is an engine with nothing but the given custom policies beside the shipped ones, to see what they decided once.
func (e *Engine) Of(sets []model.Policies) (*Engine, error) {
	s, err := e.compile(sets)
	if err != nil {
		return nil, err
	}
	d := &Engine{schema: e.schema, shipped: e.shipped, opts: e.opts}
	d.now.Store(s)
	return d, nil
}

// With is an engine with a draft in place of its tenant's policies, to see what it would decide.
func (e *Engine) With(draft model.Policies) (*Engine, error) {
	sets := slices.DeleteFunc(slices.Clone(e.now.Load().sets), func(s model.Policies) bool { return s.Tenant == draft.Tenant })
	return e.Of(append(sets, draft))
}

// Schema is what policies are written against.
func (e *Engine) Schema() *Schema { return e.schema }

// Version is the digest of what is in force.
func (e *Engine) Version() string { return e.now.Load().version }

// VersionFor is the digest of what decisions about principals of a tenant can come from, as Decision.PolicyVersion has it.
func (e *Engine) VersionFor(tenant string) string { return e.now.Load().stamp(tenant).version }

// Versions are the versions of the custom policies in force, by tenant.
func (e *Engine) Versions() map[string]int64 {
	m := map[string]int64{}
	for _, s := range e.now.Load().sets {
		m[s.Tenant] = s.Version
	}
	return m
}

// Decide answers a request. A refusal says in Needs what would have turned it into a permission.
func (e *Engine) Decide(ctx context.Context, r model.Request) model.Decision {
	return e.DecideAssuming(ctx, r, Assume{})
}

// DecideAssuming answers a request as if something were different, to explain and to compare.
func (e *Engine) DecideAssuming(ctx context.Context, r model.Request, a Assume) model.Decision {
	s := e.now.Load()
	if err := ctx.Err(); err != nil {
		return s.refuse(&r, "the request's time is over")
	}
	d := s.decide(&r, a)
	if !d.Allowed {
		d.Needs = s.needs(&r, a)
	}
	return d
}

func (e *Engine) compile(sets []model.Policies) (*snapshot, error) {
	s := &snapshot{schema: e.schema, opts: e.opts, sets: slices.Clone(sets), entries: slices.Clone(e.shipped)}
	slices.SortFunc(s.sets, func(a, b model.Policies) int { return compare(a.Tenant, b.Tenant) })
	h := sha256.New()
	seen := map[string]bool{}
	for i := range s.sets {
		set := &s.sets[i]
		if seen[set.Tenant] {
			return nil, fmt.Errorf("two sets of policies for the tenant %s", set.Tenant)
		}
		seen[set.Tenant] = true
		entries, problems := e.schema.entriesOf(set)
		if len(problems) > 0 {
			p := problems[0]
			return nil, &model.Error{
				Code: model.CodeInvalid, Field: p.File,
				Message: fmt.Sprintf("policies of %s, %s:%d:%d: %s", set.Tenant, p.File, p.Line, p.Column, p.Message),
			}
		}
		s.entries = append(s.entries, entries...)
	}
	s.stamps = stamps(e.shipped, s.sets, s.entries)
	for _, t := range slices.Sorted(maps.Keys(s.stamps)) {
		fmt.Fprintf(h, "%d:%s%s", len(t), t, s.stamps[t].version)
	}
	for i, p := range s.entries {
		if p.rank != i {
			c := *p
			c.rank = i
			s.entries[i] = &c
		}
	}
	s.index = newIndex(s.entries)
	s.version = hex.EncodeToString(h.Sum(nil))
	return s, nil
}
