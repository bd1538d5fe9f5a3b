package fleet

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/drill/postgres"
	"github.com/bulkhead-security/bulkhead/model"
)

// eventually asks until it is so.
func (w *world) eventually(what string, is func() bool) {
	w.Helper()
	for end := time.Now().Add(waitMost); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("it never comes: %s", what)
		}
	}
}

func (w *world) runs(f *Fleet) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	w.Cleanup(func() { cancel(); <-done })
}

// ticks lets the clock go as time does, until the end of the test.
func (w *world) ticks() {
	ctx, cancel := context.WithCancel(w.Context())
	var one sync.WaitGroup
	one.Go(func() {
		for last := time.Now(); ctx.Err() == nil; time.Sleep(time.Millisecond) {
			now := time.Now()
			w.clock.forward(now.Sub(last))
			last = now
		}
	})
	w.Cleanup(func() { cancel(); one.Wait() })
}

// Two replicas do all of it at once, with nodes that report, follow and come and go, while people change things.
func TestRun(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { runAll(t, newWorld(t)) })
	t.Run("postgres", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		p, err := postgres.Start(ctx, postgres.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop() })
		url, err := p.Create(ctx, "fleet")
		if err != nil {
			t.Fatal(err)
		}
		runAll(t, newWorldOn(t, store.Options{URL: url}))
	})
}

func runAll(t *testing.T, w *world) {
	w.verdict = bad
	w.policies("system", 1)
	fast := Times{
		Gather: time.Millisecond, Flush: 5 * time.Millisecond, Watch: 5 * time.Millisecond, Poll: 5 * time.Millisecond,
		Advance: 5 * time.Millisecond, AssessEvery: time.Millisecond, Sweep: 20 * time.Millisecond,
	}
	fast.fill()
	two := w.replica("two")
	replicas := []*Fleet{w.f, two}
	for _, f := range replicas {
		f.o.Times = fast
		w.runs(f)
	}
	w.ticks()
	const nodes = 12
	var all sync.WaitGroup
	streams := make([]*following, nodes)
	for i := range nodes {
		id := fmt.Sprintf("n%02d", i)
		w.join(id)
		streams[i] = w.follow(replicas[i%2], id, Have{})
		all.Go(func() {
			a := &agent{w: w, id: id}
			for turn := range 5 {
				name := "web"
				if turn%2 == 1 {
					name = "bad1"
				}
				a.send(replicas[(i+turn)%2], snapshot(id, name, fmt.Sprint("t", turn)))
			}
		})
	}
	all.Wait()
	w.eventually("all are assessed", func() bool {
		left, err := w.store.NodesToAssess(t.Context(), w.clock.now().Add(time.Hour), 100)
		w.ok(err)
		return len(left) == 0
	})
	for i := range nodes {
		id := fmt.Sprintf("n%02d", i)
		if got := w.assessments(id); len(got) == 0 || got[0].Statuses["8.1.a"] != model.Met {
			t.Errorf("%s: %+v", id, got)
		}
	}
	// Policies and settings reach all of them.
	w.policies("acme", 1)
	want := int64(0)
	for _, x := range streams {
		var b *model.Bundle
		x.until(func(i Item) bool {
			b = i.Document
			return b != nil && b.Kind == model.BundlePolicies && b.Author == "alice" && len(b.Document) > 0 && w.setsOf(b) == 2
		})
		if want == 0 {
			want = b.Version
		}
		if b.Version != want {
			t.Errorf("version %d, want %d", b.Version, want)
		}
	}
	w.pool(w.f, "default", inSteps(5, func(p *model.Pool) { p.Plan.Soak = 0 }))
	w.eventually("the roll-out is done", func() bool {
		all, _, err := w.store.Nodes(t.Context(), model.Query{Size: 100})
		w.ok(err)
		for i := range all { // each says that it has what it was sent
			if s := replicas[i%2].hub.get(all[i].ID); s != nil {
				w.report(replicas[i%2], all[i].ID, Report{State: &model.AgentState{Settings: s.has(model.BundleSettings)}})
			}
		}
		return w.rollouts()[0].State == model.RolloutDone
	})
	w.ok(w.store.RevokeNode(t.Context(), "n03", "stolen", w.clock.now()))
	w.code(streams[3].wait(), model.CodeUnauthenticated)
	if s := w.f.Stats(); s.Streams+two.Stats().Streams != nodes-1 || s.Reports == 0 || s.Assessed == 0 {
		t.Errorf("%+v %+v", s, two.Stats())
	}
}
