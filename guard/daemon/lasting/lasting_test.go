package lasting_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
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
		err := lasting.While(t.Context(), slog.New(slog.DiscardHandler), "it", time.Minute, holds, func(context.Context) error { time.Sleep(time.Second); return own })
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
		err = lasting.While(t.Context(), slog.New(slog.DiscardHandler), "it", time.Minute, holds, func(ctx context.Context) error { <-ctx.Done(); return own })
		var ended *lasting.EndedError
		if !errors.As(err, &ended) || !errors.Is(err, no) || !errors.Is(ended.Came, own) || err.Error() != "it was ended: alice left" || asked.Load() != 10 {
			t.Errorf("%v after %d questions", err, asked.Load())
		}
		// Who does not answer says no.
		err = lasting.While(t.Context(), slog.New(slog.DiscardHandler), "it", time.Minute, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			func(ctx context.Context) error { <-ctx.Done(); return nil })
		if !errors.As(err, &ended) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestWhoFallsOver: a panic of who is asked ends what runs and nothing else, and the log says where it was.
func TestWhoFallsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		log := slog.New(slog.NewTextHandler(&said, nil))
		err := lasting.While(t.Context(), log, "it", time.Minute, func(context.Context) error { panic("no such account") },
			func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		var ended *lasting.EndedError
		if !errors.As(err, &ended) || !errors.Is(err, lasting.ErrFell) || !errors.Is(ended.Came, context.Canceled) {
			t.Errorf("%v", err)
		}
		if !strings.Contains(said.String(), "no such account") || !strings.Contains(said.String(), "lasting_test.go") {
			t.Errorf("the log says %q", said.String())
		}
	})
}
