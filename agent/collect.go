// Package agent is the node's own work. It runs collectors side by side, each with its own
// deadline, and puts what they found into one Snapshot; what was not found becomes a gap. As a member of a fleet it sends what
// changed, takes signed documents, and goes on with the last good ones for as long as it is alone.
//
// It may import model, pure packages and the rooms below it; of collectors, the control plane, the audit log and whatever enforces
// it declares what it needs. It reads no facts itself.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Options bound a collection.
type Options struct {
	// Deadline is for each collector without its own; Overall for all together.
	Deadline, Overall time.Duration
	// Parallel is how many collectors run at once.
	Parallel int
	// Progress, when set, is called from one goroutine as collectors end.
	Progress func(name string, took time.Duration, done, all int)
	Log      *slog.Logger
}

type outcome struct {
	index int
	part  model.Part
	gaps  []model.Gap
	took  time.Duration
}

// Collect runs the collectors and returns the snapshot. It returns within the overall deadline even when a collector
// ignores its context: what comes late is dropped and told as a gap.
func Collect(ctx context.Context, node model.Node, now time.Time, list []model.Collector, o Options) *model.Snapshot {
	ctx, cancel := context.WithTimeout(ctx, o.Overall)
	defer cancel()
	s := &model.Snapshot{Schema: model.SnapshotSchema, Node: node, Taken: now.UTC().Truncate(time.Second)}

	results := make(chan outcome, len(list))
	slots := make(chan struct{}, max(1, o.Parallel))
	for i, c := range list {
		go func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				return
			}
			runOne(ctx, i, c, o, results)
		}()
	}

	done := make([]*outcome, len(list))
	for n := 0; n < len(list); {
		select {
		case r := <-results:
			done[r.index] = &r
			n++
			if o.Progress != nil {
				o.Progress(list[r.index].Name, r.took, n, len(list))
			}
		case <-ctx.Done():
			n = len(list)
		}
	}
	merge(s, list, done)
	return s
}

// runOne runs a collector under its deadline. The collector's goroutine is left behind when it does not return.
func runOne(ctx context.Context, i int, c model.Collector, o Options, results chan<- outcome) {
	d := c.Deadline
	if d == 0 {
		d = o.Deadline
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	start := time.Now()
	inner := make(chan outcome, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				if o.Log != nil {
					o.Log.Error("collector panicked", "collector", c.Name, "panic", p, "stack", string(debug.Stack()))
				}
				inner <- outcome{index: i, gaps: missed(c, model.GapFailed, fmt.Sprintf("the collector stopped: %v", p))}
			}
		}()
		part, gaps := c.Collect(ctx)
		inner <- outcome{index: i, part: part, gaps: gaps}
	}()
	grace := time.NewTimer(d + 250*time.Millisecond)
	defer grace.Stop()
	var r outcome
	select {
	case r = <-inner:
	case <-grace.C:
		r = outcome{index: i, gaps: missed(c, model.GapTimeout, fmt.Sprintf("no answer within %s", d))}
	}
	r.took = time.Since(start)
	results <- r
}

func missed(c model.Collector, reason model.GapReason, detail string) []model.Gap {
	gaps := make([]model.Gap, 0, len(c.Paths))
	for _, p := range c.Paths {
		gaps = append(gaps, model.Gap{Path: p, Collector: c.Name, Reason: reason, Detail: detail})
	}
	return gaps
}

// merge applies the parts in the order of the list, so that the snapshot does not depend on who finished first.
func merge(s *model.Snapshot, list []model.Collector, done []*outcome) {
	for i, c := range list {
		r := done[i]
		if r == nil {
			s.Gaps = append(s.Gaps, missed(c, model.GapTimeout, "not finished within the overall time")...)
			continue
		}
		for _, g := range r.gaps {
			g.Collector = c.Name
			s.Gaps = append(s.Gaps, g)
		}
		if r.part != nil {
			r.part(s)
		}
	}
	link(s)
	slices.SortStableFunc(s.Gaps, func(a, b model.Gap) int {
		if n := strings.Compare(a.Path, b.Path); n != 0 {
			return n
		}
		return strings.Compare(a.Collector, b.Collector)
	})
}
