package fleet

import (
	"context"
	"fmt"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/fleet/inventory"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// digestCache saves reading the digests of nodes that report often. It is small: a large fleet reads them.
type digestCache struct {
	*lru.Cache[string, digests]
}

type digests struct {
	of   string // the digest over all
	keys map[string]string
}

// Bounds of the cache: nodes, and facts of one.
const (
	mostDigests      = 512
	mostKeysOfDigest = 4000
)

func newDigestCache() (*digestCache, error) {
	c, err := lru.New[string, digests](mostDigests)
	if err != nil {
		return nil, fmt.Errorf("cache of digests: %w", err)
	}
	return &digestCache{c}, nil
}

func (c *digestCache) keep(node string, d digests) {
	if len(d.keys) <= mostKeysOfDigest {
		c.Add(node, d)
	} else {
		c.Remove(node)
	}
}

// digestsOf are the digests of a node's facts as its row, read in the same transaction, says they are.
func (f *Fleet) digestsOf(ctx context.Context, m *model.Member) (map[string]string, error) {
	if m.FactsDigest == "" {
		return nil, nil
	}
	if d, ok := f.digests.Get(m.ID); ok && d.of == m.FactsDigest {
		return d.keys, nil
	}
	return f.store.FactDigests(ctx, m.ID)
}

func (f *Fleet) takeFacts(ctx context.Context, w *waiting) error {
	u := w.report.Facts
	m, err := f.store.Node(ctx, w.node.ID)
	if err != nil {
		return err
	}
	if !m.Revoked.IsZero() {
		return revoked()
	}
	have, err := f.digestsOf(ctx, m)
	if err != nil {
		return err
	}
	next, outcome, err := facts.Apply(have, u)
	if err != nil {
		return &model.Error{
			Code: model.CodeInvalid, Message: "the facts can't be taken: " + err.Error(), Field: "facts",
			Remedy: "Update the agent; if it stays so, send the agent's log with a report of the defect.", Err: err,
		}
	}
	switch outcome {
	case facts.Resync:
		w.answer = Answer{Facts: m.FactsDigest, Resync: true}
		return nil
	case facts.Already:
		w.answer.Facts = u.Digest
		if !u.More {
			w.after = append(w.after, func() { f.away.unchanged(m.ID) })
		}
		return nil
	case facts.Applied:
	}
	if err := f.beforeReturn(ctx, m.ID); err != nil {
		return err
	}
	if err := f.store.ApplyFacts(ctx, m.ID, u, f.now()); err != nil {
		return err
	}
	w.answer.Facts = u.Digest
	w.after = append(w.after, func() {
		f.digests.keep(m.ID, digests{u.Digest, next})
		if inventory.Touched(u) {
			f.restocked.note(m.Tenant)
		}
		if about, fresh := aboutSwarm(u); about {
			f.upkeep.touch(m.Tenant, !fresh)
		}
		if !u.More {
			f.work.add(m.ID)
		}
	})
	return nil
}

// aboutSwarm says whether it may be another swarm now, or another place in it; fresh that it says which node of a swarm it is.
func aboutSwarm(u *model.FactsUpdate) (about, fresh bool) {
	is := func(key string) bool {
		switch key {
		case maintenance.FactNodeID, maintenance.FactCluster, maintenance.FactManager, maintenance.FactNodes:
			return true
		}
		return false
	}
	for i := range u.Set {
		about = about || is(u.Set[i].Key)
		fresh = fresh || u.Set[i].Key == maintenance.FactNodeID
	}
	return about || slices.ContainsFunc(u.Removed, is), fresh
}
