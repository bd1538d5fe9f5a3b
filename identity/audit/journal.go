package audit

import (
	"context"
	"errors"
	"slices"
	"time"
)

// journal puts the records of callers into the spool, and gives what has to go to the log at once. That is all of it where there is no journal,
// where it is full, and while the log can't be written: what can't be in the log must not be done.
func (w *writer) journal(batch []*pending) []*pending {
	if w.o.Journal == 0 || w.spool == nil || len(batch) == 0 || w.lastError() != nil {
		return batch
	}
	var urgent, reads []*pending
	var entries [][]byte
	for _, p := range batch {
		if p.done == nil {
			reads = append(reads, p)
			continue
		}
		urgent, entries = append(urgent, p), append(entries, p.entry)
	}
	first := w.spool.count() == 0
	if len(urgent) > 0 {
		if err := w.spool.put(w.Size(), entries...); err != nil {
			if !errors.Is(err, errSpoolFull) {
				w.log.Error("the journal of the audit log can't be written", "err", err)
			}
			w.due = time.Time{}
			return batch
		}
		if first {
			w.due = time.Now().Add(w.o.Journal)
		}
		for _, p := range urgent {
			close(p.done)
		}
	} else if first {
		return batch
	}
	if len(reads) > 0 { // their time has come: the journal goes along
		w.kept, w.due = append(reads, w.kept...), time.Time{}
	}
	return nil
}

// emptySpool appends the spool's entries to the log, and the records of reads that wait.
func (w *writer) emptySpool() {
	var batch []*pending
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := w.add(batch)
		batch = batch[:0]
		return err
	}
	err := w.spool.each(func(data []byte) error {
		if batch = append(batch, &pending{entry: data}); len(batch) < w.o.Batch {
			return nil
		}
		return flush()
	})
	if err == nil {
		n := len(batch)
		batch = w.fill(batch)
		reads := slices.Clone(batch[n:])
		err = flush()
		w.kept = append(slices.DeleteFunc(reads, func(p *pending) bool { return p.err == nil }), w.kept...)
	}
	if err != nil {
		w.retry = w.soon()
		// Some may be in the log: find out which, so that none is there twice.
		if err := w.skipAppended(w.ctx); err != nil {
			w.log.Error("the audit log can't be read", "err", err)
		}
		return
	}
	count := w.spool.count()
	if err := w.spool.clear(w.Size()); err != nil {
		w.retry = w.soon()
		w.log.Error("the spool of the audit log can't be emptied", "err", err)
		return
	}
	if w.o.Journal == 0 {
		w.log.Info("records of the spool are in the audit log", "count", count)
	}
}

// skipAppended takes out of the spool what is in the log already, after a stop in between.
func (l *Log) skipAppended(ctx context.Context) error {
	if l.spool == nil || l.spool.count() == 0 {
		return nil
	}
	var left [][]byte
	waiting := map[string]int{}
	if err := l.spool.each(func(data []byte) error {
		waiting[string(data)] = len(left)
		left = append(left, data)
		return nil
	}); err != nil {
		return err
	}
	found := 0
	for e, err := range l.entries(ctx, l.spool.base, l.Size()) {
		if err != nil {
			return err
		}
		if i, ok := waiting[string(e.data)]; ok && left[i] != nil {
			left[i] = nil
			found++
		}
	}
	if found == 0 {
		return nil
	}
	base := l.spool.base
	if found == len(left) {
		return l.spool.clear(l.Size())
	}
	return l.spool.rewrite(left, base)
}
