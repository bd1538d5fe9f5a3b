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

	"github.com/bulkhead-security/bulkhead/guard/lasting"
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

// TestWatch: a right is asked about at once where that is wanted, when something changes, and ends at its time whatever the answer.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var no atomic.Pointer[error]
		holds := func(context.Context) error {
			if asked.Add(1); no.Load() != nil {
				return *no.Load()
			}
			return nil
		}
		changes := make(chan chan struct{}, 3)
		r := lasting.Right{Holds: holds, Every: time.Hour, AtOnce: true, Changed: func() <-chan struct{} {
			c := make(chan struct{})
			changes <- c
			return c
		}}
		came := make(chan error, 1)
		go func() { came <- r.Watch(t.Context()) }()
		synctest.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d questions at the beginning", asked.Load())
		}
		close(<-changes)
		synctest.Wait()
		if asked.Load() != 2 {
			t.Errorf("%d questions after a change", asked.Load())
		}
		left := errors.New("alice left")
		no.Store(&left)
		close(<-changes)
		if err := <-came; !errors.Is(err, left) {
			t.Error(err)
		}
		no.Store(nil)
		until := time.Now().Add(time.Minute)
		err := (&lasting.Right{Holds: holds, Every: time.Hour, Until: until}).Watch(t.Context())
		if err == nil || err.Error() != "access was given until "+until.UTC().Format("15:04:05 UTC") || !time.Now().Equal(until) || asked.Load() != 3 {
			t.Errorf("%v after %d questions", err, asked.Load())
		}
		// What ends by itself has lost no right.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (&lasting.Right{Holds: holds, Every: time.Hour}).Watch(ctx); err != nil {
			t.Error(err)
		}
	})
}
