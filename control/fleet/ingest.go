package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of what waits and of what is written at once.
const (
	mostQueued = 2000
	mostAtOnce = 100
)

// waiting is a report that waits to be written, and then how that ended.
type waiting struct {
	ctx    context.Context
	node   *model.Member
	report Report
	done   chan struct{}

	answer Answer
	err    error
	after  []func() // done once it is written
}

// Report takes what a node tells. It answers when it is written; the same report again does no harm.
func (f *Fleet) Report(ctx context.Context, node *model.Member, r Report) (Answer, error) {
	f.counts.reports.Add(1)
	if err := checkReport(&r); err != nil {
		return Answer{}, err
	}
	f.probes.answer(node.ID, r.Probes)
	stopping := r.State != nil && r.State.Stopping
	f.contacts.note(model.Contact{Node: node.ID, Seen: f.now(), Run: r.Run, State: r.State})
	cameBack, err := f.heard(ctx, node, stopping)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Facts: node.FactsDigest}
	if f.mustWrite(node, &r) {
		if a, err = f.enqueue(ctx, node, r); err != nil {
			return Answer{}, err
		}
	}
	if stopping {
		return a, f.stopped(ctx, node)
	}
	// What comes back is compared, not believed.
	a.Resync = a.Resync || cameBack && (r.Facts == nil || r.Facts.Base != "")
	return a, nil
}

const mostFindingsInReport = 500

func checkReport(r *Report) error {
	if len(r.Findings) > mostFindingsInReport {
		return &model.Error{Code: model.CodeTooLarge, Message: "too many findings in one report", Field: "findings", Remedy: "Send at most 500 at a time."}
	}
	return nil
}

// mustWrite says whether a report has anything that is not there yet. Most have nothing.
func (f *Fleet) mustWrite(node *model.Member, r *Report) bool {
	if len(r.Findings) > 0 {
		return true
	}
	if r.Facts == nil {
		return false
	}
	if r.Facts.Digest != node.FactsDigest {
		return true
	}
	if !r.Facts.More {
		f.away.unchanged(node.ID)
	}
	return false
}

// enqueue waits until a report is written.
func (f *Fleet) enqueue(ctx context.Context, node *model.Member, r Report) (Answer, error) {
	w := &waiting{ctx: ctx, node: node, report: r, done: make(chan struct{})}
	select {
	case f.queue <- w:
	default:
		return Answer{}, unavailable("too many reports wait to be written")
	}
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		return Answer{}, context.Cause(ctx)
	case <-f.ended:
		return Answer{}, unavailable("the server is stopping")
	}
}

// gather writes reports that arrive together in one transaction.
func (f *Fleet) gather(ctx context.Context) {
	defer close(f.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-f.queue:
			f.write(ctx, f.more(ctx, w))
		}
	}
}

// more waits a little for others. What is waiting already is taken without a wait.
func (f *Fleet) more(ctx context.Context, first *waiting) []*waiting {
	batch := []*waiting{first}
	late := time.NewTimer(f.o.Times.Gather)
	defer late.Stop()
	for len(batch) < mostAtOnce {
		select {
		case w := <-f.queue:
			batch = append(batch, w)
		case <-late.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// write writes a batch and answers it. It is finished even when the server is told to stop meanwhile.
func (f *Fleet) write(ctx context.Context, batch []*waiting) {
	batch = slices.DeleteFunc(batch, func(w *waiting) bool { return w.ctx.Err() != nil })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	err := f.store.InTx(ctx, func(ctx context.Context) error {
		if err := f.lock(ctx, batch); err != nil {
			return err
		}
		for _, w := range batch {
			w.err = f.store.InTx(ctx, func(ctx context.Context) error { return f.take(ctx, w) })
			if model.CodeOf(w.err) == model.CodeUnavailable || ctx.Err() != nil {
				return w.err
			}
		}
		return nil
	})
	for _, w := range batch {
		if err != nil {
			w.answer, w.err = Answer{}, err
		}
		if w.err == nil {
			for _, do := range w.after {
				do()
			}
		}
		close(w.done)
	}
}

// lock takes the rows of the nodes whose facts change, in one order, so that no other replica changes those in between: what a
// node's agent did not see answered, it may have sent to another replica, too.
func (f *Fleet) lock(ctx context.Context, batch []*waiting) error {
	var ids []string
	for _, w := range batch {
		if w.report.Facts != nil {
			ids = append(ids, w.node.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return f.store.LockNodes(ctx, ids)
}

// take writes one report.
func (f *Fleet) take(ctx context.Context, w *waiting) error {
	w.answer = Answer{Facts: w.node.FactsDigest}
	w.after = nil
	if w.report.Facts != nil {
		if err := f.takeFacts(ctx, w); err != nil {
			return err
		}
	}
	if len(w.report.Findings) > 0 {
		return f.takeFindings(ctx, w.node, &w.report)
	}
	return nil
}
