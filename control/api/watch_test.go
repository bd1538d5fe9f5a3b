package api_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// counting is a store that counts how often it is asked whether something changed.
type counting struct {
	*store.Store
	asked atomic.Int64
}

func (c *counting) LastChange(ctx context.Context) (int64, error) {
	c.asked.Add(1)
	return c.Store.LastChange(ctx)
}

// TestWatchersShareTheirQuestion: many watchers ask the store no more often than one.
func TestWatchersShareTheirQuestion(t *testing.T) {
	const watchers, poll, span = 20, 50 * time.Millisecond, time.Second
	var c *counting
	w := newWorld(t, func(w *world) api.Services {
		s := real(w)
		c = &counting{Store: w.store}
		s.Watch = &api.Watch{Store: c, Poll: poll, Alive: time.Minute, Now: time.Now}
		return s
	})
	w.account("owner", "acme", strong(), model.RoleOwner)
	client := w.clients().watch
	for range watchers {
		s, err := client.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{})
		if err != nil || !s.Receive() {
			t.Fatal(err, s.Err())
		}
	}
	before, begun := c.asked.Load(), time.Now()
	for time.Since(begun) < span || c.asked.Load() == before && time.Since(begun) < time.Minute {
		time.Sleep(poll)
	}
	// One would ask once in each poll; each for itself, all together would ask twenty times that.
	if n, most := c.asked.Load()-before, int64(2*time.Since(begun)/poll); n > most || n == 0 {
		t.Errorf("the store was asked %d times, at most %d was expected", n, most)
	}
}

// TestWatchersAreWoken: with a poll that never comes, what changed is seen by the wake, and many wakes ask the store few times.
func TestWatchersAreWoken(t *testing.T) {
	var c *counting
	var watch *api.Watch
	w := newWorld(t, func(w *world) api.Services {
		s := real(w)
		c = &counting{Store: w.store}
		watch = &api.Watch{Store: c, Poll: time.Hour, Alive: time.Hour, Now: time.Now}
		s.Watch = watch
		return s
	})
	w.account("owner", "acme", strong(), model.RoleOwner)
	s, err := w.clients().watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{Kinds: []string{"Group"}})
	if err != nil || !s.Receive() {
		t.Fatal(err, s.Err())
	}
	for _, id := range []string{"one", "two", "three"} {
		if err := w.store.CreateGroup(t.Context(), &model.AccountGroup{ID: id, Tenant: "acme", Name: id, Version: 1}); err != nil {
			t.Fatal(err)
		}
		before := c.asked.Load()
		for range 1000 {
			watch.Wake()
		}
		if !s.Receive() || s.Msg().GetObject().GetId() != id {
			t.Fatalf("%v, %v", s.Msg(), s.Err())
		}
		if n := c.asked.Load() - before; n > 20 {
			t.Errorf("a thousand wakes asked the store %d times", n)
		}
	}
}
