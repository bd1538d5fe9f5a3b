package fleet

import (
	"container/heap"
	"context"
	"runtime"
	"sync"
	"time"
)

// work is which nodes are to be assessed. A node is in it once, however often it changes, and is taken at most once in a time. Who waits
// longest has its turn first.
type work struct {
	now   func() time.Time
	every time.Duration
	more  chan struct{}

	mu     sync.Mutex
	dirty  map[string]bool
	busy   map[string]bool
	last   map[string]time.Time // taken
	turns  turns                // of those that are dirty and not busy
	purged time.Time
}

func newWork(now func() time.Time, every time.Duration) *work {
	return &work{
		now: now, every: every, dirty: map[string]bool{}, busy: map[string]bool{}, last: map[string]time.Time{}, more: make(chan struct{}, 1),
	}
}

func (w *work) add(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.dirty[node] {
		w.dirty[node] = true
		w.line(node)
	}
	poke(w.more)
}

// line gives a node its turn, unless it is busy: then it gets it afterwards.
func (w *work) line(node string) {
	if w.busy[node] {
		return
	}
	due := w.now()
	if last, ok := w.last[node]; ok && due.Before(last.Add(w.every)) {
		due = last.Add(w.every)
	}
	heap.Push(&w.turns, turn{due, node})
}

func (w *work) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.dirty)
}

// late is for how long the first in the line could have had its turn.
func (w *work) late() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.turns) == 0 {
		return 0
	}
	return max(0, w.now().Sub(w.turns[0].due))
}

// take gives nodes whose turn it is, at most so many.
func (w *work) take(most int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	w.purge(now)
	var out []string
	for len(out) < most && len(w.turns) > 0 && !w.turns[0].due.After(now) {
		t, _ := heap.Pop(&w.turns).(turn)
		delete(w.dirty, t.node)
		w.busy[t.node], w.last[t.node] = true, now
		out = append(out, t.node)
	}
	return out
}

// purge forgets when nodes were taken that may be taken again.
func (w *work) purge(now time.Time) {
	if now.Sub(w.purged) < w.every {
		return
	}
	w.purged = now
	for id, t := range w.last {
		if now.Sub(t) >= w.every {
			delete(w.last, id)
		}
	}
}

func (w *work) done(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, node)
	if w.dirty[node] {
		w.line(node)
	}
}

// turn is when a node may be taken.
type turn struct {
	due  time.Time
	node string
}

// turns implement heap.Interface: the first is the one that is due first.
type turns []turn

// Len implements heap.Interface.
func (t turns) Len() int { return len(t) }

// Less implements heap.Interface.
func (t turns) Less(i, j int) bool { return t[i].due.Before(t[j].due) }

// Swap implements heap.Interface.
func (t turns) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *turns) Push(x any) {
	if n, ok := x.(turn); ok {
		*t = append(*t, n)
	}
}

// Pop implements heap.Interface.
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// Assessing is bounded: it is what costs most time of a processor here.
const (
	mostWorkers  = 2
	assessTime   = 30 * time.Second
	lookForTurns = 250 * time.Millisecond
	// assessShare is the part of one processor that assessing takes, unless a node would wait for longer than Times.AssessWithin.
	assessShare = 0.2
)

// assessAll assesses nodes as their turn comes, until the context ends.
func (f *Fleet) assessAll(ctx context.Context) {
	workers := min(runtime.NumCPU(), mostWorkers)
	jobs := make(chan string)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { f.assessing(ctx, jobs, workers) })
	}
	defer all.Wait()
	defer close(jobs)
	tick := time.NewTicker(lookForTurns)
	defer tick.Stop()
	for {
		for _, id := range f.work.take(1) {
			select {
			case jobs <- id:
			case <-ctx.Done():
				return
			}
			poke(f.work.more) // there may be more whose turn it is
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.work.more:
		}
	}
}

// rest is how long a worker rests after it assessed for a time, so that all workers keep to their share.
func (f *Fleet) rest(took time.Duration, workers int) time.Duration {
	if f.work.late() > f.o.Times.AssessWithin {
		return 0
	}
	return time.Duration(float64(took) * (float64(workers)/assessShare - 1))
}
