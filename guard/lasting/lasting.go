// Package lasting has something go on for as long as the right to it does: it asks again and again, and ends it when the answer is no, or when
// nobody can say. It decides nothing itself.
package lasting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// AskTime is how long an answer is waited for.
const AskTime = 5 * time.Second

// EndedError is why something was ended before its time.
type EndedError struct {
	What string // was ended
	Err  error  // why
	Came error  // what came of it then
}

// Error implements error.
func (e *EndedError) Error() string { return e.What + " was ended: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *EndedError) Unwrap() error { return e.Err }

// ErrFell is the answer of who falls over a question: nobody can say.
var ErrFell = errors.New("the guard fell over the question whether the right to it holds; its log says why")

// Careful asks holds, and takes a panic there for a no that the log tells of: it is asked beside what runs, where a panic would end the process.
func Careful(log *slog.Logger, holds func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				log.ErrorContext(ctx, "the question whether a right holds made the guard fall over", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				err = ErrFell
			}
		}()
		return holds(ctx)
	}
}

// While runs something for as long as holds says nothing against it, which is asked every so often, carefully. It gives an *EndedError where
// it ended what was run, and else what that gave.
func While(ctx context.Context, log *slog.Logger, what string, every time.Duration, holds, run func(ctx context.Context) error) error {
	holds = Careful(log, holds)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var ended *EndedError
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := (&Right{Holds: holds, Every: every}).Watch(ctx); err != nil {
			ended = &EndedError{What: what, Err: err}
			cancel(ended)
		}
	})
	err := run(ctx)
	cancel(nil)
	wait.Wait()
	if ended == nil {
		return err
	}
	ended.Came = err
	return ended
}

// Right is the right to something that lasts.
type Right struct {
	// Holds asks whether it is still there. An error ends it with that reason: who can't decide, refuses.
	Holds func(ctx context.Context) error
	// Every is how often it is asked, and AtOnce has it asked at the beginning, too.
	Every  time.Duration
	AtOnce bool
	// Changed gives a channel that is closed when policies, accounts or rights change next; nil for none.
	Changed func() <-chan struct{}
	// Until is when it is over whatever the answer; zero for never.
	Until time.Time
}

// Watch gives why the right ended; nil when ctx did.
func (r *Right) Watch(ctx context.Context) error {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	var over <-chan time.Time
	if !r.Until.IsZero() {
		t := time.NewTimer(time.Until(r.Until))
		defer t.Stop()
		over = t.C
	}
	changed := r.change() // before asking, so that no change falls in between
	if r.AtOnce {
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-over:
			return fmt.Errorf("access was given until %s", r.Until.UTC().Format("15:04:05 UTC"))
		case <-changed:
		case <-tick.C:
		}
		changed = r.change()
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
}

func (r *Right) change() <-chan struct{} {
	if r.Changed == nil {
		return nil
	}
	return r.Changed()
}

func (r *Right) ask(ctx context.Context) error {
	asked, done := context.WithTimeout(ctx, AskTime)
	defer done()
	err := r.Holds(asked)
	if ctx.Err() != nil {
		return nil // it is over
	}
	return err
}
