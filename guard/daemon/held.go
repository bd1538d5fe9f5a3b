package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// held are containers whose makers were answered already, and that were not yet held to what was judged: nobody may do anything with one before.
type held struct {
	mu  sync.Mutex
	ids map[string]*hold
}

// hold is one of them. Err is why nobody may do anything with it at all, once settled is closed.
type hold struct {
	settled chan struct{}
	err     error
}

// What was taken away is remembered for a time, so that whoever comes with its id learns why it is gone.
const (
	goneFor  = time.Minute
	mostGone = 1000
)

// begin has everybody who names id wait until it is settled.
func (h *held) begin(id string) *hold {
	one := &hold{settled: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids == nil {
		h.ids = map[string]*hold{}
	}
	h.ids[id] = one
	return one
}

// settle ends the wait: what it is about is what was judged, or may not be used.
func (o *hold) settle(err error) {
	o.err = err
	close(o.settled)
}

// end is called for what was settled: at once where it may be used, and where it may not once it is gone. What can't be taken away stays.
func (h *held) end(id string, one *hold) {
	drop := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.ids, id)
	}
	h.mu.Lock()
	many := len(h.ids) > mostGone
	h.mu.Unlock()
	if one.err == nil || many {
		drop()
		return
	}
	time.AfterFunc(goneFor, drop)
}

// wait waits for what has one of these ids, and says why it was taken away.
func (h *held) wait(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		h.mu.Lock()
		one := h.ids[id]
		h.mu.Unlock()
		if one == nil {
			continue
		}
		select {
		case <-one.settled:
		case <-ctx.Done():
			return ctx.Err()
		}
		if one.err != nil {
			return one.err
		}
	}
	return nil
}

// named are the ids of all that a call is about.
func named(a *call.Ask) []string {
	var ids []string
	for o := a.Object; o != nil; o = o.Container {
		ids = append(ids, o.ID)
	}
	for i := range a.Uses {
		for o := &a.Uses[i].Object; o != nil; o = o.Container {
			ids = append(ids, o.ID)
		}
	}
	return ids
}
