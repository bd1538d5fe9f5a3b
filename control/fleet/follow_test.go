package fleet

import (
	"context"
	"errors"
	"testing"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

func isDocument(kind model.BundleKind) func(Item) bool {
	return func(i Item) bool { return i.Document != nil && i.Document.Kind == kind }
}

// policies makes a version of a tenant's policies.
func (w *world) policies(tenant string, version int64) {
	w.Helper()
	w.ok(w.store.CreatePolicies(w.Context(), &model.Policies{
		Tenant: tenant, Version: version, Author: "alice", Created: w.clock.now(), Digest: "d", Signature: "s",
		Files: []model.PolicyFile{{Name: "a.cedar", Text: "permit (principal, action, resource);"}},
	}))
}

// pool makes a pool with settings, which are brought to its nodes.
func (w *world) pool(f *Fleet, name string, change func(*model.Pool)) {
	w.Helper()
	id := "acme/" + name
	p, err := w.store.Pool(w.Context(), id)
	if model.CodeOf(err) == model.CodeNotFound {
		p, err = &model.Pool{ID: id, Tenant: "acme", Name: name, Created: w.clock.now()}, nil
		w.ok(w.store.CreatePool(w.Context(), p))
	}
	w.ok(err)
	change(p)
	w.ok(w.store.InTx(w.Context(), func(ctx context.Context) error {
		if err := w.store.UpdatePool(ctx, p); err != nil {
			return err
		}
		return f.SettingsChanged(ctx, p, "alice")
	}))
}

func failing(n int) func(*model.Pool) {
	return func(p *model.Pool) { p.Settings.Assess = map[string]any{"restart_max": n} }
}

// feeds follows the changes until the end of the test.
func (w *world) feeds(f *Fleet) *feed {
	w.Helper()
	d := &feed{f: f, at: -1}
	w.ok(d.look(w.Context()))
	return d
}

func TestFollowBringsWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	m := w.join("n1", func(m *model.Member) { m.Labels, m.Sensitivity = map[string]string{"a": "b"}, "high" })
	w.policies("system", 1)
	w.policies("acme", 1)
	w.policies("other", 1)
	w.pool(w.f, "default", failing(7))

	x := w.follow(w.f, "n1", Have{})
	var a bundle.Assignment
	w.ok(bundle.Decode(x.document(model.BundleAssignment, "n1", 0).Document, &a))
	if a.Tenant != "acme" || a.Pool != "default" || a.Sensitivity != "high" || a.Labels["a"] != "b" {
		t.Fatalf("%+v", a)
	}
	policies := x.document(model.BundlePolicies, "acme", 0)
	var p bundle.Policies
	w.ok(bundle.Decode(policies.Document, &p))
	if len(p.Sets) != 2 || p.Sets[0].Tenant != "system" || p.Sets[1].Tenant != "acme" {
		t.Fatalf("sets: %+v", p.Sets)
	}
	settings := x.document(model.BundleSettings, "acme/default", 0)
	gotPolicies, gotSettings, err := w.f.Target(t.Context(), m)
	if err != nil || gotPolicies != policies.Version || gotSettings != settings.Version {
		t.Fatalf("target %d %d, %v", gotPolicies, gotSettings, err)
	}
	// Who has all of it gets nothing.
	y := w.follow(w.f, "n1", Have{Policies: policies.Version, Settings: settings.Version, Assignment: m.Version})
	w.code(x.wait(), model.CodeConflict)
	if s := w.f.hub.get("n1"); s == nil || len(s.take()) != 0 || w.f.Stats().Streams != 1 {
		t.Fatal("there is more to send, or not one stream")
	}
	if err := y.end(nil); !errors.Is(err, context.Canceled) || w.f.Stats().Streams != 0 {
		t.Fatalf("the end: %v", err)
	}
}

func TestFollowBringsChanges(t *testing.T) {
	w := newWorld(t)
	w.policies("system", 1)
	w.pool(w.f, "default", failing(7))
	w.pool(w.f, "web", failing(8))
	m := w.join("n1")
	w.join("n2", func(m *model.Member) { m.Tenant = "other" })
	x, other := w.follow(w.f, "n1", Have{}), w.follow(w.f, "n2", Have{})
	first := x.document(model.BundlePolicies, "acme", 0)
	settings := x.document(model.BundleSettings, "acme/default", 0)
	theirs := other.document(model.BundlePolicies, "other", 0)
	feed := w.feeds(w.f)

	w.policies("acme", 1)
	w.ok(feed.look(t.Context()))
	select {
	case <-w.f.policies:
	default:
		t.Fatal("a change of policies makes no bundle")
	}
	w.ok(w.f.EnsurePolicies(t.Context()))
	w.ok(w.f.EnsurePolicies(t.Context())) // the same again is no new version
	w.ok(feed.look(t.Context()))
	second := x.document(model.BundlePolicies, "acme", first.Version)
	if b, err := w.store.LatestBundle(t.Context(), model.BundlePolicies, "acme"); err != nil || b.Version != second.Version {
		t.Fatalf("%+v %v", b, err)
	}
	if s := w.f.hub.get("n2"); s.has(model.BundlePolicies) != theirs.Version {
		t.Fatal("another tenant's nodes get what did not change for them")
	}

	m.Pool, m.Cordoned = "web", true
	w.ok(w.store.UpdateNode(t.Context(), m))
	w.ok(feed.look(t.Context()))
	var a bundle.Assignment
	w.ok(bundle.Decode(x.document(model.BundleAssignment, "n1", 1).Document, &a))
	if a.Pool != "web" || !a.Cordoned {
		t.Fatalf("%+v", a)
	}
	x.document(model.BundleSettings, "acme/web", settings.Version)

	w.ok(w.store.RevokeNode(t.Context(), "n1", "stolen", w.clock.now()))
	w.ok(feed.look(t.Context()))
	w.code(x.wait(), model.CodeUnauthenticated)
	w.code(w.f.Follow(t.Context(), m, Have{}, func(Item) error { return nil }), model.CodeUnauthenticated)
}

// A node moves to a pool whose settings are older than those that it has: it gets them all the same.
func TestOlderSettingsOfAnotherPool(t *testing.T) {
	w := newWorld(t)
	w.pool(w.f, "web", failing(8))
	w.pool(w.f, "default", failing(7))
	m := w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	x.document(model.BundleSettings, "acme/default", 0)
	feed := w.feeds(w.f)
	m.Pool = "web"
	w.ok(w.store.UpdateNode(t.Context(), m))
	w.ok(feed.look(t.Context()))
	if b := x.until(isDocument(model.BundleSettings)).Document; b.Scope != "acme/web" {
		t.Fatalf("%+v", b)
	}
}

// A slow reader of the documents never brings an older one after a newer.
func TestNothingOlderAfterwards(t *testing.T) {
	s := newStream(&model.Member{ID: "n"}, Have{Policies: 9})
	bundleOf := func(v int64) *model.Bundle { return &model.Bundle{Kind: model.BundlePolicies, Version: v} }
	if !s.offer(bundleOf(4), true) { // this database is older than its node, which must be told
		t.Fatal("not offered")
	}
	if s.offer(bundleOf(3), true) || s.offer(bundleOf(4), true) {
		t.Fatal("offered older or the same")
	}
	if !s.offer(bundleOf(5), true) || len(s.take()) != 1 {
		t.Fatal("of two that wait, the newer is sent")
	}
}

func TestHowStreamsEnd(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	for name, k := range map[string]struct {
		cause error
		want  health.End
	}{
		"closed":    {health.ErrClosed, health.EndClosed},
		"timed out": {health.ErrTimeout, health.EndTimeout},
		"somehow":   {nil, health.EndUnknown},
		"ours":      {&model.Error{Code: model.CodeUnauthenticated}, health.EndOurs},
	} {
		w.follow(w.f, "n1", Have{}).end(k.cause)
		if e, ok := w.f.hub.ended("n1"); !ok || e.how != k.want {
			t.Errorf("%s: %+v", name, e)
		}
	}
	// A write that fails says it, too.
	err := w.f.Follow(t.Context(), w.node("n1"), Have{}, func(Item) error { return health.ErrClosed })
	if e, _ := w.f.hub.ended("n1"); !errors.Is(err, health.ErrClosed) || e.how != health.EndClosed {
		t.Errorf("%v %+v", err, e)
	}
}

func TestQuietStreamsSayThatTheyStand(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	w.f.sayAlive(w.clock.now())
	w.clock.forward(w.f.o.Times.Alive)
	w.f.sayAlive(w.clock.now())
	w.f.sayAlive(w.clock.now())
	x.until(func(i Item) bool { return i.Alive })
	if w.f.hub.get("n1").alive {
		t.Fatal("it says so twice")
	}
}

// What could not be handled is handled later; what was pruned meanwhile, or happened before the first look, is found all the same.
func TestTheFeedMissesNothing(t *testing.T) {
	w := newWorld(t)
	m := w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	x.document(model.BundleAssignment, "n1", 0)
	m.Cordoned = true
	w.ok(w.store.UpdateNode(t.Context(), m)) // nobody follows the changes yet
	feed := w.feeds(w.f)
	x.document(model.BundleAssignment, "n1", 1)
	m.Cordoned = false
	w.ok(w.store.UpdateNode(t.Context(), m))
	feed.at -= 3 // further back than the oldest
	_, err := w.store.Prune(t.Context(), model.Retention{Changes: 1}, w.clock.now().AddDate(10, 0, 0))
	w.ok(err)
	m.Cordoned = true
	w.ok(w.store.UpdateNode(t.Context(), m))
	w.ok(feed.look(t.Context()))
	if b := x.until(isDocument(model.BundleAssignment)).Document; b.Version != m.Version {
		t.Fatalf("version %d, want %d", b.Version, m.Version)
	}
}
