package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	w.passes(20*time.Second, w.f)
	w.same(w.events("n1"))
	w.passes(4*time.Second, w.f)
	w.same(w.events("n1"), "silent high up>silent")
	m := w.node("n1")
	if m.Health != model.HealthSilent || m.HealthReason != model.ReasonUnknown || w.f.Stats().Silenced != 1 {
		t.Fatalf("%+v", m)
	}
	w.passes(time.Minute, w.f)
	w.same(w.events("n1"), "silent high up>silent")
	// It reports, and must send everything.
	if a := w.report(w.f, "n1", Report{}); !a.Resync {
		t.Fatal("what comes back is believed")
	}
	w.same(w.events("n1"), "silent high up>silent", "back info silent>up")
	if m := w.node("n1"); m.Health != model.HealthUp || m.HealthReason != "" {
		t.Fatalf("%+v", m)
	}
	if a := w.report(w.f, "n1", Report{}); a.Resync {
		t.Fatal("it is asked twice")
	}
	w.passes(18*time.Second, w.f)
	if len(w.alarms) != 2 {
		t.Fatalf("%d alarms", len(w.alarms))
	}
}

func TestAnOpenStreamIsContact(t *testing.T) {
	w := newWorld(t)
	two := w.replica("two")
	w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	w.passes(5*time.Minute, w.f, two)
	w.same(w.events("n1"))
	if m := w.node("n1"); w.clock.now().Sub(m.LastSeen) > w.f.o.Times.Flush {
		t.Fatalf("seen %s", m.LastSeen)
	}
	x.end(health.ErrClosed)
	w.passes(24*time.Second, w.f, two)
	if m := w.node("n1"); m.Health != model.HealthSilent || m.HealthReason != model.ReasonProcessGone {
		t.Fatalf("%+v", m)
	}
	if w.f.Stats().Silenced != 1 || two.Stats().Silenced != 0 {
		t.Fatal("the replica that saw the end should be the one to judge")
	}
	y := w.follow(two, "n1", Have{})
	y.until(func(i Item) bool { return i.Resync })
	w.same(w.events("n1"), "silent high up>silent", "back info silent>up")
}

// A node whose stream ended because it did not answer was unheard of for a while by then.
func TestATimeoutIsSilenceThatBeganBefore(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	w.passes(time.Minute, w.f)
	w.passes(w.f.o.Times.PingLag, w.f) // it does not answer, and is not known not to
	x.end(health.ErrTimeout)
	w.passes(health.SilentAfter-w.f.o.Times.PingLag+2*time.Second, w.f)
	w.same(w.events("n1"), "silent high up>silent")
}

func TestReplicasTellOnce(t *testing.T) {
	w := newWorld(t)
	two := w.replica("two")
	w.join("n1")
	w.join("n2")
	w.passes(time.Minute, w.f, two)
	for _, n := range []string{"n1", "n2"} {
		w.same(w.events(n), "silent high up>silent")
	}
	if w.f.Stats().Silenced+two.Stats().Silenced != 2 {
		t.Fatal("not each once")
	}
	w.ok(w.f.sweep(t.Context()))
	if w.f.Stats().Silent != 2 {
		t.Fatalf("%+v", w.f.Stats())
	}
}

func TestPeersAreAsked(t *testing.T) {
	for name, k := range map[string]struct {
		end     error
		answers []bool // of as many peers
		want    string
	}{
		"process gone":     {health.ErrClosed, []bool{true, true}, model.ReasonProcessGone},
		"network cut":      {health.ErrTimeout, []bool{false, true, true}, model.ReasonNetworkCut},
		"host gone":        {health.ErrTimeout, []bool{false, false}, model.ReasonHostGone},
		"nobody to ask":    {health.ErrTimeout, nil, model.ReasonUnknown},
		"closed, no peers": {health.ErrClosed, nil, model.ReasonProcessGone},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join("n1")
			w.join("far", func(m *model.Member) { m.Tenant = "other" })
			w.follow(w.f, "far", Have{})
			var peers []*following
			for i := range k.answers {
				id := string(rune('a' + i))
				w.join(id)
				peers = append(peers, w.follow(w.f, id, Have{}))
			}
			w.follow(w.f, "n1", Have{}).end(k.end)
			for w.node("n1").Health == model.HealthUp {
				w.passes(2*time.Second, w.f)
			}
			if len(peers) > 0 {
				if m := w.node("n1"); m.Health != model.HealthSilent || m.HealthReason != model.ReasonAsking {
					t.Fatalf("%+v", m)
				}
			}
			for i, p := range peers {
				q := p.until(func(i Item) bool { return i.Probe != nil }).Probe
				if len(q.Addresses) != 1 || q.Addresses[0] != "192.0.2.1" {
					t.Fatalf("%+v", q)
				}
				// An answer of somebody who was not asked, and one that is given twice, do not count.
				w.report(w.f, "far", Report{Probes: []ProbeAnswer{{ID: q.ID, Reachable: !k.answers[i]}}})
				a := ProbeAnswer{ID: q.ID, Reachable: k.answers[i]}
				w.report(w.f, string(rune('a'+i)), Report{Probes: []ProbeAnswer{a, a}})
			}
			w.ok(w.f.look(t.Context()))
			m := w.node("n1")
			if m.HealthReason != k.want {
				t.Fatalf("%q, want %q", m.HealthReason, k.want)
			}
			want := []string{"silent high up>silent"}
			if len(peers) > 0 {
				want = append(want, "silent info asking>"+k.want)
			}
			w.same(w.events("n1"), want...)
		})
	}
}

func TestAnswersThatDoNotComeAreNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.join("peer")
	x := w.follow(w.f, "peer", Have{})
	w.follow(w.f, "n1", Have{}).end(health.ErrTimeout)
	w.passes(12*time.Second, w.f)
	x.until(func(i Item) bool { return i.Probe != nil })
	since := w.node("n1").HealthSince
	w.passes(10*time.Second, w.f)
	if m := w.node("n1"); m.HealthReason != model.ReasonUnknown || !m.HealthSince.Equal(since) {
		t.Fatalf("%+v", m)
	}
	// One that was asked about by a replica that ended gets a reason from another.
	won, err := w.store.SetHealth(t.Context(), model.HealthChange{Node: "n1", Was: model.HealthSilent, Is: model.HealthSilent, Reason: model.ReasonAsking, When: since})
	if err != nil || !won {
		t.Fatal(won, err)
	}
	two := w.replica("two")
	w.clock.forward(askingEnds)
	w.ok(two.sweep(t.Context()))
	if m := w.node("n1"); m.HealthReason != model.ReasonUnknown {
		t.Fatalf("%+v", m)
	}
}

// A replica that could not hear or write judges nobody for a time.
func TestGrace(t *testing.T) {
	for name, bad := range map[string]func(*world){
		"just started": func(w *world) { w.f.watch.after = w.clock.now().Add(w.f.o.Times.Grace) },
		"could not write": func(w *world) {
			w.store.touch.Store(true)
			w.f.contacts.note(model.Contact{Node: "n1", Seen: w.clock.now().Add(-time.Hour)})
			if w.f.flush(w.Context()) == nil {
				w.Fatal("no error")
			}
			w.store.touch.Store(false)
			w.f.contacts.takeAll()
		},
		"could not look": func(w *world) {
			w.store.quiet.Store(true)
			if w.f.look(w.Context()) == nil {
				w.Fatal("no error")
			}
			w.store.quiet.Store(false)
		},
		"stood still": func(w *world) {
			w.f.watch.last = w.clock.now()
			w.clock.forward(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.join("n1", func(m *model.Member) { m.LastSeen = w.clock.now().Add(-time.Hour) })
			bad(w)
			w.passes(20*time.Second, w.f)
			w.same(w.events("n1"))
			w.passes(10*time.Second, w.f)
			w.same(w.events("n1"), "silent high up>silent")
		})
	}
}

func TestStopping(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	x := w.follow(w.f, "n1", Have{})
	feed := w.feeds(w.f)
	w.report(w.f, "n1", Report{State: &model.AgentState{Stopping: true}})
	w.ok(feed.look(t.Context())) // sees that it changed, and that its stream is still open
	m := w.node("n1")
	if m.Health != model.HealthStopped || m.HealthReason != model.ReasonSaidSo {
		t.Fatalf("%+v", m)
	}
	x.end(health.ErrClosed)
	w.passes(time.Minute, w.f)
	w.same(w.events("n1"), "stopped medium up>stopped")
	w.follow(w.f, "n1", Have{}).until(func(i Item) bool { return i.Resync })
	w.same(w.events("n1"), "stopped medium up>stopped", "back info stopped>up")
	w.passes(time.Minute, w.f)
	w.same(w.events("n1"), "stopped medium up>stopped", "back info stopped>up")
}

func TestSilenceInAWindowIsNoAlarm(t *testing.T) {
	w := newWorld(t)
	w.pool(w.f, "default", func(p *model.Pool) {
		p.Windows = []model.Window{{Begins: "0 12 * * *", Lasts: time.Hour}} // now
	})
	w.join("n1")
	w.passes(24*time.Second, w.f)
	w.same(w.events("n1"), "silent info up>silent")
}

func TestFlappingIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	for range 10 {
		w.passes(24*time.Second, w.f)
		w.report(w.f, "n1", Report{})
	}
	w.same(w.events("n1"), "silent high up>silent", "back info silent>up", "silent high up>silent", "back info silent>up",
		"flapping medium up>silent")
	if m := w.node("n1"); !m.Flapping || m.Health != model.HealthUp {
		t.Fatalf("%+v", m)
	}
	// Another replica, which knows of it from its row only, tells when it is over, and both do not.
	two := w.replica("two")
	w.follow(two, "n1", Have{})
	w.passes(6*time.Minute, w.f, two)
	if m := w.node("n1"); m.Flapping {
		t.Fatal("it flaps for ever")
	}
	w.same(w.events("n1", model.EventSteady), "steady info >")
	if !strings.Contains(w.textOf(model.EventFlapping), "n1") {
		t.Fatal(w.textOf(model.EventFlapping))
	}
}
