package fleet

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// unchanged is a node that was assessed, and of which nothing is to be told or kept.
type unchanged struct {
	assessed model.Assessed
	before   before
}

// Bounds of what is settled at once.
const (
	settleEvery = 200 * time.Millisecond
	mostSettled = 100
)

// settle writes down that nodes were assessed. One that another replica assessed meanwhile is left as it is.
func (f *Fleet) settle(ctx context.Context, all []unchanged) error {
	if len(all) == 0 {
		return nil
	}
	list := make([]model.Assessed, len(all))
	for i := range all {
		list[i] = all[i].assessed
	}
	done, err := f.store.SettleAssessed(ctx, list)
	if err != nil {
		return err
	}
	for i := range all {
		a := &all[i]
		if !done[a.assessed.Node] {
			continue
		}
		a.before.at = a.assessed.When
		f.kept.Add(a.assessed.Node, a.before)
		if s := f.hub.get(a.assessed.Node); s != nil {
			s.setAssessed(a.assessed.When)
		}
		f.counts.assessed.Add(1)
	}
	return nil
}

// assessing assesses the nodes that it is given, until there are no more, and rests in between.
func (f *Fleet) assessing(ctx context.Context, jobs <-chan string, workers int) {
	var same []unchanged
	rested := time.NewTimer(0)
	defer rested.Stop()
	take := (<-chan string)(nil)
	late := time.NewTimer(settleEvery)
	late.Stop()
	flush := func() {
		late.Stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		if err := f.settle(ctx, same); err != nil { // they are found by a sweep
			f.log.Error("that nodes were assessed can't be written down", "nodes", len(same), "error", err)
		}
		for i := range same {
			f.work.done(same[i].assessed.Node)
		}
		same = same[:0]
	}
	defer flush()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rested.C:
			take = jobs
		case id, more := <-take:
			if !more {
				return
			}
			start := time.Now()
			u := f.assessOne(ctx, id)
			take = nil
			rested.Reset(f.rest(time.Since(start), workers))
			if u == nil {
				f.work.done(id)
				continue
			}
			if len(same) == 0 {
				late.Reset(settleEvery)
			}
			if same = append(same, *u); len(same) >= mostSettled {
				flush()
			}
		case <-late.C:
			flush()
		}
	}
}

// assessOne assesses a node. What fails is tried again by a sweep, or with the next facts.
func (f *Fleet) assessOne(ctx context.Context, id string) *unchanged {
	ctx, cancel := context.WithTimeout(ctx, assessTime)
	defer cancel()
	u, err := f.assess(ctx, id)
	if err != nil && ctx.Err() == nil {
		f.log.Error("a node can't be assessed", "node", id, "error", err)
	}
	return u
}
