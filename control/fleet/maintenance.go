package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// upkeep is what the swarms of the fleet should have: for each manager that is a node, the newest document of its swarm. Every replica
// makes the same of the same facts, so that it can be lost.
type upkeep struct {
	wake chan struct{}

	mu     sync.Mutex
	dirty  map[string]bool   // tenants to look at
	scopes map[string]string // manager's node id to its swarm
	docs   map[string]*model.Bundle
	in     map[string]bool // tenants that have swarms
}

func newUpkeep() *upkeep {
	return &upkeep{wake: make(chan struct{}, 1), scopes: map[string]string{}, docs: map[string]*model.Bundle{}, in: map[string]bool{}}
}

// touch has a tenant looked at; known says only if it has swarms.
func (u *upkeep) touch(tenant string, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if known && !u.in[tenant] {
		return
	}
	if u.dirty == nil {
		u.dirty = map[string]bool{}
	}
	u.dirty[tenant] = true
	poke(u.wake)
}

func (u *upkeep) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]string, 0, len(u.dirty))
	for t := range u.dirty {
		out = append(out, t)
	}
	u.dirty = nil
	return out
}

// of is the document for a node, nil where it manages no swarm.
func (u *upkeep) of(node string) *model.Bundle {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.docs[u.scopes[node]]
}

// settle is between two looks: what changes together is looked at together.
const settleUpkeep = 250 * time.Millisecond

// keepMaintenance makes documents of what is wanted of the nodes of swarms whenever that changes, and looks again from time to time.
func (f *Fleet) keepMaintenance(ctx context.Context) {
	tick := time.NewTicker(f.o.Times.Policies)
	defer tick.Stop()
	tenants := []string{""}
	failed := false
	for {
		one, cancel := context.WithTimeout(ctx, callTimeout)
		var err error
		for _, t := range tenants {
			if failure := f.maintainTenant(one, t); failure != nil {
				err = errors.Join(err, failure)
				f.upkeep.touch(t, false)
			}
		}
		cancel()
		if err != nil && ctx.Err() == nil && !failed {
			f.log.Error("managers of swarms don't learn what is wanted of their nodes; they keep what they have", "error", err)
		}
		failed = err != nil
		pause := settleUpkeep
		if failed {
			pause = f.o.Times.Watch
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			tenants = []string{""}
		case <-f.upkeep.wake:
			tenants = f.upkeep.take()
		}
	}
}

// maintainTenant makes the documents of a tenant's swarms, or of all, and offers them to the managers.
func (f *Fleet) maintainTenant(ctx context.Context, tenant string) error {
	byTenant, err := f.members(ctx, tenant)
	if err != nil {
		return err
	}
	scopes, docs, in := map[string]string{}, map[string]*model.Bundle{}, map[string]bool{}
	for name, members := range byTenant {
		for _, s := range maintenance.Swarms(members) {
			in[name] = true
			if len(s.Managers) == 0 {
				continue
			}
			b, err := f.putMaintenance(ctx, name, s)
			if err != nil {
				return fmt.Errorf("swarm %s of %s: %w", s.Cluster, name, err)
			}
			docs[b.Scope] = b
			for i := range s.Managers {
				scopes[s.Managers[i].ID] = b.Scope
			}
		}
	}
	f.upkeep.set(tenant, scopes, docs, in)
	for node := range scopes {
		if s := f.hub.get(node); s != nil {
			f.offerMaintenance(s)
		}
	}
	return nil
}

// set replaces what is known of a tenant, or of all.
func (u *upkeep) set(tenant string, scopes map[string]string, docs map[string]*model.Bundle, in map[string]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if tenant == "" {
		u.scopes, u.docs, u.in = scopes, docs, in
		return
	}
	mine := func(scope string) bool { t, _, _ := bundle.SplitScope(scope); return t == tenant }
	for node, scope := range u.scopes {
		if mine(scope) {
			delete(u.scopes, node)
		}
	}
	for scope := range u.docs {
		if mine(scope) {
			delete(u.docs, scope)
		}
	}
	for node, scope := range scopes {
		u.scopes[node] = scope
	}
	for scope, b := range docs {
		u.docs[scope] = b
	}
	if in[tenant] {
		u.in[tenant] = true
	} else {
		delete(u.in, tenant)
	}
}

func (f *Fleet) putMaintenance(ctx context.Context, tenant string, s *maintenance.Swarm) (*model.Bundle, error) {
	b := &model.Bundle{Kind: model.BundleMaintenance, Scope: bundle.ScopeOfSwarm(tenant, s.Cluster), Created: f.now()}
	var err error
	if b.Document, b.Digest, err = bundle.Encode(s.Document(tenant)); err != nil {
		return nil, err
	}
	have, err := f.docs.latest(ctx, b.Kind, b.Scope)
	if err != nil {
		return nil, err
	}
	if have != nil && have.Digest == b.Digest {
		return have, nil
	}
	// Another replica may have seen something newer meanwhile, and this one's would come after it. Each of them looks again when there
	// is a new document, so that they end with the same.
	return b, f.put(ctx, b)
}

// offerMaintenance offers the document of the swarm that a node manages, where its agent acts on it.
func (f *Fleet) offerMaintenance(s *stream) {
	if b := f.upkeep.of(s.node); b != nil && s.maintains {
		s.setSwarm(b.Scope)
		s.offer(b, true)
	}
}

// members are the nodes that say something of an orchestrator, by tenant.
func (f *Fleet) members(ctx context.Context, tenant string) (map[string][]maintenance.Member, error) {
	nodes, facts, err := f.store.NodesWithFacts(ctx, tenant, []string{maintenance.FactNodeID, maintenance.FactReport}, maintenance.Facts())
	if err != nil {
		return nil, err
	}
	out := map[string][]maintenance.Member{}
	for i := range nodes {
		m := &nodes[i]
		out[m.Tenant] = append(out[m.Tenant], maintenance.MemberOf(m, facts[m.ID]))
	}
	return out, nil
}

// Maintenance says of nodes how it stands with cordon and drain. A node of which there is nothing to say is not in the answer.
func (f *Fleet) Maintenance(ctx context.Context, of []model.Member) (map[string]*maintenance.Told, error) {
	if len(of) == 0 {
		return nil, nil
	}
	tenant := of[0].Tenant
	for i := range of {
		if of[i].Tenant != tenant {
			tenant = ""
		}
	}
	byTenant, err := f.members(ctx, tenant)
	if err != nil {
		return nil, err
	}
	known := map[string]*maintenance.Member{}
	swarms := map[string]map[string]*maintenance.Swarm{}
	for name, members := range byTenant {
		swarms[name] = maintenance.Swarms(members)
		for i := range members {
			known[members[i].ID] = &members[i]
		}
	}
	out := map[string]*maintenance.Told{}
	for i := range of {
		m := known[of[i].ID]
		if m == nil {
			one := maintenance.MemberOf(&of[i], nil)
			m = &one
		}
		m.Want = of[i].Want() // as the caller has read it
		if t := maintenance.Tell(m, swarms[of[i].Tenant]); t != nil {
			out[of[i].ID] = t
		}
	}
	return out, nil
}
