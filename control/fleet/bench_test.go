package fleet

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// bareStore has what streams need, in memory; all else panics.
type bareStore struct {
	Store
	mu      sync.Mutex
	bundles map[string]*model.Bundle
	changes []model.Change
	version int64
}

func (s *bareStore) InTx(ctx context.Context, f func(context.Context) error) error { return f(ctx) }

func (s *bareStore) Node(_ context.Context, id string) (*model.Member, error) {
	return &model.Member{ID: id, Name: id, Tenant: "acme", Pool: "default", Health: model.HealthUp, Version: 1}, nil
}

func (s *bareStore) OpenRollouts(context.Context) ([]model.Rollout, error) { return nil, nil }

func (s *bareStore) LatestBundle(_ context.Context, kind model.BundleKind, scope string) (*model.Bundle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bundles[string(kind)+"/"+scope]
	if b == nil {
		return nil, &model.Error{Code: model.CodeNotFound}
	}
	return b, nil
}

func (s *bareStore) PutBundle(_ context.Context, b *model.Bundle, sign func(*model.Bundle) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	b.Version = s.version
	if err := sign(b); err != nil {
		return err
	}
	id := string(b.Kind) + "/" + b.Scope
	s.bundles[id] = b
	s.changes = append(s.changes, model.Change{Seq: int64(len(s.changes) + 1), Operation: "created", Object: model.Ref{Type: "Bundle", ID: id}})
	return nil
}

func (s *bareStore) LastChange(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.changes)), nil
}

func (s *bareStore) ChangesAfter(_ context.Context, _ string, seq int64, limit int) ([]model.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes[seq:min(len(s.changes), int(seq)+limit)], nil
}

// growing are policies of which there is a new version each time.
type growing struct{ version atomic.Int64 }

func (g *growing) AllPolicies(context.Context) ([]model.Policies, error) {
	return []model.Policies{{Tenant: "acme", Version: g.version.Load(), Files: []model.PolicyFile{{Name: "a.cedar", Text: "permit (principal, action, resource);"}}}}, nil
}

// BenchmarkFollow is a new bundle that goes to 10,000 open streams.
func BenchmarkFollow(b *testing.B) {
	private, _, err := note.GenerateKey(rand.Reader, "bench")
	if err != nil {
		b.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		b.Fatal(err)
	}
	policies := &growing{}
	store := &bareStore{bundles: map[string]*model.Bundle{}}
	f, err := New(Options{
		Store: store, Policies: policies, Signer: signer,
		Assess: func(*model.Snapshot, assess.Settings) model.Assessment { return model.Assessment{} },
	})
	if err != nil {
		b.Fatal(err)
	}
	const nodes = 10_000
	var all, got sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	defer func() { cancel(); all.Wait() }()
	got.Add(nodes) // the first bundle
	for i := range nodes {
		m, _ := store.Node(ctx, fmt.Sprint("n", i))
		all.Go(func() {
			_ = f.Follow(ctx, m, Have{Assignment: 1}, func(i Item) error {
				if i.Document != nil {
					got.Done()
				}
				return nil
			})
		})
	}
	got.Wait()
	feed := &feed{f: f, at: store.version}
	b.ReportAllocs()
	for b.Loop() {
		got.Add(nodes)
		policies.version.Add(1)
		sets, _ := policies.AllPolicies(ctx)
		if _, err := f.putPolicies(ctx, "acme", sets); err != nil {
			b.Fatal(err)
		}
		if err := feed.look(ctx); err != nil {
			b.Fatal(err)
		}
		got.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*nodes), "ns/stream")
}

// BenchmarkReport is what a node's report costs, on SQLite: most say that nothing changed.
func BenchmarkReport(b *testing.B) {
	for _, size := range []string{"empty", "small"} {
		b.Run(size, func(b *testing.B) {
			w := newWorld(b)
			w.f.log = slog.New(slog.DiscardHandler)
			w.writes(w.f)
			const nodes = 200
			agents := make([]*agent, nodes)
			members := make([]*model.Member, nodes)
			for i := range nodes {
				id := fmt.Sprint("n", i)
				w.join(id)
				agents[i] = &agent{w: w, id: id}
				agents[i].send(w.f, snapshot(id, "web", "db"))
				members[i] = w.node(id)
			}
			var next atomic.Int64
			b.SetParallelism(32) // many wait for the same commit
			b.ReportAllocs()
			b.ResetTimer()
			var locks [nodes]sync.Mutex
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					turn := next.Add(1)
					i := int(turn % nodes)
					locks[i].Lock()
					a := agents[i]
					r := Report{Run: "r", Time: time.Now(), Facts: &model.FactsUpdate{Base: members[i].FactsDigest, Digest: members[i].FactsDigest}}
					if size == "small" {
						r.Facts = a.update(snapshot(a.id, "web", fmt.Sprint("c", turn)))
					}
					answer, err := w.f.Report(w.Context(), members[i], r)
					if err != nil || answer.Resync {
						b.Error(err, answer)
					}
					locks[i].Unlock()
				}
			})
		})
	}
}

// BenchmarkAssess is what it costs to assess a host with 20 containers one of which started anew, on SQLite.
func BenchmarkAssess(b *testing.B) {
	w := newWorld(b)
	cat, err := catalogue.Load()
	w.ok(err)
	w.f.o.Assess = assess.New(cat).Run
	host, err := sim.ReadHost("../../framework/assess/testdata/cases/hardened-debian.txtar", 20)
	w.ok(err)
	const nodes = 50
	sets := make([]facts.Set, nodes)
	put := func(i int, u *model.FactsUpdate) {
		w.ok(w.store.ApplyFacts(w.Context(), fmt.Sprint("n", i), u, w.clock.now()))
	}
	look := func(i int) *unchanged {
		u, err := w.f.assess(w.Context(), fmt.Sprint("n", i))
		w.ok(err)
		return u
	}
	for i := range nodes {
		w.join(fmt.Sprint("n", i))
		sets[i] = host.Facts()
		put(i, &facts.Diff(nil, sets[i], w.clock.now(), 16<<20)[0])
		look(i)
	}
	b.ReportAllocs()
	round := 0
	for b.Loop() {
		b.StopTimer()
		i := round % nodes
		round++
		have := sets[i].Digests()
		f, err := host.Restarted(round)
		w.ok(err)
		sets[i][f.Key] = f
		put(i, &facts.Diff(have, sets[i], w.clock.now(), 16<<20)[0])
		b.StartTimer()
		if look(i) == nil {
			b.Fatal("a restart changed an assessment")
		}
	}
}
