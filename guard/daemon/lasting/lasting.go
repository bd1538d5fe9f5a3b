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
		if err := watch(ctx, every, holds); err != nil {
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

// watch gives why the right ended; nil when what was run did.
func watch(ctx context.Context, every time.Duration, holds func(ctx context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked, done := context.WithTimeout(ctx, AskTime)
		err := holds(asked)
		done()
		if ctx.Err() != nil {
			return nil // it is over
		}
		if err != nil {
			return err
		}
	}
}
