package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Shower makes what stands in a recording fit for where it is shown.
type Shower interface {
	Show(data string) string
	// Restore is what is shown at the end.
	Restore() string
}

// Pace says how fast a recording is played.
type Pace struct {
	// Speed is how many seconds of the recording pass in one; zero shows all at once.
	Speed float64
	// Idle bounds how long nothing happens, in time of the recording; zero for no bound.
	Idle time.Duration
}

// Play shows a recording. Markers, which are no part of what was on the screen, go to mark where there is one.
func Play(ctx context.Context, w io.Writer, r *Reader, s Shower, pace Pace, mark func(at time.Duration, text string)) (err error) {
	defer func() {
		if _, werr := io.WriteString(w, s.Restore()); werr != nil && err == nil {
			err = fmt.Errorf("show a recording: %w", werr)
		}
	}()
	var last time.Duration
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := pace.wait(ctx, e.At-last); err != nil {
			return err
		}
		last = e.At
		switch e.Code {
		case Output:
			if _, err := io.WriteString(w, s.Show(e.Data)); err != nil {
				return fmt.Errorf("show a recording: %w", err)
			}
		case Marker:
			if mark != nil {
				mark(e.At, e.Data)
			}
		}
	}
}

func (p Pace) wait(ctx context.Context, d time.Duration) error {
	if p.Idle > 0 {
		d = min(d, p.Idle)
	}
	if p.Speed <= 0 || d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(time.Duration(float64(d) / p.Speed))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
