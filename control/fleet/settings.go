package fleet

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

// SettingsChanged brings the settings of a pool to its nodes: by its plan and in its windows, where it has some, else to all at once. A
// roll-out that is on its way is superseded. In a transaction all of it is part of that.
func (f *Fleet) SettingsChanged(ctx context.Context, p *model.Pool, author string) error {
	data, digest, err := bundle.Encode(bundle.Settings{
		Schema: bundle.Schema, Pool: p.ID, CollectEvery: p.Settings.CollectEvery, Assess: p.Settings.Assess,
	})
	if err != nil {
		return &model.Error{Code: model.CodeTooLarge, Message: "the settings are too large for a node", Field: "pool.settings", Err: err}
	}
	defer f.Wake()
	return f.store.InTx(ctx, func(ctx context.Context) error {
		had, err := f.docs.fresh(ctx, p.ID)
		if err != nil {
			return err
		}
		b := &model.Bundle{Kind: model.BundleSettings, Scope: p.ID, Digest: digest, Document: data, Author: author, Created: f.now()}
		if err := f.put(ctx, b); err != nil {
			return err
		}
		from := int64(0)
		if had.latest != nil {
			from = had.latest.Version
		}
		if b.Version == from {
			return nil
		}
		if r := had.rollout; r != nil {
			if r, err = f.supersede(ctx, r, b.Version); err != nil {
				return err
			}
			if r.State == model.RolloutSuperseded {
				from = r.From // the last that all have
			}
		}
		if len(p.Plan.Steps) == 0 && len(p.Windows) == 0 {
			return nil
		}
		return f.begin(ctx, p, from, b)
	})
}

// supersede ends a roll-out. A replica that takes its next step at the same moment is no reason to refuse the settings that came.
func (f *Fleet) supersede(ctx context.Context, r *model.Rollout, version int64) (*model.Rollout, error) {
	const tries = 5
	for try := 1; ; try++ {
		r.State, r.Ended, r.Reason = model.RolloutSuperseded, f.now(), fmt.Sprintf("version %d of the settings came", version)
		err := f.store.UpdateRollout(ctx, r)
		if err == nil || model.CodeOf(err) != model.CodeConflict || try == tries {
			return r, err
		}
		now, failed := f.store.Rollout(ctx, r.ID)
		switch {
		case failed != nil:
			return nil, failed
		case now.State == model.RolloutDone:
			return now, nil
		case now.State == model.RolloutRolledBack || now.State == model.RolloutSuperseded:
			return nil, err // it brought settings of its own
		}
		r = now
	}
}

// begin makes a roll-out and takes its first step.
func (f *Fleet) begin(ctx context.Context, p *model.Pool, from int64, b *model.Bundle) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("id of a roll-out: %w", err)
	}
	now := f.now()
	r := model.Rollout{
		ID: id.String(), Tenant: p.Tenant, Pool: p.ID, From: from, To: b.Version, State: model.RolloutRunning, StepSince: now, Author: b.Author,
		Created: now,
	}
	seen, err := f.seen(ctx, r)
	if err != nil {
		return err
	}
	r, _ = rollout.Next(r, p.Plan, seen, now, rollout.MayWork(p.Windows, now))
	return f.store.CreateRollout(ctx, &r)
}

// Decisions about a roll-out.
const (
	DecideHalt     = "halt"
	DecideResume   = "resume"
	DecideRollBack = "roll_back"
)

// Decide halts a roll-out, lets it go on, or takes it back.
func (f *Fleet) Decide(ctx context.Context, id, decision, reason, by string) (*model.Rollout, error) {
	var r *model.Rollout
	defer f.Wake()
	err := f.store.InTx(ctx, func(ctx context.Context) error {
		var err error
		if r, err = f.store.Rollout(ctx, id); err != nil {
			return err
		}
		was := r.State
		if err := f.decide(ctx, r, decision, by); err != nil {
			return err
		}
		r.Reason = by
		if reason != "" {
			r.Reason = by + ": " + reason
		}
		if err := f.store.UpdateRollout(ctx, r); err != nil {
			return err
		}
		return f.tell(ctx, rolloutEvent(r, was))
	})
	return r, err
}

func (f *Fleet) decide(ctx context.Context, r *model.Rollout, decision, by string) error {
	now := f.now()
	cant := &model.Error{
		Code: model.CodeConflict, Message: fmt.Sprintf("a roll-out that is %s can't be changed like this", r.State),
		Remedy: "Look at it again; another change of the settings makes a new one.",
	}
	switch decision {
	case DecideHalt:
		if r.State != model.RolloutRunning && r.State != model.RolloutWaiting {
			return cant
		}
		r.State = model.RolloutHalted
	case DecideResume:
		if r.State != model.RolloutHalted {
			return cant
		}
		// What was counted until now is lived with.
		r.State, r.StepSince = model.RolloutRunning, now
	case DecideRollBack:
		if !rollout.Active(r.State) {
			if newest, err := f.docs.latest(ctx, model.BundleSettings, r.Pool); err != nil {
				return err
			} else if r.State != model.RolloutDone || newest == nil || newest.Version != r.To {
				return cant
			}
		}
		r.State, r.Ended = model.RolloutRolledBack, now
		return f.takeBack(ctx, r, by)
	default:
		return &model.Error{Code: model.CodeInvalid, Message: "there is no such decision", Field: "decision", Remedy: "Use halt, resume or roll_back."}
	}
	return nil
}

// takeBack makes the settings from before a new version, since nodes take nothing older. Where there were none, the new ones say nothing.
func (f *Fleet) takeBack(ctx context.Context, r *model.Rollout, by string) error {
	b := &model.Bundle{Kind: model.BundleSettings, Scope: r.Pool, Author: by, Created: f.now()}
	if r.From > 0 {
		old, err := f.store.Bundle(ctx, model.BundleSettings, r.Pool, r.From)
		if err != nil {
			return err
		}
		b.Digest, b.Document = old.Digest, old.Document
	} else {
		var err error
		if b.Document, b.Digest, err = bundle.Encode(bundle.Settings{Schema: bundle.Schema, Pool: r.Pool}); err != nil {
			return err
		}
	}
	return f.put(ctx, b)
}

func rolloutEvent(r *model.Rollout, was model.RolloutState) model.Event {
	severity := info
	if r.State == model.RolloutHalted || r.State == model.RolloutRolledBack {
		severity = string(model.High)
	}
	e := model.Event{
		Tenant: r.Tenant, Kind: model.EventRollout, Severity: severity, Before: string(was), After: string(r.State),
		Text: say("roll-out of settings %d in pool %s is %s at %d %%: %s", "资源池 %[2]s 中设置 %[1]d 的发布状态为 %[3]s，进度 %[4]d %%：%[5]s",
			r.To, r.Pool, r.State, r.Share, r.Reason),
	}
	if r.Reason == "" {
		e.Text = say("roll-out of settings %d in pool %s is %s at %d %%", "资源池 %[2]s 中设置 %[1]d 的发布状态为 %[3]s，进度 %[4]d %%",
			r.To, r.Pool, r.State, r.Share)
	}
	return e
}
