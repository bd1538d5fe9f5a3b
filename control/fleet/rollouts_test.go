package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

func (w *world) rollouts() []model.Rollout {
	w.Helper()
	all, _, err := w.store.Rollouts(w.Context(), model.Query{Size: 100})
	w.ok(err)
	return all
}

// takes lets each node that should have newer settings have them, but some.
func (w *world) takes(f *Fleet, but ...string) (have map[string]int64) {
	w.Helper()
	f.docs.forget("", "")
	all, _, err := w.store.Nodes(w.Context(), model.Query{Size: 1000})
	w.ok(err)
	have = map[string]int64{}
	for i := range all {
		m := &all[i]
		_, v, err := f.Target(w.Context(), m)
		w.ok(err)
		have[m.ID] = v
		for _, b := range but {
			if b == m.ID {
				v = m.Settings
			}
		}
		w.ok(w.store.TouchNodes(w.Context(), []model.Contact{{Node: m.ID, Seen: w.clock.now(), State: &model.AgentState{Settings: v}}}))
	}
	return have
}

func (w *world) restartMax(version int64) int {
	w.Helper()
	b, err := w.store.Bundle(w.Context(), model.BundleSettings, "acme/default", version)
	w.ok(err)
	var doc bundle.Settings
	w.ok(bundle.Decode(b.Document, &doc))
	n, _ := doc.Assess["restart_max"].(float64)
	return int(n)
}

func inSteps(n int, change ...func(*model.Pool)) func(*model.Pool) {
	return func(p *model.Pool) {
		failing(n)(p)
		p.Plan = model.RolloutPlan{Steps: []int{10, 50}, Soak: time.Minute}
		for _, c := range change {
			c(p)
		}
	}
}

func (w *world) nodes(n int) {
	w.Helper()
	for i := range n {
		w.join(fmt.Sprintf("n%02d", i))
	}
}

func TestARolloutGoesOnInSteps(t *testing.T) {
	w := newWorld(t)
	w.nodes(12)
	w.pool(w.f, "default", failing(1)) // without a plan: at once
	if len(w.rollouts()) != 0 {
		t.Fatal("a roll-out without a plan")
	}
	first := w.takes(w.f)["n00"]
	w.pool(w.f, "default", inSteps(2))
	two := w.replica("two")
	counts := []int{}
	for range 20 {
		have, n := w.takes(w.f), 0
		for id, v := range have {
			if v != first {
				n++
			}
			if _, other, err := two.Target(t.Context(), w.node(id)); err != nil || other != v {
				t.Fatalf("replicas differ: %d, %d, %v", v, other, err)
			}
		}
		if len(counts) == 0 || counts[len(counts)-1] != n {
			counts = append(counts, n)
		}
		w.clock.forward(30 * time.Second)
		w.ok(w.f.advance(t.Context()))
		w.ok(two.advance(t.Context()))
		two.docs.forget("", "")
	}
	if len(counts) < 2 || counts[0] < 1 || counts[0] == 12 || counts[len(counts)-1] != 12 {
		t.Fatalf("nodes that have it, by step: %v", counts)
	}
	r := w.rollouts()[0]
	if r.State != model.RolloutDone || r.Applied != 12 || r.Nodes != 12 || r.From != first || r.Author != "alice" {
		t.Fatalf("%+v", r)
	}
	if got := w.eventKinds(); got != "[running>done]" {
		t.Fatal(got)
	}
}

func (w *world) eventKinds() string {
	w.Helper()
	return fmt.Sprint(w.eventsOfRollouts())
}

func (w *world) eventsOfRollouts() (out []string) {
	w.Helper()
	all, _, err := w.store.Events(w.Context(), model.Query{Size: 100, Oldest: true, Where: []model.Condition{{Field: "kind", Op: "=", Value: model.EventRollout}}})
	w.ok(err)
	for _, e := range all {
		out = append(out, e.Before+">"+e.After)
	}
	return out
}

// Nobody but the share sees the new settings, at no moment: neither from this replica nor from one that just started.
func TestNewSettingsDoNotLeak(t *testing.T) {
	w := newWorld(t)
	w.nodes(10)
	w.pool(w.f, "default", failing(1))
	w.takes(w.f)
	streams := map[string]*following{}
	for id, v := range w.takes(w.f) {
		streams[id] = w.follow(w.f, id, Have{Settings: v})
	}
	feed := w.feeds(w.f)
	w.pool(w.f, "default", inSteps(2))
	w.ok(feed.look(t.Context()))
	r := w.rollouts()[0]
	got := 0
	for id := range streams {
		has := w.f.hub.get(id).has(model.BundleSettings)
		if want := rollout.Target(r, id); has != want {
			t.Errorf("%s is offered %d, and should have %d", id, has, want)
		}
		if has == r.To {
			got++
		}
		if _, v, err := w.replica("new").Target(t.Context(), w.node(id)); err != nil || v != rollout.Target(r, id) {
			t.Errorf("%s: a new replica says %d, %v", id, v, err)
		}
	}
	if got == 0 || got == 10 {
		t.Fatalf("%d nodes got it", got)
	}
}

func TestARolloutHalts(t *testing.T) {
	for name, k := range map[string]struct {
		back  bool
		wrong func(w *world, has string)
	}{
		"findings": {false, func(w *world, has string) {
			w.ok(w.store.PutFindings(w.Context(), []model.Finding{{
				ID: "f", Tenant: "acme", Node: has, Kind: "8.1.a/check", Severity: model.High, First: w.clock.now(), Last: w.clock.now(), Count: 1, Source: model.SourceServer,
			}}))
		}},
		"silence": {false, func(w *world, has string) {
			_, err := w.store.SetHealth(w.Context(), model.HealthChange{Node: has, Was: model.HealthUp, Is: model.HealthSilent, When: w.clock.now()})
			w.ok(err)
		}},
		"silence, taken back": {true, func(w *world, has string) {
			_, err := w.store.SetHealth(w.Context(), model.HealthChange{Node: has, Was: model.HealthUp, Is: model.HealthSilent, When: w.clock.now()})
			w.ok(err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.nodes(10)
			w.pool(w.f, "default", failing(1))
			w.takes(w.f)
			w.pool(w.f, "default", inSteps(2, func(p *model.Pool) { p.Plan.RollBack = k.back }))
			r := w.rollouts()[0]
			w.clock.forward(time.Second)
			for id, v := range w.takes(w.f) {
				if v == r.To {
					k.wrong(w, id)
					break
				}
			}
			w.clock.forward(time.Hour)
			w.ok(w.f.advance(t.Context()))
			w.ok(w.f.advance(t.Context()))
			r = w.rollouts()[0]
			if r.Reason == "" || r.Share == 100 {
				t.Fatalf("%+v", r)
			}
			if !k.back {
				if r.State != model.RolloutHalted {
					t.Fatalf("%+v", r)
				}
				// Somebody looks, and lets it go on: what was counted is lived with.
				got, err := w.f.Decide(t.Context(), r.ID, DecideResume, "known", "bob")
				w.ok(err)
				if got.State != model.RolloutRunning || got.Reason != "bob: known" {
					t.Fatalf("%+v", got)
				}
				for range 10 {
					w.takes(w.f)
					w.clock.forward(2 * time.Minute)
					w.ok(w.f.advance(t.Context()))
				}
				if r := w.rollouts()[0]; r.State != model.RolloutDone {
					t.Fatalf("%+v", r)
				}
				return
			}
			if r.State != model.RolloutRolledBack || r.Ended.IsZero() {
				t.Fatalf("%+v", r)
			}
			for id, v := range w.takes(w.f) {
				if v <= r.To || w.restartMax(v) != 1 {
					t.Fatalf("%s: version %d with %d", id, v, w.restartMax(v))
				}
			}
		})
	}
}

// A node that refuses is counted, and not waited for.
func TestANodeThatRefuses(t *testing.T) {
	w := newWorld(t)
	w.nodes(10)
	w.pool(w.f, "default", failing(1))
	w.takes(w.f)
	w.pool(w.f, "default", func(p *model.Pool) {
		failing(2)(p)
		p.Plan = model.RolloutPlan{MostFailures: 20, Soak: time.Second}
		p.Windows = []model.Window{{Begins: "* * * * *", Lasts: time.Hour}}
	})
	w.clock.forward(time.Second)
	w.takes(w.f, "n03")
	w.ok(w.store.PutFindings(t.Context(), []model.Finding{{
		ID: "n-x", Tenant: "acme", Node: "n03", Kind: kindRefused, Severity: model.High, First: w.clock.now(), Last: w.clock.now(), Count: 1, Source: model.SourceNode,
	}}))
	w.clock.forward(time.Second)
	w.ok(w.f.advance(t.Context()))
	if r := w.rollouts()[0]; r.State != model.RolloutDone || r.Failed != 1 || r.Applied != 9 {
		t.Fatalf("%+v", r)
	}
}

func TestDecisions(t *testing.T) {
	w := newWorld(t)
	w.nodes(3)
	w.pool(w.f, "default", inSteps(2)) // the first settings ever
	id := w.rollouts()[0].ID
	decide := func(what string) error {
		_, err := w.f.Decide(t.Context(), id, what, "", "bob")
		return err
	}
	w.code(decide("bake"), model.CodeInvalid)
	w.code(decide(DecideResume), model.CodeConflict)
	w.ok(decide(DecideHalt))
	w.code(decide(DecideHalt), model.CodeConflict)
	w.takes(w.f)
	w.clock.forward(time.Hour)
	w.ok(w.f.advance(t.Context()))
	if r := w.rollouts()[0]; r.State != model.RolloutHalted {
		t.Fatalf("%+v", r)
	}
	w.ok(decide(DecideResume))
	w.ok(decide(DecideRollBack))
	w.code(decide(DecideRollBack), model.CodeConflict)
	// There was nothing before, so the new settings say nothing.
	b, err := w.store.LatestBundle(t.Context(), model.BundleSettings, "acme/default")
	w.ok(err)
	var doc map[string]any
	w.ok(json.Unmarshal(b.Document, &doc))
	if _, has := doc["assess"]; has || b.Author != "bob" {
		t.Fatalf("%+v", doc)
	}
	w.same(w.eventsOfRollouts(), "running>halted", "halted>running", "running>rolled_back")
	_, err = w.f.Decide(t.Context(), "none", DecideHalt, "", "bob")
	w.code(err, model.CodeNotFound)
}

func TestNewerSettingsSupersede(t *testing.T) {
	w := newWorld(t)
	w.nodes(10)
	w.pool(w.f, "default", failing(1))
	first := w.takes(w.f)["n00"]
	w.pool(w.f, "default", inSteps(2))
	w.takes(w.f)
	w.pool(w.f, "default", inSteps(2)) // the same again
	if n := len(w.rollouts()); n != 1 {
		t.Fatalf("%d roll-outs", n)
	}
	w.pool(w.f, "default", inSteps(3))
	all := w.rollouts()
	if len(all) != 2 {
		t.Fatalf("%d roll-outs", len(all))
	}
	for _, r := range all {
		switch w.restartMax(r.To) {
		case 2:
			if r.State != model.RolloutSuperseded || r.Ended.IsZero() {
				t.Fatalf("%+v", r)
			}
		case 3:
			if r.State != model.RolloutRunning || r.From != first {
				t.Fatalf("%+v", r)
			}
		}
	}
	w.pool(w.f, "default", func(p *model.Pool) { failing(4)(p); p.Plan = model.RolloutPlan{} }) // to all at once
	for id, v := range w.takes(w.f) {
		if w.restartMax(v) != 4 {
			t.Fatalf("%s has %d", id, w.restartMax(v))
		}
	}
}

// A replica that takes a step of the roll-out at the very moment does not get in the way of newer settings.
func TestNewerSettingsWhileAReplicaGoesOn(t *testing.T) {
	for _, state := range []model.RolloutState{model.RolloutRunning, model.RolloutDone} {
		w := newWorld(t)
		w.nodes(12)
		w.pool(w.f, "default", failing(1))
		w.pool(w.f, "default", inSteps(2))
		was := w.rollouts()[0]
		times := 0
		w.store.meanwhile = func(ctx context.Context, r *model.Rollout) {
			if times++; times > 1 || r.ID != was.ID {
				return
			}
			step := was
			step.Share, step.State = 50, state
			w.ok(w.store.Store.UpdateRollout(ctx, &step))
		}
		w.pool(w.f, "default", inSteps(3))
		all := w.rollouts()
		want, from := model.RolloutSuperseded, was.From
		if state == model.RolloutDone {
			want, from = state, was.To // all have those
		}
		if len(all) != 2 || all[1].State != want || all[0].State != model.RolloutRunning || all[0].From != from || times < 1 {
			t.Errorf("%s: %+v", state, all)
		}
	}
}

func TestRolloutsWaitForTheirWindow(t *testing.T) {
	w := newWorld(t)
	w.nodes(4)
	w.pool(w.f, "default", failing(1))
	first := w.takes(w.f)["n00"]
	w.pool(w.f, "default", func(p *model.Pool) { // it is 12:00
		failing(2)(p)
		p.Windows = []model.Window{{Begins: "0 13 * * *", Lasts: time.Hour}}
	})
	w.ok(w.f.advance(t.Context()))
	for id, v := range w.takes(w.f) {
		if v != first {
			t.Fatalf("%s gets it outside of the window", id)
		}
	}
	if r := w.rollouts()[0]; r.State != model.RolloutWaiting {
		t.Fatalf("%+v", r)
	}
	w.clock.forward(time.Hour)
	w.ok(w.f.advance(t.Context()))
	for id, v := range w.takes(w.f) {
		if v == first {
			t.Fatalf("%s does not get it in the window", id)
		}
	}
}
