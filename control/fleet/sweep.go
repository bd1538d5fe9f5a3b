package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of one sweep.
const (
	mostSwept  = 500
	mostPages  = 50
	pageOfAll  = 1000
	askingEnds = 30 * time.Second
)

// sweep finds what another replica left when it ended, and nodes that were not judged for long.
func (f *Fleet) sweep(ctx context.Context) error {
	now := f.now()
	f.away.forget(now.Add(-endsKept))
	left, err := f.store.NodesToAssess(ctx, now.Add(-f.o.Times.Sweep), mostSwept)
	for i := range left {
		f.work.add(left[i].ID)
	}
	again := now.Add(-f.o.Times.AssessAgain)
	for _, s := range f.hub.all(func(s *stream) bool { return s.assessedBefore(again) }) {
		f.work.add(s.node)
	}
	return errors.Join(err, f.sweepSilent(ctx, now))
}

// sweepSilent counts the silent nodes, and gives a reason to those whose peers were asked by a replica that ended.
func (f *Fleet) sweepSilent(ctx context.Context, now time.Time) error {
	silent := int64(0)
	q := model.Query{Size: pageOfAll, Where: []model.Condition{{Field: "health", Op: "=", Value: string(model.HealthSilent)}}}
	for range mostPages {
		part, next, err := f.store.Nodes(ctx, q)
		if err != nil {
			return err
		}
		silent += int64(len(part))
		for i := range part {
			m := &part[i]
			if m.Flapping {
				f.watch.flaps(m.ID, true)
			}
			if m.HealthReason == model.ReasonAsking && now.Sub(m.HealthSince) > askingEnds {
				if err := f.because(ctx, m.ID, model.ReasonUnknown, health.Peers{}, now); err != nil {
					return err
				}
			}
		}
		if next == "" {
			break
		}
		q.Token = next
	}
	f.counts.silent.Store(silent)
	return nil
}

// assessedBefore says whether the node was assessed, and not since a time.
func (s *stream) assessedBefore(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.assessed.IsZero() && s.assessed.Before(t)
}

func (s *stream) setAssessed(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assessed = t
}
