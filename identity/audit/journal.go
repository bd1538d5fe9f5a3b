package audit

import (
	"errors"
	"slices"
	"time"
)

// journal puts the records of callers into the spool, and gives what has to go to the log at once. That is all of it where there is no journal,
// where it is full, where somebody waits for the log, and while the log can't be written, or it is not clear what of the spool is in it: what can't be
// in the log must not be done.
func (w *writer) journal(batch []*pending) []*pending {
	if w.o.Journal == 0 || w.spool == nil || len(batch) == 0 || w.unsure || w.lastError() != nil {
		return batch
	}
	var urgent, reads []*pending
	var entries [][]byte
	for _, p := range batch {
		if p.done == nil {
			reads = append(reads, p)
			continue
		}
		if !p.soon {
			return batch
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

// emptySpool appends the spool's entries to the log, each once, and the records of reads that wait.
func (w *writer) emptySpool() {
	if !w.sure() {
		return
	}
	count := w.spool.count()
	read, err := w.moveSpool()
	if err == nil {
		w.known = nil
		if read < count {
			w.log.Error("records of the spool can't be read any more, and are lost", "count", count-read)
		}
		err = w.spool.clear(w.Size())
	}
	if err != nil {
		// Some may be in the log: that is found out first the next time, so that none is there twice.
		w.unsure, w.retry = true, w.soon()
		w.log.Error("the spool of the audit log can't be emptied", "err", err)
		return
	}
	if w.o.Journal == 0 {
		w.log.Info("records of the spool are in the audit log", "count", count)
	}
}

// sure finds out what of the spool is in the log already, where that is not clear.
func (w *writer) sure() bool {
	if !w.unsure {
		return true
	}
	there, err := w.there()
	if err != nil {
		w.retry = w.soon()
		w.log.Error("the audit log can't be read", "err", err)
		return false
	}
	w.known, w.unsure = there, false
	return true
}

// moveSpool appends what is in the spool and not in the log, with records of reads in what is free of the last batch, and says how many it read.
func (w *writer) moveSpool() (read int64, err error) {
	var batch []*pending
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := w.add(batch)
		batch = batch[:0]
		return err
	}
	err = w.spool.each(func(data []byte) error {
		if read++; w.known[string(data)] {
			return nil
		}
		if batch = append(batch, &pending{entry: data}); len(batch) < w.o.Batch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return read, err
	}
	n := len(batch)
	batch = w.fill(batch)
	reads := slices.Clone(batch[n:])
	err = flush()
	w.kept = append(slices.DeleteFunc(reads, func(p *pending) bool { return p.err == nil }), w.kept...)
	return read, err
}

// there are those entries of the spool that are in the log already.
func (l *Log) there() (map[string]bool, error) {
	size, err := l.reader.IntegratedSize(l.ctx)
	if err != nil {
		return nil, err
	}
	waiting := map[string]bool{}
	if err := l.spool.each(func(data []byte) error {
		waiting[string(data)] = false
		return nil
	}); err != nil {
		return nil, err
	}
	for e, err := range walk(l.ctx, l.fetch, l.spool.base, size, size) {
		if err != nil {
			return nil, err
		}
		if _, ok := waiting[string(e.data)]; ok {
			waiting[string(e.data)] = true
		}
	}
	return waiting, nil
}
