package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

// kindRefused is a node's finding that it refused a document.
const kindRefused = "node/bundle-refused"

// advance moves the roll-outs that are on their way. Every replica does; where one was faster, the other's step does not count.
func (f *Fleet) advance(ctx context.Context) error {
	open, err := f.store.OpenRollouts(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range open {
		err := f.advanceOne(ctx, &open[i])
		if err != nil && model.CodeOf(err) != model.CodeConflict {
			errs = append(errs, fmt.Errorf("roll-out %s: %w", open[i].ID, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Fleet) advanceOne(ctx context.Context, r *model.Rollout) error {
	pool, err := f.store.Pool(ctx, r.Pool)
	if model.CodeOf(err) == model.CodeNotFound {
		pool, err = &model.Pool{ID: r.Pool}, nil
	}
	if err != nil {
		return err
	}
	seen, err := f.seen(ctx, *r)
	if err != nil {
		return err
	}
	now := f.now()
	next, changed := rollout.Next(*r, pool.Plan, seen, now, rollout.MayWork(pool.Windows, now))
	if !changed {
		return nil
	}
	defer f.Wake()
	return f.store.InTx(ctx, func(ctx context.Context) error {
		if err := f.store.UpdateRollout(ctx, &next); err != nil {
			return err
		}
		if next.State == model.RolloutRolledBack {
			if err := f.takeBack(ctx, &next, r.Author); err != nil {
				return err
			}
		}
		if next.State == r.State {
			return nil
		}
		return f.tell(ctx, rolloutEvent(&next, r.State))
	})
}

// seen counts what became of a roll-out.
func (f *Fleet) seen(ctx context.Context, r model.Rollout) (rollout.Seen, error) {
	_, name, _ := bundle.SplitScope(r.Pool)
	var s rollout.Seen
	have, should := map[string]bool{}, map[string]bool{} // the second says whether the node is up
	q := model.Query{Tenant: r.Tenant, Size: pageOfAll, Where: []model.Condition{{Field: "pool", Op: "=", Value: name}}}
	for range mostPages {
		part, next, err := f.store.Nodes(ctx, q)
		if err != nil {
			return s, err
		}
		for i := range part {
			m := &part[i]
			if !m.Revoked.IsZero() {
				continue
			}
			s.Nodes++
			if place := rollout.Place(r.ID, m.ID); s.First == 0 || place < s.First {
				s.First = place
			}
			switch target := rollout.Target(r, m.ID); {
			case m.Settings == r.To:
				s.Applied++
				have[m.ID] = true
				if m.Health == model.HealthSilent && !m.HealthSince.Before(r.StepSince) {
					s.Failed++
				}
			case target == r.To:
				should[m.ID] = m.Health == model.HealthUp
				if should[m.ID] {
					s.Missing++
				}
			}
		}
		if next == "" {
			break
		}
		q.Token = next
	}
	if len(have)+len(should) == 0 {
		return s, nil
	}
	return s, f.seenFindings(ctx, r, have, should, &s)
}

// seenFindings counts what was found since the step began: by nodes that should have the settings, that they refused them; and what is
// new on those that have them.
func (f *Fleet) seenFindings(ctx context.Context, r model.Rollout, have, should map[string]bool, s *rollout.Seen) error {
	refused := map[string]bool{}
	q := model.Query{
		Tenant: r.Tenant, Size: pageOfAll, Since: r.StepSince, Where: []model.Condition{{Field: "over", Op: "=", Value: "false"}},
	}
	for range mostPages {
		part, next, err := f.store.Findings(ctx, q)
		if err != nil {
			return err
		}
		for i := range part {
			n := &part[i]
			switch {
			case n.Kind == kindRefused:
				if _, ok := should[n.Node]; ok {
					refused[n.Node] = true
				}
			case n.Source == model.SourceServer && have[n.Node] && n.Exception == "" && !n.First.Before(r.StepSince) && !strings.HasPrefix(n.Kind, "node/"):
				s.Findings++
			}
		}
		if next == "" {
			break
		}
		q.Token = next
	}
	for node := range refused {
		s.Failed++
		if should[node] {
			s.Missing-- // it is not waited for
		}
	}
	return nil
}
