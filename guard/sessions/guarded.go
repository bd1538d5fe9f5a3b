package sessions

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lasting"
)

// Guarded is a session that lasts as long as its right does.
type Guarded struct {
	// Holds asks whether the right is still there. An error ends the session with that reason: who can't decide, refuses.
	Holds func(ctx context.Context) error
	// Every is how often it is asked, Changed gives a channel that is closed when policies, accounts or rights change next; nil for none.
	Every   time.Duration
	Changed func() <-chan struct{}
	// Until is when access that was given for a time is over; zero for none.
	Until time.Time
	// Framing is that of the engine's side, Recording what it is recorded by; nil for not at all.
	Framing   Framing
	Recording *Recording
}

// Bounds of asking.
const (
	leastEvery = time.Second
	endTime    = 10 * time.Second
)

// CutError is why a session was ended.
type CutError struct{ Err error }

// Error implements error.
func (e *CutError) Error() string { return "the session was ended: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *CutError) Unwrap() error { return e.Err }

// Run runs a session: run carries it over w until it ends or ctx is over. A session whose right ends gets a last message, and Run gives
// a *CutError. The recording ends with it.
func (g *Guarded) Run(ctx context.Context, w http.ResponseWriter, run func(ctx context.Context, w http.ResponseWriter) error) error {
	if g.Holds == nil || g.Framing == "" {
		return errors.New("a session has nobody who says whether its right holds, or no framing")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &cuttable{ResponseWriter: w, framing: g.Framing}
	var why atomic.Pointer[CutError] // set before anything is ended, so that run can't end first with what came of it
	end := func(err error) {
		cut := &CutError{err}
		why.CompareAndSwap(nil, cut)
		message := "\r\nbulkhead: " + cut.Error() + "\r\n"
		g.Recording.Note(cut.Error(), "\nbulkhead: "+cut.Error()+"\n")
		c.cut(message)
		cancel(cut)
	}
	if g.Recording != nil {
		g.Recording.onBroken(end)
	}
	right := lasting.Right{Holds: g.Holds, Every: max(g.Every, leastEvery), AtOnce: true, Changed: g.Changed, Until: g.Until}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := right.Watch(ctx); err != nil {
			end(err)
		}
	}()
	err := run(ctx, c)
	cut := why.Load()
	if cut != nil {
		err = cut
	}
	cancel(nil)
	<-watched
	return g.finish(ctx, cut, err)
}

// finish ends the recording, and gives what the session gave.
func (g *Guarded) finish(ctx context.Context, cut *CutError, err error) error {
	how, why := Ended, ""
	if cut != nil {
		how, why = Cut, cut.Err.Error()
	} else if err != nil {
		why = err.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if rerr := g.Recording.End(ctx, how, why); rerr != nil && err == nil {
		return rerr
	}
	return err
}
