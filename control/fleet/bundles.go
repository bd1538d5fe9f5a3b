package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// EnsurePolicies makes the newest policies of every tenant that has nodes a bundle, where they are not one yet. Every replica may do it:
// the same policies are no new version.
func (f *Fleet) EnsurePolicies(ctx context.Context) error {
	counts, err := f.store.CountNodes(ctx, "")
	if err != nil {
		return fmt.Errorf("tenants with nodes: %w", err)
	}
	tenants := map[string]bool{}
	for pool, n := range counts {
		if tenant, _, _ := strings.Cut(pool, "/"); n > 0 {
			tenants[tenant] = true
		}
	}
	if len(tenants) == 0 {
		return nil
	}
	sets, err := f.o.Policies.AllPolicies(ctx)
	if err != nil {
		return fmt.Errorf("policies of all tenants: %w", err)
	}
	var errs []error
	for tenant := range tenants {
		if _, err := f.putPolicies(ctx, tenant, sets); err != nil {
			errs = append(errs, fmt.Errorf("bundle of the policies of %s: %w", tenant, err))
		}
	}
	return errors.Join(errs...)
}

// policiesOf is the newest bundle of a tenant. Where there is none, it is made.
func (f *Fleet) policiesOf(ctx context.Context, tenant string) (*model.Bundle, error) {
	b, err := f.docs.policies(tenant)
	if b != nil || err != nil {
		return b, err
	}
	sets, err := f.o.Policies.AllPolicies(ctx)
	if err != nil {
		return nil, fmt.Errorf("policies of all tenants: %w", err)
	}
	return f.putPolicies(ctx, tenant, sets)
}

// errOvertaken says that what a bundle is of changed while it was made.
var errOvertaken = errors.New("what the bundle is of changed meanwhile")

// putPolicies makes a bundle of a tenant's policies.
func (f *Fleet) putPolicies(ctx context.Context, tenant string, all []model.Policies) (*model.Bundle, error) {
	first, err := policyBundle(tenant, all)
	if err != nil {
		return nil, err
	}
	return f.putNewest(ctx, first, f.docs.policies, func(ctx context.Context) (*model.Bundle, error) {
		all, err := f.o.Policies.AllPolicies(ctx)
		if err != nil {
			return nil, fmt.Errorf("policies of all tenants: %w", err)
		}
		return policyBundle(tenant, all)
	})
}

// putNewest makes a bundle of a tenant the newest, unless it is the one that there is. Versions are given one after the other, so what again
// reads there can't be older than the bundle before. Without this, a slow replica could bring something older as a newer version.
func (f *Fleet) putNewest(
	ctx context.Context, b *model.Bundle, newest func(tenant string) (*model.Bundle, error), again func(context.Context) (*model.Bundle, error),
) (*model.Bundle, error) {
	const tries = 5
	for range tries {
		if have, err := newest(b.Scope); err == nil && have != nil && have.Digest == b.Digest {
			return have, nil
		}
		b.Created = f.now()
		now := b
		err := f.store.PutBundle(ctx, b, func(b *model.Bundle) error {
			var err error
			if now, err = again(ctx); err != nil || now.Digest != b.Digest {
				return cmp.Or(err, errOvertaken)
			}
			return bundle.Sign(b, f.o.Signer)
		})
		if errors.Is(err, errOvertaken) {
			b = now
			continue
		}
		f.Wake()
		return b, err
	}
	return nil, errOvertaken
}

// policyBundle has the sets of "system" and those of a tenant, in this order.
func policyBundle(tenant string, all []model.Policies) (*model.Bundle, error) {
	doc := bundle.Policies{Schema: bundle.Schema, Tenant: tenant, Sets: []model.Policies{}}
	b := &model.Bundle{Kind: model.BundlePolicies, Scope: tenant}
	var newest time.Time
	for _, name := range slices.Compact([]string{model.SystemTenant, tenant}) {
		for i := range all {
			p := &all[i]
			if p.Tenant != name {
				continue
			}
			doc.Sets = append(doc.Sets, *p)
			if p.Created.After(newest) {
				newest, b.Author = p.Created, p.Author
			}
		}
	}
	var err error
	b.Document, b.Digest, err = bundle.Encode(doc)
	return b, err
}

// put gives a bundle its version and signature. Where the newest is the same, it becomes that.
func (f *Fleet) put(ctx context.Context, b *model.Bundle) error {
	err := f.store.PutBundle(ctx, b, func(b *model.Bundle) error { return bundle.Sign(b, f.o.Signer) })
	if err != nil {
		return err
	}
	f.Wake()
	return nil
}

// keepPolicies makes bundles whenever policies change, and looks again from time to time.
func (f *Fleet) keepPolicies(ctx context.Context) {
	f.repeat(ctx, task{
		do: f.EnsurePolicies, failing: "nodes don't get the newest policies; they keep what they have",
		every: f.o.Times.Policies, now: true, wake: f.policies, again: f.policies,
	})
}

// again asks for policies or accounts once more after a moment.
func (f *Fleet) again(ctx context.Context, what chan struct{}) {
	select {
	case <-ctx.Done():
	case <-time.After(f.o.Times.Watch):
		poke(what)
	}
}
