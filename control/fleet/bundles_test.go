package fleet

import (
	"context"
	"testing"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

func (w *world) setsOf(b *model.Bundle) int {
	w.Helper()
	var p bundle.Policies
	w.ok(bundle.Decode(b.Document, &p))
	return len(p.Sets)
}

func (w *world) newest(tenant string) *model.Bundle {
	w.Helper()
	b, err := w.store.LatestBundle(w.Context(), model.BundlePolicies, tenant)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil
	}
	w.ok(err)
	w.ok(bundle.Accept(b, w.verifier, tenant, 0))
	return b
}

func TestPoliciesOfTenantsWithNodes(t *testing.T) {
	w := newWorld(t)
	w.policies("system", 1)
	w.join("n1")
	w.ok(w.f.EnsurePolicies(t.Context()))
	if b := w.newest("acme"); b == nil || w.setsOf(b) != 1 {
		t.Fatalf("%+v", b)
	}
	if w.newest("other") != nil {
		t.Fatal("a tenant without nodes has a bundle")
	}
	w.join("s1", func(m *model.Member) { m.Tenant = "system" })
	w.ok(w.f.EnsurePolicies(t.Context()))
	if b := w.newest("system"); w.setsOf(b) != 1 {
		t.Fatal("the sets of system are in it twice")
	}
	before := w.newest("acme").Version
	w.policies("system", 2)
	w.ok(w.f.EnsurePolicies(t.Context()))
	if b := w.newest("acme"); b.Version <= before || w.setsOf(b) != 1 {
		t.Fatalf("%+v", b)
	}
}

// overtaken gives, once, policies that are old by the time they come.
type overtaken struct {
	PolicySource
	old []model.Policies
}

func (o *overtaken) AllPolicies(ctx context.Context) ([]model.Policies, error) {
	if old := o.old; old != nil {
		o.old = nil
		return old, nil
	}
	return o.PolicySource.AllPolicies(ctx)
}

// A replica that read policies, and stood still while another brought newer ones, does not bring its own as the newest.
func TestASlowReplicaBringsNoOlderPolicies(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.policies("acme", 1)
	old, err := w.store.AllPolicies(t.Context())
	w.ok(err)
	w.policies("acme", 2)
	w.ok(w.f.EnsurePolicies(t.Context()))
	newest := w.newest("acme").Version
	slow := w.replica("slow")
	slow.o.Policies = &overtaken{w.store, old}
	w.ok(slow.EnsurePolicies(t.Context()))
	if b := w.newest("acme"); b.Version != newest {
		t.Fatalf("version %d after %d", b.Version, newest)
	}
	// The same where there is no bundle at all yet.
	w.join("o1", func(m *model.Member) { m.Tenant = "other" })
	w.policies("other", 1)
	old, err = w.store.AllPolicies(t.Context())
	w.ok(err)
	w.policies("other", 2)
	slow.o.Policies = &overtaken{w.store, old}
	slow.docs.forget("", "")
	b, err := slow.policiesOf(t.Context(), "other")
	w.ok(err)
	var p bundle.Policies
	w.ok(bundle.Decode(b.Document, &p))
	if len(p.Sets) != 1 || p.Sets[0].Version != 2 {
		t.Fatalf("%+v", p.Sets)
	}
}
