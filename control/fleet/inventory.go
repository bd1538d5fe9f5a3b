package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Bounds of filling in objects of nodes whose facts were written without them.
const (
	fillAtOnce = 50
	fillTime   = 5 * time.Second // of a sweep
)

// restocked are the tenants whose containers, images or networks changed since it was told last.
type restocked struct {
	mu sync.Mutex
	of map[string]bool
}

func (r *restocked) note(tenants ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]bool{}
	}
	for _, t := range tenants {
		r.of[t] = true
	}
}

func (r *restocked) takeAll() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Sorted(maps.Keys(r.of))
	r.of = nil
	return out
}

// tellInventory tells whoever watches of which tenants' objects changed: once in a while, however often they do.
func (f *Fleet) tellInventory(ctx context.Context) error {
	all := f.restocked.takeAll()
	if len(all) == 0 {
		return nil
	}
	err := f.store.NoteObjects(ctx, all)
	if err != nil {
		f.restocked.note(all...)
	}
	return err
}

// fillObjects makes objects of facts that were written without them, by a program of the version before, for a time.
func (f *Fleet) fillObjects(ctx context.Context) error {
	for end := time.Now().Add(fillTime); time.Now().Before(end); {
		n, err := f.store.FillObjects(ctx, fillAtOnce, f.now())
		if err != nil || n < fillAtOnce {
			return err
		}
	}
	return nil
}
