package fleet

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// work is which nodes are to be assessed. A node is in it once, however often it changes, and is taken at most once in a time.
type work struct {
	mu    sync.Mutex
	dirty map[string]bool
	busy  map[string]bool
	last  map[string]time.Time // taken
	more  chan struct{}
}

func newWork() *work {
	return &work{dirty: map[string]bool{}, busy: map[string]bool{}, last: map[string]time.Time{}, more: make(chan struct{}, 1)}
}

func (w *work) add(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty[node] = true
	poke(w.more)
}

func (w *work) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.dirty)
}

// take gives nodes whose turn it is, at most so many.
func (w *work) take(now time.Time, every time.Duration, most int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, t := range w.last {
		if now.Sub(t) >= every && !w.busy[id] {
			delete(w.last, id)
		}
	}
	var out []string
	for id := range w.dirty {
		if len(out) >= most {
			break
		}
		if _, early := w.last[id]; early || w.busy[id] {
			continue
		}
		delete(w.dirty, id)
		w.busy[id], w.last[id] = true, now
		out = append(out, id)
	}
	return out
}

func (w *work) done(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, node)
}

// Assessing is bounded: it is the only thing here that costs time of a processor.
const (
	mostWorkers  = 2
	assessTime   = 30 * time.Second
	lookForTurns = 250 * time.Millisecond
)

// assessAll assesses nodes as their turn comes, until the context ends.
func (f *Fleet) assessAll(ctx context.Context) {
	workers := min(runtime.NumCPU(), mostWorkers)
	jobs := make(chan string)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { f.assessing(ctx, jobs) })
	}
	defer all.Wait()
	defer close(jobs)
	tick := time.NewTicker(lookForTurns)
	defer tick.Stop()
	for {
		for _, id := range f.work.take(f.now(), f.o.Times.AssessEvery, workers) {
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
