package agent

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
)

// largestFact leaves room for what is around a fact.
const largestFact = facts.Largest - 4096

// collecting collects now and then every so often, and puts what was found into the spool.
func (a *Agent) collecting(ctx context.Context) error {
	for ctx.Err() == nil {
		begin := time.Now()
		if err := a.collect(ctx); err != nil && ctx.Err() == nil {
			a.slog.Error("the facts were not collected", "error", err)
		}
		every := jitter(a.follower.Every())
		if !sleep(ctx, max(every-time.Since(begin), every/4), a.follower.changed) {
			break
		}
	}
	return ctx.Err()
}

func (a *Agent) collect(ctx context.Context) error {
	s, err := a.p.Collect(ctx)
	if err != nil {
		return err
	}
	if s == nil {
		return errors.New("there is no snapshot")
	}
	s.Maintenance = a.maintenance()
	set, err := facts.Split(s)
	if err != nil {
		return err
	}
	if err := set.Bound(largestFact); err != nil {
		return err
	}
	a.spooled(a.p.Spool.SetFacts(set, s.Taken))
	a.checkSpool()
	a.mu.Lock()
	a.status.LastCollect = s.Taken
	a.mu.Unlock()
	if _, _, acked := a.p.Spool.Facts(); facts.Digest(acked) != facts.Digest(set.Digests()) {
		a.soon()
	}
	return nil
}
