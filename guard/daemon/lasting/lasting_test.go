package lasting_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/daemon/lasting"
)

func TestWhile(t *testing.T) {
	no, own := errors.New("alice left"), errors.New("the engine is away")
	synctest.Test(t, func(t *testing.T) {
		// What ends by itself gives its own error, and is not asked about where it is short.
		var asked atomic.Int32
		holds := func(context.Context) error { asked.Add(1); return nil }
		err := lasting.While(t.Context(), "it", time.Minute, holds, func(context.Context) error { time.Sleep(time.Second); return own })
		if !errors.Is(err, own) || asked.Load() != 0 {
			t.Errorf("%v after %d questions", err, asked.Load())
		}
		// What lasts goes on for as long as it may.
		until := time.Now().Add(10*time.Minute - time.Second)
		holds = func(context.Context) error {
			if asked.Add(1); time.Now().After(until) {
				return no
			}
			return nil
		}
		err = lasting.While(t.Context(), "it", time.Minute, holds, func(ctx context.Context) error { <-ctx.Done(); return own })
		var ended *lasting.EndedError
		if !errors.As(err, &ended) || !errors.Is(err, no) || !errors.Is(ended.Came, own) || err.Error() != "it was ended: alice left" || asked.Load() != 10 {
			t.Errorf("%v after %d questions", err, asked.Load())
		}
		// Who does not answer says no.
		err = lasting.While(t.Context(), "it", time.Minute, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			func(ctx context.Context) error { <-ctx.Done(); return nil })
		if !errors.As(err, &ended) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
