package audit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// ErrVerifying says that a verification takes longer than the caller can wait. It goes on.
var ErrVerifying = errors.New("the verification goes on")

// answerTime is what is left of a caller's time to answer in.
const answerTime = 2 * time.Second

// verificationRun is a verification of the whole own log, for all who ask while it runs.
type verificationRun struct {
	done chan struct{}
	read atomic.Uint64 // entries so far
	size atomic.Uint64 // of them
	err  error
}

// VerifyLogs verifies the whole own log and compares the others', and gives the state of all.
func (k *Keeper) VerifyLogs(ctx context.Context) ([]model.LogState, error) {
	if err := k.VerifyOwn(ctx); err != nil {
		return nil, err
	}
	if err := k.Compare(ctx); err != nil {
		return nil, err
	}
	return k.o.Store.Logs(ctx)
}

// VerifyOwn hashes the whole own log again, compares it with what is kept of it, and reports what it finds. That takes as long
// as the log is big: it goes on when ctx ends, and whoever asks meanwhile waits for the same run.
func (k *Keeper) VerifyOwn(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-answerTime))
		defer cancel()
	}
	run := k.verification()
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return &model.Error{
			Code: model.CodeUnavailable, Err: ErrVerifying,
			Message: fmt.Sprintf("the verification of %s goes on, %d of %d entries so far", k.o.Log.Origin(), run.read.Load(), run.size.Load()),
			Remedy:  "Ask again, or look at `bulkhead audit logs` later: it says when the log was verified last, and what was found.",
		}
	}
}

// verification joins the run that there is, or starts one.
func (k *Keeper) verification() *verificationRun {
	k.verifying.Lock()
	defer k.verifying.Unlock()
	if k.run != nil {
		return k.run
	}
	run := &verificationRun{done: make(chan struct{})}
	k.run = run
	k.runs.Go(func() {
		run.err = k.verifyOwn(k.ctx, run)
		k.verifying.Lock()
		k.run = nil
		k.verifying.Unlock()
		close(run.done)
	})
	return run
}

func (k *Keeper) verifyOwn(ctx context.Context, run *verificationRun) error {
	start := k.o.Log.now()
	size := k.o.Log.Size()
	run.size.Store(size)
	if size > 0 {
		// So that the newest records are covered too, if the log can be written.
		if _, err := k.o.Log.covering(ctx, size-1); err != nil && model.CodeOf(err) != model.CodeUnavailable {
			return err
		}
	}
	kept, _, err := k.ofOwn(ctx)
	if err != nil {
		return err
	}
	r, err := verify(ctx, k.o.Log.o.Dir, k.o.Key, kept, &run.read)
	if err != nil {
		return err
	}
	var problems []problem
	for i, text := range r.Texts() {
		problems = append(problems, problem{fmt.Sprint("verified ", r.Problems[i].Kind, " ", r.Problems[i].Index), text})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.report(ctx, k.o.Log.Origin(), problems); err != nil {
		return err
	}
	// The time of its start: what was written since then was not looked at.
	return k.o.Store.SetLogVerified(ctx, k.o.Log.Origin(), start)
}

// VerifyWhenDue verifies the own log until ctx is over: whenever the last time is older than every, or older than the time
// that asked gives, at which somebody asked all replicas to do so.
func (k *Keeper) VerifyWhenDue(ctx context.Context, every time.Duration, asked func(context.Context) (time.Time, error)) error {
	tick := time.NewTicker(k.o.Every)
	defer tick.Stop()
	for {
		if err := k.verifyIfDue(ctx, every, asked); err != nil && ctx.Err() == nil {
			k.o.Slog.Error("the audit log could not be verified; trying again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *Keeper) verifyIfDue(ctx context.Context, every time.Duration, asked func(context.Context) (time.Time, error)) error {
	own, err := k.o.Store.LogState(ctx, k.o.Log.Origin())
	if err != nil && model.CodeOf(err) != model.CodeNotFound {
		return err
	}
	var last time.Time
	if own != nil {
		last = own.Verified
	}
	at, err := asked(ctx)
	if err != nil {
		return err
	}
	if k.o.Log.now().Sub(last) < every && !at.After(last) {
		return nil
	}
	return k.VerifyOwn(ctx)
}
