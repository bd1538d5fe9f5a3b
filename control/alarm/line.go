package alarm

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
)

// line is a receiver with what waits for it. Nothing is sent to a receiver twice at a time, so while one delivery is under way
// the others come together, and go together where the receiver likes that.
type line struct {
	c  Config
	to receiver

	mu      sync.Mutex
	waiting []*waiter
	busy    bool
}

type waiter struct {
	event Event
	done  chan error
}

func (l *line) deliver(ctx context.Context, e Event) error {
	w := &waiter{event: e, done: make(chan error, 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	start := !l.busy
	l.busy = true
	l.mu.Unlock()
	if start {
		go l.drain(context.WithoutCancel(ctx)) // it is about all that waits, and each delivery has its own limit
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.waiting, w)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	l.mu.Unlock()
	if i >= 0 {
		return ctx.Err()
	}
	// It is under way and ends soon: how it ended decides whether it is sent again.
	return <-w.done
}

// drain sends until nothing waits.
func (l *line) drain(ctx context.Context) {
	for {
		l.mu.Lock()
		n := min(len(l.waiting), mostAtOnce)
		taken := slices.Clone(l.waiting[:n])
		l.waiting = slices.Delete(l.waiting, 0, n)
		if n == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		events := make([]Event, n)
		for i, w := range taken {
			events[i] = w.event
		}
		var away error // nobody is there: the rest is not tried one by one
		for _, group := range l.to.split(events) {
			err := away
			if err == nil {
				err = l.send(ctx, group)
			}
			if isAway(err) {
				away = err
			}
			for _, w := range taken[:len(group)] {
				w.done <- err
			}
			taken = taken[len(group):]
		}
	}
}

func isAway(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded)
}
