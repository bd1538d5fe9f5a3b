package audit

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/tessera"

	"github.com/bulkhead-security/bulkhead/model"
)

// pending is a record on its way. done is nil for those that nobody waits for; soon is where it is enough that the record is safe.
type pending struct {
	soon   bool
	record model.Record
	entry  []byte // those that nobody waits for have it when they are written
	done   chan struct{}
	origin string
	index  uint64
	err    error
}

func (p *pending) encode() (err error) {
	if p.entry == nil {
		p.entry, err = encode(&p.record)
	}
	return err
}

// encodeAnyway leaves what was asked out of a record that nobody waits for, where it can't be told: that it was asked is recorded all the same.
func (p *pending) encodeAnyway() error {
	err := p.encode()
	if err == nil || p.record.Request == nil {
		return err
	}
	p.record.Request = nil
	p.record.Reason += " (the request can't be told: " + err.Error() + ")"
	return p.encode()
}

// Times of the writer.
const (
	linger     = 2 * time.Millisecond // for callers that were answered together and come back together
	retryEvery = 500 * time.Millisecond
)

// writer makes batches: whatever arrives while one is written is the next one. It is the only one that writes.
type writer struct {
	*Log
	kept   []*pending // records of reads, not yet written
	oldest time.Time  // when the first of kept came
	last   int        // callers in the batch before
	retry  time.Time  // not before, for what nobody waits for
	due    time.Time  // when what is in the journal has to be in the log
	// unsure is whether some of the spool may be in the log already; known are those that are.
	unsure bool
	known  map[string]bool
}

func (l *Log) run() {
	defer close(l.done)
	w := &writer{Log: l, unsure: l.spool != nil && l.spool.count() > 0}
	for w.step() {
	}
	w.drain()
}

// step writes one batch and says whether there may be more.
func (w *writer) step() bool {
	batch, more := w.collect()
	if batch = w.journal(batch); len(batch) > 0 {
		if w.due = (time.Time{}); w.lastError() == nil {
			w.settle() // what came before goes first
		}
		w.write(batch)
	}
	w.settle()
	return more
}

// settle empties the spool when its time has come.
func (w *writer) settle() {
	if now := time.Now(); w.spool != nil && w.spool.count() > 0 && !now.Before(w.retry) && !now.Before(w.due) {
		w.emptySpool()
	}
}

// collect waits for a batch: at once for callers, after BatchAge for reads.
func (w *writer) collect() (batch []*pending, more bool) {
	timer := time.NewTimer(w.patience())
	defer timer.Stop()
	lingering := false
	for len(batch) < w.o.Batch {
		later := w.later
		if len(w.kept) >= w.o.Batch {
			later = nil // full: who comes now waits
			if !time.Now().Before(w.retry) {
				break
			}
		}
		if len(batch) > 0 && len(w.urgent) == 0 {
			if len(batch) >= w.last {
				break
			}
			if !lingering {
				lingering = true
				timer.Reset(min(linger, w.o.BatchAge))
			}
		}
		select {
		case p := <-w.urgent:
			batch = append(batch, p)
			continue
		case p := <-later:
			w.keep(p)
			if !lingering && len(batch) == 0 {
				timer.Reset(w.patience())
			}
			continue
		case <-timer.C:
		case <-w.stop:
			return w.fill(batch), false
		}
		break
	}
	w.last = len(batch)
	if w.o.Journal > 0 && len(batch) > 0 && time.Since(w.oldest) < w.o.BatchAge {
		return batch, true // young reads don't have the journal emptied
	}
	return w.fill(batch), true
}

// patience is how long to wait when no caller comes.
func (w *writer) patience() time.Duration {
	wait := time.Hour
	if len(w.kept) > 0 {
		wait = w.o.BatchAge - time.Since(w.oldest)
	}
	if w.spool != nil && w.spool.count() > 0 {
		wait = min(wait, time.Until(w.due))
	}
	if until := time.Until(w.retry); wait < until {
		wait = until
	}
	return max(wait, 0)
}

func (w *writer) keep(p *pending) {
	if len(w.kept) == 0 {
		w.oldest = time.Now()
	}
	w.kept = append(w.kept, p)
}

// fill adds records of reads to a batch.
func (w *writer) fill(batch []*pending) []*pending {
	if time.Now().Before(w.retry) {
		return batch
	}
	n := min(len(w.kept), w.o.Batch-len(batch))
	for _, p := range w.kept[:n] {
		if err := p.encodeAnyway(); err != nil {
			w.lose(1, fmt.Errorf("%s: %w", p.record.ID, err))
			continue
		}
		batch = append(batch, p)
	}
	w.kept = slices.Delete(w.kept, 0, n)
	w.oldest = time.Now()
	return batch
}

func (w *writer) write(batch []*pending) {
	failed := w.add(batch)
	if failed != nil {
		w.retry = time.Now().Add(retryEvery)
		w.log.Error("the audit log can't be written", "err", failed)
	}
	var again []*pending
	for _, p := range batch {
		if p.err != nil && w.spoolAllowed(p) {
			if err := w.spool.put(w.Size(), p.entry); err != nil {
				p.err = errors.Join(p.err, err)
			} else {
				p.err = nil
			}
		}
		if p.done != nil {
			close(p.done)
		} else if p.err != nil {
			again = append(again, p)
		}
	}
	w.kept = append(again, w.kept...)
}

// add appends entries to the tree, waits until all are integrated and on disk, and returns the last error.
func (w *writer) add(batch []*pending) error {
	entries := make([]*tessera.Entry, len(batch))
	for i, p := range batch {
		entries[i] = tessera.NewEntry(p.entry)
	}
	futures := make([]tessera.IndexFuture, len(batch))
	for i, e := range entries {
		futures[i] = w.appender.Add(w.ctx, e)
	}
	var failed error
	size := w.Size()
	for i, p := range batch {
		at, err := futures[i]()
		if p.err = err; err != nil {
			failed = err
			continue
		}
		p.origin, p.index = w.o.Origin, at.Index
		size = max(size, at.Index+1)
	}
	w.written(size, failed)
	return failed
}

// written makes the new size known.
func (l *Log) written(size uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil && err == nil {
		l.log.Info("the audit log can be written again")
	}
	l.failure = err
	if size > l.size.Load() {
		l.size.Store(size)
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// drain writes what is left when the log is closed. What can't be written goes to the spool, for the next Open.
func (w *writer) drain() {
	w.retry, w.due = time.Time{}, time.Time{}
	if w.lastError() == nil {
		w.settle()
	}
	for {
		var batch []*pending
		for more := true; more && len(batch)+len(w.kept) < w.o.Batch; {
			select {
			case p := <-w.urgent:
				batch = append(batch, p)
			case p := <-w.later:
				w.keep(p)
			default:
				more = false
			}
		}
		batch = w.fill(batch)
		if len(batch) == 0 {
			break
		}
		w.write(batch)
		if w.lastError() != nil {
			w.spoolRest()
		}
		w.retry = time.Time{}
	}
	if w.spool != nil && w.spool.count() > 0 && w.lastError() == nil {
		w.emptySpool()
	}
}

func (w *writer) spoolRest() {
	lost := 0
	for _, p := range w.kept {
		if w.spool == nil || p.encodeAnyway() != nil || w.spool.put(w.Size(), p.entry) != nil {
			lost++
		}
	}
	w.kept = nil
	if lost > 0 {
		w.lose(lost, fmt.Errorf("%d records of reads could be written neither to the audit log nor to its spool", lost))
	}
}

// lose tells of records that are nowhere.
func (w *writer) lose(count int, why error) {
	w.log.Error("records are lost", "count", count, "err", why)
	w.written(w.Size(), errors.Join(w.lastError(), why))
}
