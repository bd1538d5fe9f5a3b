package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// follow looks what changed in the store, for all streams of this replica at once.
func (f *Fleet) follow(ctx context.Context) {
	look := (&feed{f: f, at: -1}).look
	f.repeat(ctx, task{
		do: look, failing: "what changed can't be read; nodes keep what they have", every: f.o.Times.Poll, limit: feedTimeout, now: true, wake: f.wake,
	})
}

// feedTimeout is longer than that of other calls: at the start, and after a gap, every stream's node is read.
const feedTimeout = time.Minute

// feed is how far the changes were looked at; -1 before the first time.
type feed struct {
	f  *Fleet
	at int64
}

const changesAtOnce = 500

// look handles what changed since. What could not be handled is looked at again.
func (d *feed) look(ctx context.Context) error {
	last, err := d.f.store.LastChange(ctx)
	if err != nil {
		return fmt.Errorf("position of changes: %w", err)
	}
	if d.at < 0 {
		return d.all(ctx, last)
	}
	for d.at < last {
		changes, err := d.f.store.ChangesAfter(ctx, "", d.at, changesAtOnce)
		if model.CodeOf(err) == model.CodeExpired || err == nil && len(changes) > 0 && changes[0].Seq != d.at+1 {
			return d.all(ctx, last) // so far behind that changes were pruned
		}
		if err != nil {
			return fmt.Errorf("changes: %w", err)
		}
		if len(changes) == 0 {
			d.at = last
			return nil
		}
		if err := d.handle(ctx, changes); err != nil {
			return err
		}
		d.at = changes[len(changes)-1].Seq
	}
	return nil
}

// all takes everything as changed.
func (d *feed) all(ctx context.Context, last int64) error {
	d.f.docs.forget("", "")
	poke(d.f.policies)
	poke(d.f.accounts)
	d.f.upkeep.touch("", false)
	for _, s := range d.f.hub.all(nil) {
		if err := d.f.met(ctx, s); err != nil {
			return err
		}
	}
	d.at = last
	return nil
}

func (d *feed) handle(ctx context.Context, changes []model.Change) error {
	f := d.f
	nodes, tenants, pools := map[string]bool{}, map[string]bool{}, map[string]bool{}
	excepted, guarded, transfers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range changes {
		c := &changes[i]
		switch c.Object.Type {
		case "Node":
			nodes[c.Object.ID] = true
			f.upkeep.touch(c.Tenant, true)
		case "Policy":
			poke(f.policies)
		case "User", "Group", "AccessRequest", "Tenant":
			poke(f.accounts)
		case "Bundle":
			kind, scope, _ := strings.Cut(c.Object.ID, "/")
			f.docs.forget(model.BundleKind(kind), scope)
			switch model.BundleKind(kind) {
			case model.BundlePolicies:
				tenants[scope] = true
			case model.BundleAccounts:
				guarded[scope] = true
			case model.BundleMaintenance:
				tenant, _, _ := bundle.SplitScope(scope)
				f.upkeep.touch(tenant, false)
			default:
				pools[scope] = true
			}
		case "Rollout":
			f.docs.forget(model.BundleSettings, "") // which pool it is of is in the row only, and there are few
			for _, s := range f.hub.all(f.hub.inTenant(c.Tenant)) {
				pools[s.poolID()] = true
			}
		case "Exception":
			excepted[c.Tenant] = true
		case "RecordingTransfer":
			transfers[c.Object.ID] = true
		}
	}
	var errs []error
	for id := range nodes {
		if s := f.hub.get(id); s != nil {
			errs = append(errs, f.met(ctx, s))
		}
	}
	for tenant := range tenants {
		errs = append(errs, f.offerPolicies(ctx, tenant))
	}
	for tenant := range guarded {
		errs = append(errs, f.offerAccounts(ctx, tenant))
	}
	for id := range transfers {
		errs = append(errs, f.want(ctx, id))
	}
	for pool := range pools {
		errs = append(errs, f.offerPool(ctx, pool))
	}
	for tenant := range excepted {
		for _, s := range f.hub.all(f.hub.inTenant(tenant)) {
			f.work.add(s.node)
		}
	}
	return errors.Join(errs...)
}

func (h *hub) inTenant(tenant string) func(*stream) bool {
	return func(s *stream) bool { return s.tenant == tenant }
}

// What is for all is offered to so many streams at once, and then to the next ones: each node answers as soon as it has it, and thousands
// that answer at the same moment would keep each other, and everybody else, waiting for longer than this takes.
const (
	offersAtOnce = 100
	offersPause  = 40 * time.Millisecond
)

// offerEach offers something to streams, some at a time.
func (f *Fleet) offerEach(ctx context.Context, streams []*stream, offer func(*stream) error) error {
	for part := range slices.Chunk(streams, offersAtOnce) {
		for _, s := range part {
			if err := offer(s); err != nil {
				return err
			}
		}
		if len(part) < offersAtOnce {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(offersPause):
		}
	}
	return nil
}

func (f *Fleet) offerPolicies(ctx context.Context, tenant string) error {
	b, err := f.docs.policies(tenant)
	if err != nil || b == nil {
		return err
	}
	return f.offerEach(ctx, f.hub.all(f.hub.inTenant(tenant)), func(s *stream) error { s.offer(b, false); return nil })
}

func (f *Fleet) offerAccounts(ctx context.Context, tenant string) error {
	b, err := f.docs.accounts(tenant)
	if err != nil || b == nil {
		return err
	}
	guards := func(s *stream) bool { return s.guards && s.tenant == tenant }
	return f.offerEach(ctx, f.hub.all(guards), func(s *stream) error { s.offer(b, false); return nil })
}

func (f *Fleet) offerPool(ctx context.Context, pool string) error {
	return f.offerEach(ctx, f.hub.all(func(s *stream) bool { return s.poolID() == pool }), func(s *stream) error { return f.offerSettings(ctx, s) })
}
