package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/model"
)

// clock goes on when it is told to.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.at.Load()).UTC() }
func (c *clock) forward(d time.Duration) { c.at.Add(d.Microseconds()) }

// faulty is a store some of whose methods fail when they are told to.
type faulty struct {
	*store.Store
	touch, quiet, tx atomic.Bool
	note             atomic.Bool
	meanwhile        func(ctx context.Context, r *model.Rollout) // before a roll-out is changed
}

func (s *faulty) UpdateRollout(ctx context.Context, r *model.Rollout) error {
	if s.meanwhile != nil {
		s.meanwhile(ctx, r)
	}
	return s.Store.UpdateRollout(ctx, r)
}

func away503() error {
	return &model.Error{Code: model.CodeUnavailable, Message: "the store is away"}
}

func (s *faulty) TouchNodes(ctx context.Context, all []model.Contact) error {
	if s.touch.Load() {
		return away503()
	}
	return s.Store.TouchNodes(ctx, all)
}

func (s *faulty) NoteObjects(ctx context.Context, tenants []string) error {
	if s.note.Load() {
		return away503()
	}
	return s.Store.NoteObjects(ctx, tenants)
}

func (s *faulty) QuietNodes(ctx context.Context, before time.Time, limit int) ([]model.Member, error) {
	if s.quiet.Load() {
		return nil, away503()
	}
	return s.Store.QuietNodes(ctx, before, limit)
}

func (s *faulty) InTx(ctx context.Context, f func(context.Context) error) error {
	if s.tx.Load() {
		return away503()
	}
	return s.Store.InTx(ctx, f)
}

// world is a store with a tenant, and replicas on it.
type world struct {
	testing.TB
	clock    *clock
	store    *faulty
	f        *Fleet // the first replica
	verifier note.Verifier
	signer   note.Signer
	mu       sync.Mutex
	alarms   []model.Event
	// verdict makes what assessing gives; by default everything is met.
	verdict func(s *model.Snapshot, set assess.Settings) []model.RequirementResult
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOn(t, store.Options{Dir: t.TempDir()})
}

func newWorldOn(t testing.TB, o store.Options) *world {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	private, public, err := note.GenerateKey(rand.Reader, "bulkhead-policies")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, clock: newClock(), store: &faulty{Store: s}}
	if w.signer, err = note.NewSigner(private); err != nil {
		t.Fatal(err)
	}
	if w.verifier, err = note.NewVerifier(public); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"acme", "other"} {
		w.ok(s.CreateTenant(t.Context(), &model.Tenant{ID: tenant, Name: tenant, Created: w.clock.now()}))
	}
	w.f = w.replica("one")
	return w
}

// replica is one that may judge at once.
func (w *world) replica(name string) *Fleet {
	w.Helper()
	f, err := New(Options{
		Store: w.store, Policies: w.store, People: w.store, Signer: w.signer, Settings: assess.DefaultSettings(), Log: slog.New(slog.DiscardHandler),
		Now: w.clock.now, Replica: name, Times: Times{Gather: time.Millisecond, Poll: time.Millisecond},
		Alarm: func(_ context.Context, e model.Event) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.alarms = append(w.alarms, e)
			return nil
		},
		Assess: func(s *model.Snapshot, set assess.Settings) model.Assessment {
			a := model.Assessment{Schema: model.AssessmentSchema, Node: s.Node, Time: s.Taken}
			if w.verdict != nil {
				a.Requirements = w.verdict(s, set)
			}
			return a
		},
	})
	w.ok(err)
	f.watch.after = time.Time{}
	return f
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) code(err error, want model.Code) {
	w.Helper()
	if model.CodeOf(err) != want {
		w.Fatalf("%v (%s), want %s", err, model.CodeOf(err), want)
	}
}

// writes lets a replica write reports.
func (w *world) writes(f *Fleet) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.gather(ctx) }()
	w.Cleanup(func() { cancel(); <-done })
}

func (w *world) join(id string, change ...func(*model.Member)) *model.Member {
	w.Helper()
	m := &model.Member{
		ID: id, Tenant: "acme", Name: id, Pool: model.DefaultPool, KeyHash: []byte("key of " + id), Serial: "1", Health: model.HealthUp,
		HealthSince: w.clock.now(), LastSeen: w.clock.now(), Joined: w.clock.now(), CertificateEnds: w.clock.now().AddDate(0, 0, 1),
		Addresses: []string{"192.0.2.1"},
	}
	for _, c := range change {
		c(m)
	}
	w.ok(w.store.CreateNode(w.Context(), m))
	return w.node(id)
}

func (w *world) node(id string) *model.Member {
	w.Helper()
	m, err := w.store.Node(w.Context(), id)
	w.ok(err)
	return m
}

// report is what a node tells, as the door hands it on.
func (w *world) report(f *Fleet, id string, r Report) Answer {
	w.Helper()
	a, err := w.tryReport(f, id, r)
	w.ok(err)
	return a
}

func (w *world) tryReport(f *Fleet, id string, r Report) (Answer, error) {
	w.Helper()
	if r.Run == "" {
		r.Run = "run-1"
	}
	if r.Time.IsZero() {
		r.Time = w.clock.now()
	}
	return f.Report(w.Context(), w.node(id), r)
}

// snapshot is one of containers, by name.
func snapshot(node string, containers ...string) *model.Snapshot {
	s := &model.Snapshot{Schema: model.SnapshotSchema, Node: model.Node{Name: "says " + node, ID: "says-" + node}}
	for _, c := range containers {
		s.Containers = append(s.Containers, model.Container{ID: "id-" + c, Name: c, State: "running"})
	}
	return s
}

// agent is a node's side of the facts.
type agent struct {
	w    *world
	id   string
	have map[string]string
}

// update is what makes what the agent sent before into a snapshot.
func (a *agent) update(s *model.Snapshot) *model.FactsUpdate {
	a.w.Helper()
	next, err := facts.Split(s)
	a.w.ok(err)
	all := facts.Diff(a.have, next, a.w.clock.now(), 1<<20)
	if len(all) != 1 {
		a.w.Fatalf("%d updates", len(all))
	}
	a.have = next.Digests()
	return &all[0]
}

func (a *agent) send(f *Fleet, s *model.Snapshot) Answer {
	a.w.Helper()
	return a.w.report(f, a.id, Report{Facts: a.update(s)})
}

// all sends all facts.
func (a *agent) all(f *Fleet, s *model.Snapshot) {
	a.w.Helper()
	a.have = nil
	a.send(f, s)
}

// following is an open stream.
type following struct {
	w      *world
	cancel context.CancelCauseFunc
	items  chan Item
	ended  chan error
}

func (w *world) follow(f *Fleet, id string, have Have) *following {
	w.Helper()
	ctx, cancel := context.WithCancelCause(w.Context())
	x := &following{w: w, cancel: cancel, items: make(chan Item, 1000), ended: make(chan error, 1)}
	m := w.node(id)
	go func() {
		x.ended <- f.Follow(ctx, m, have, func(i Item) error { x.items <- i; return nil })
	}()
	w.Cleanup(func() { cancel(nil) })
	if !x.next(time.Now().Add(waitMost)).Alive {
		w.Fatal("the first item does not say that the stream stands")
	}
	return x
}

// waitMost is when a test gives up; nothing is decided by it.
const waitMost = 20 * time.Second

func (x *following) next(until time.Time) Item {
	x.w.Helper()
	select {
	case i := <-x.items:
		return i
	case err := <-x.ended:
		x.w.Fatalf("the stream ended: %v", err)
	case <-time.After(time.Until(until)):
		x.w.Fatal("nothing came")
	}
	return Item{}
}

// until reads until an item is what is wanted, and gives it.
func (x *following) until(want func(Item) bool) Item {
	x.w.Helper()
	until := time.Now().Add(waitMost)
	for {
		if i := x.next(until); want(i) {
			return i
		}
	}
}

// document reads the next of a kind, and takes it as an agent does.
func (x *following) document(kind model.BundleKind, scope string, have int64) *model.Bundle {
	x.w.Helper()
	i := x.until(func(i Item) bool { return i.Document != nil && i.Document.Kind == kind })
	b := *i.Document
	x.w.ok(bundle.Accept(&b, x.w.verifier, scope, have))
	return &b
}

// end ends the stream from outside and waits until it is gone.
func (x *following) end(cause error) error {
	x.w.Helper()
	x.cancel(cause)
	return x.wait()
}

func (x *following) wait() error {
	x.w.Helper()
	select {
	case err := <-x.ended:
		return err
	case <-time.After(waitMost):
		x.w.Fatal("the stream does not end")
	}
	return nil
}

// events are those of a node, oldest first, as "kind severity before>after".
func (w *world) events(node string, kinds ...string) []string {
	w.Helper()
	all, _, err := w.store.Events(w.Context(), model.Query{Size: 1000, Oldest: true, Where: []model.Condition{{Field: "node", Op: "=", Value: node}}})
	w.ok(err)
	var out []string
	for _, e := range all {
		if len(kinds) > 0 && !slices.Contains(kinds, e.Kind) {
			continue
		}
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s>%s", e.Kind, e.Severity, e.Before, e.After)))
	}
	return out
}

// textOf is what the newest event of a kind says.
func (w *world) textOf(kind string) string {
	w.Helper()
	all, _, err := w.store.Events(w.Context(), model.Query{Size: 1, Where: []model.Condition{{Field: "kind", Op: "=", Value: kind}}})
	w.ok(err)
	if len(all) == 0 {
		return ""
	}
	return all[0].Text.EN
}

func (w *world) findings(node string) map[string]model.Finding {
	w.Helper()
	all, _, err := w.store.Findings(w.Context(), model.Query{Size: 1000, Where: []model.Condition{{Field: "node", Op: "=", Value: node}}})
	w.ok(err)
	out := map[string]model.Finding{}
	for _, n := range all {
		out[n.Kind+" "+n.Subject] = n
	}
	return out
}

func (w *world) same(got []string, want ...string) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Fatalf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// passes lets time go by for replicas: they write down whom they hear, and look.
func (w *world) passes(d time.Duration, all ...*Fleet) {
	w.Helper()
	const tick = 2 * time.Second
	for end := w.clock.now().Add(d); w.clock.now().Before(end); {
		w.clock.forward(min(tick, end.Sub(w.clock.now())))
		for _, f := range all {
			err := f.flush(w.Context())
			err = errors.Join(err, f.look(w.Context()))
			if err != nil && !w.store.touch.Load() && !w.store.quiet.Load() {
				w.Fatal(err)
			}
		}
	}
}
