package answers

import (
	"context"
	"fmt"
	"sync"
)

// So many lists of the whole host are read for answers at a time, and so many for one account: nobody keeps the others from theirs.
const (
	mostReading     = 4
	mostReadingEach = 2
)

// turns has questions wait for each other.
type turns struct {
	all  chan struct{}
	mu   sync.Mutex
	each map[string]*queue
}

type queue struct {
	places chan struct{}
	users  int // who wait, too
}

func newTurns() *turns {
	return &turns{all: make(chan struct{}, mostReading), each: map[string]*queue{}}
}

// take waits for a turn of an account, until release is called.
func (t *turns) take(ctx context.Context, account string) (release func(), err error) {
	q := t.join(account)
	for _, places := range []chan struct{}{q.places, t.all} {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			if places == t.all {
				<-q.places
			}
			t.leave(account, q)
			return nil, fmt.Errorf("wait for other questions about the whole host: %w", ctx.Err())
		}
	}
	return func() {
		<-t.all
		<-q.places
		t.leave(account, q)
	}, nil
}

func (t *turns) join(account string) *queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.each[account]
	if q == nil {
		q = &queue{places: make(chan struct{}, mostReadingEach)}
		t.each[account] = q
	}
	q.users++
	return q
}

func (t *turns) leave(account string, q *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if q.users--; q.users == 0 {
		delete(t.each, account)
	}
}
