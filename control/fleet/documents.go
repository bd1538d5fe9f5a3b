package fleet

import (
	"context"
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

// documents are the signed documents that all streams share: read once, until they change.
type documents struct {
	f     *Fleet
	reads singleflight.Group
	older *lru.Cache[string, *model.Bundle] // settings by scope and version

	mu     sync.Mutex
	turn   int64                    // counts changes: what was read before one is not kept
	tenant map[string]*model.Bundle // policies
	people map[string]*model.Bundle // accounts
	pool   map[string]*staged
}

// staged is what the nodes of a pool should have. Both are nil where there is nothing.
type staged struct {
	latest  *model.Bundle
	rollout *model.Rollout
}

const mostOlder = 256

func newDocuments(f *Fleet) (*documents, error) {
	c, err := lru.New[string, *model.Bundle](mostOlder)
	if err != nil {
		return nil, fmt.Errorf("cache of settings: %w", err)
	}
	return &documents{f: f, older: c, tenant: map[string]*model.Bundle{}, people: map[string]*model.Bundle{}, pool: map[string]*staged{}}, nil
}

// forget drops what changed: one scope, or all of them where it is "".
func (d *documents) forget(kind model.BundleKind, scope string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn++
	if kind == "" || kind == model.BundlePolicies {
		drop(d.tenant, scope)
	}
	if kind == "" || kind == model.BundleAccounts {
		drop(d.people, scope)
	}
	if kind == "" || kind == model.BundleSettings {
		drop(d.pool, scope)
	}
}

func drop[T any](kept map[string]T, scope string) {
	if scope == "" {
		clear(kept)
	}
	delete(kept, scope)
}

// accounts is the newest bundle of a tenant's accounts, nil where there is none.
func (d *documents) accounts(tenant string) (*model.Bundle, error) {
	return read(d, "a/"+tenant, d.people, tenant, func(ctx context.Context) (*model.Bundle, error) {
		return d.latest(ctx, model.BundleAccounts, tenant)
	})
}

// policies is the newest bundle of a tenant, nil where there is none.
func (d *documents) policies(tenant string) (*model.Bundle, error) {
	return read(d, "p/"+tenant, d.tenant, tenant, func(ctx context.Context) (*model.Bundle, error) {
		return d.latest(ctx, model.BundlePolicies, tenant)
	})
}

// settings is what a node of a pool should have, nil for nothing, and whether a roll-out is on its way there.
func (d *documents) settings(ctx context.Context, pool, node string) (*model.Bundle, bool, error) {
	s, err := d.stage(pool)
	if err != nil {
		return nil, false, err
	}
	if s.rollout == nil {
		return s.latest, false, nil
	}
	version := rollout.Target(*s.rollout, node)
	switch {
	case version == 0:
		return nil, true, nil
	case s.latest != nil && s.latest.Version == version:
		return s.latest, true, nil
	}
	b, err := d.version(ctx, pool, version)
	return b, true, err
}

// stage is read in this order: who sees new settings also sees the roll-out that was made with them, and never takes them for
// everybody's.
func (d *documents) stage(pool string) (*staged, error) {
	return read(d, "s/"+pool, d.pool, pool, func(ctx context.Context) (*staged, error) { return d.fresh(ctx, pool) })
}

// fresh reads what is there now.
func (d *documents) fresh(ctx context.Context, pool string) (*staged, error) {
	latest, err := d.latest(ctx, model.BundleSettings, pool)
	if err != nil {
		return nil, err
	}
	s := &staged{latest: latest}
	open, err := d.f.store.OpenRollouts(ctx)
	if err != nil {
		return nil, err
	}
	for i := range open {
		r := &open[i]
		if r.Pool == pool && (s.rollout == nil || r.To > s.rollout.To) {
			s.rollout = r
		}
	}
	return s, nil
}

func (d *documents) version(ctx context.Context, scope string, version int64) (*model.Bundle, error) {
	key := fmt.Sprintf("%s %d", scope, version)
	if b, ok := d.older.Get(key); ok {
		return b, nil
	}
	b, err := d.f.store.Bundle(ctx, model.BundleSettings, scope, version)
	if err != nil {
		return nil, err
	}
	d.older.Add(key, b)
	return b, nil
}

// latest is the newest bundle, nil where there is none.
func (d *documents) latest(ctx context.Context, kind model.BundleKind, scope string) (*model.Bundle, error) {
	b, err := d.f.store.LatestBundle(ctx, kind, scope)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, nil
	}
	return b, err
}

// read gives what is kept, or reads it, once for all who want it at the same time. What may be from before a change is given to those
// who asked before it, and not kept.
func read[T any](d *documents, key string, kept map[string]*T, name string, do func(context.Context) (*T, error)) (*T, error) {
	d.mu.Lock()
	v, ok := kept[name]
	turn := d.turn
	d.mu.Unlock()
	if ok {
		return v, nil
	}
	got, err, _ := d.reads.Do(fmt.Sprintf("%d %s", turn, key), func() (any, error) {
		// Of all who wait, the first may leave, and its transaction is not theirs.
		own, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		v, err := do(own)
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.turn == turn && v != nil {
			kept[name] = v
		}
		return v, nil
	})
	if err != nil {
		return nil, err
	}
	v, _ = got.(*T)
	return v, nil
}

// Target is which versions of policies and settings a node should have; 0 for none.
func (f *Fleet) Target(ctx context.Context, m *model.Member) (policies, settings int64, err error) {
	p, err := f.docs.policies(m.Tenant)
	if err != nil {
		return 0, 0, err
	}
	if p != nil {
		policies = p.Version
	}
	b, _, err := f.docs.settings(ctx, m.Tenant+"/"+m.Pool, m.ID)
	if err != nil {
		return 0, 0, err
	}
	if b != nil {
		settings = b.Version
	}
	return policies, settings, nil
}
