package audit

import (
	"slices"
	"sync"
)

// left are the last records whose callers went before it was known what came of them: they are queued all the same. Who tries one again, by
// its id, waits for that one.
type left struct {
	mu   sync.Mutex
	list []*pending
}

// mostLeft are remembered. What is tried again after that is written twice, under one id.
const mostLeft = 256

func (l *left) add(p *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, p)
	l.list = slices.Delete(l.list, 0, max(0, len(l.list)-mostLeft))
}

// take gives the same record, where one was left.
func (l *left) take(p *pending) *pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.list, func(o *pending) bool {
		return o.record.ID == p.record.ID && o.record.Action == p.record.Action && o.record.Outcome == p.record.Outcome
	})
	if i < 0 {
		return nil
	}
	was := l.list[i]
	l.list = slices.Delete(l.list, i, i+1)
	return was
}
