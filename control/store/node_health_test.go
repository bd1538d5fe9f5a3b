package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestTouchNodes(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		m := node(t, s, "a", "n1")
		node(t, s, "a", "n2")
		before, err := s.LastChange(ctx)
		ok(t, err)
		state := &model.AgentState{Version: "it's 1", Addresses: []string{"192.0.2.1", "::1"}, Policies: 1, Settings: 2, Assignment: 3, Spooled: 4, Dropped: 5}
		ok(t, s.TouchNodes(ctx, []model.Contact{
			{Node: "n1", Seen: now.Add(2 * time.Second)}, // later, but says nothing else
			{Node: "gone", Seen: now.Add(time.Hour), State: state},
			{Node: "n1", Seen: now.Add(time.Second), Run: "r1", State: state},
		}))
		want := *m
		want.LastSeen, want.Run, want.AgentVersion, want.Addresses = now.Add(2*time.Second), "r1", "it's 1", state.Addresses
		want.Policies, want.Settings, want.Assignment, want.Spooled, want.Dropped = 1, 2, 3, 4, 5
		is := func() {
			t.Helper()
			got, err := s.Node(ctx, "n1")
			ok(t, err)
			same(t, &want, got)
		}
		is()
		// An earlier contact that comes late: neither time nor run go back.
		ok(t, s.TouchNodes(ctx, []model.Contact{{Node: "n1", Seen: now, Run: "r0"}}))
		is()
		ok(t, s.TouchNodes(ctx, []model.Contact{{Node: "n1", Seen: now.Add(3 * time.Second), Run: "r2", State: &model.AgentState{Policies: 9}}}))
		want.LastSeen, want.Run, want.AgentVersion, want.Addresses = now.Add(3*time.Second), "r2", "", nil
		want.Policies, want.Settings, want.Assignment, want.Spooled, want.Dropped = 9, 0, 0, 0, 0
		is()
		ok(t, s.TouchNodes(ctx, nil))
		other, err := s.Node(ctx, "n2")
		ok(t, err)
		same(t, member("a", "n2").LastSeen, other.LastSeen)
		after, err := s.LastChange(ctx)
		ok(t, err)
		if after != before {
			t.Fatal("contacts are no changes")
		}
	})
}

// Several replicas write the same nodes at once, each in an order of its own: none stops another, and the newest counts.
func TestTouchNodesAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		tenant(t, s, "a")
		var contacts []model.Contact
		for i := range 1200 { // several statements
			node(t, s, "a", fmt.Sprintf("n%04d", i))
			contacts = append(contacts, model.Contact{Node: fmt.Sprintf("n%04d", i)})
		}
		var n counter
		won := race(6, func() error {
			i := n.next()
			own := slices.Clone(contacts)
			for k := range own {
				own[k].Seen = now.Add(time.Duration(i) * time.Minute)
			}
			if i%2 == 0 {
				slices.Reverse(own)
			}
			err := s.TouchNodes(t.Context(), own)
			if err != nil {
				t.Error(err)
			}
			return err
		})
		if won != 6 {
			t.Fatal(won)
		}
		var oldest, newest int64
		ok(t, s.read.NewRaw("SELECT min(last_seen), max(last_seen) FROM nodes").Scan(t.Context(), &oldest, &newest))
		if oldest != us(now.Add(6*time.Minute)) || newest != oldest {
			t.Fatal(at(oldest), at(newest))
		}
	})
}

func TestHealth(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		later := now.Add(time.Minute)
		set := func(h model.HealthChange, want bool) {
			t.Helper()
			h.Node = "n1"
			done, err := s.SetHealth(ctx, h)
			ok(t, err)
			if done != want {
				t.Fatalf("%+v: %v", h, done)
			}
		}
		is := func(health model.Health, since time.Time, reason string, flapping bool) {
			t.Helper()
			m, err := s.Node(ctx, "n1")
			ok(t, err)
			if m.Health != health || !m.HealthSince.Equal(since) || m.HealthReason != reason || m.Flapping != flapping || m.Version != 1 {
				t.Fatalf("%+v", m)
			}
		}
		silent := model.HealthChange{Was: model.HealthUp, Is: model.HealthSilent, Reason: model.ReasonAsking, When: later, UnseenSince: now.Add(-time.Second)}
		set(silent, false) // it was heard of since
		silent.UnseenSince = now
		silent.Was = model.HealthStopped
		set(silent, false)
		is(model.HealthUp, now, "", false)
		silent.Was = model.HealthUp
		set(silent, true)
		set(silent, false)
		is(model.HealthSilent, later, model.ReasonAsking, false)
		verdict := model.HealthChange{Was: model.HealthSilent, Is: model.HealthSilent, Reason: model.ReasonHostGone, When: later.Add(time.Hour)}
		set(verdict, true)
		set(verdict, false) // one of several replicas tells
		is(model.HealthSilent, later, model.ReasonHostGone, false)
		set(model.HealthChange{Was: model.HealthSilent, Is: model.HealthUp, When: later.Add(time.Hour), Flapping: true}, true)
		is(model.HealthUp, later.Add(time.Hour), "", true)
		done, err := s.SetHealth(ctx, model.HealthChange{Node: "none", Was: model.HealthUp, Is: model.HealthSilent})
		if err != nil || done {
			t.Fatal(done, err)
		}
		same(t, []string{"created n1@a", "updated n1@a", "updated n1@a", "updated n1@a"}, operations(t, s, "Node"))
		won := race(8, func() error {
			done, err := s.SetHealth(ctx, model.HealthChange{Node: "n1", Was: model.HealthUp, Is: model.HealthStopped, When: now})
			if err == nil && !done {
				err = fmt.Errorf("lost")
			}
			return err
		})
		if won != 1 {
			t.Fatal(won)
		}
		ok(t, s.RevokeNode(ctx, "n1", "", now))
		set(model.HealthChange{Was: model.HealthRevoked, Is: model.HealthUp}, false)
	})
}

func TestQuietNodes(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		for i := range 5 {
			m := member("a", fmt.Sprint("n", i))
			m.LastSeen = now.Add(-time.Duration(i) * time.Minute)
			if i == 4 {
				m.Health = model.HealthSilent
			}
			ok(t, s.CreateNode(ctx, m))
		}
		quiet, err := s.QuietNodes(ctx, now, 0)
		ok(t, err)
		of := func(m model.Member) string { return m.ID }
		same(t, []string{"n3", "n2", "n1"}, ids(quiet, of))
		quiet, err = s.QuietNodes(ctx, now, 2)
		ok(t, err)
		same(t, []string{"n3", "n2"}, ids(quiet, of))
	})
}
