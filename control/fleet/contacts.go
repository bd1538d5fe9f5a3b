package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// contacts is who was heard of since it was written down last. There is at most one for each node that the door let in.
type contacts struct {
	mu sync.Mutex
	of map[string]model.Contact
}

// note keeps the newer of what was heard; a state that was said earlier stays if nothing was said since.
func (c *contacts) note(n model.Contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]model.Contact{}
	}
	have, ok := c.of[n.Node]
	if ok && have.Seen.After(n.Seen) {
		have, n = n, have
	}
	if ok {
		n.Run = cmp.Or(n.Run, have.Run)
		if n.State == nil {
			n.State = have.State
		}
	}
	c.of[n.Node] = n
}

// since says whether something was heard of a node that is not written down yet, after a time.
func (c *contacts) since(node string, after time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.of[node]
	return ok && n.Seen.After(after)
}

// takeAll gives and forgets all, by node.
func (c *contacts) takeAll() []model.Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]model.Contact, 0, len(c.of))
	for _, n := range c.of {
		out = append(out, n)
	}
	c.of = nil
	slices.SortFunc(out, func(a, b model.Contact) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

// take gives and forgets that of one node.
func (c *contacts) take(node string) (model.Contact, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.of[node]
	delete(c.of, node)
	return n, ok
}

const touchAtOnce = 1000

// flush writes down who was heard of, with all whose stream is open. What can't be written is kept, and nobody is judged for a time:
// this replica's silence about nodes says nothing then.
func (f *Fleet) flush(ctx context.Context) error {
	now := f.now()
	for _, id := range f.hub.present() {
		f.contacts.note(model.Contact{Node: id, Seen: now})
	}
	all := f.contacts.takeAll()
	for part := range slices.Chunk(all, touchAtOnce) {
		if err := f.store.TouchNodes(ctx, part); err != nil {
			f.judgeLater()
			for _, n := range all { // those that are written already do no harm
				f.contacts.note(n)
			}
			return err
		}
	}
	return nil
}
