package buildkit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Bounds of what is read for all callers together. A request counts with the most that it may have until it is read, then with what it has.
const (
	mostRead        = 16 * largest
	mostReadEach    = 4 * largest // of one account
	mostDecodes     = 4           // that are at a time taken apart, with Dockerfiles
	mostDecodesEach = 2           // of one account
	readTime        = 30 * time.Second
)

// errBusy is why a request was not read.
var errBusy = errors.New("the guard reads as many requests of builds as it may at a time: try again")

// errFell is why a call has no end of its own.
var errFell = errors.New("the call fell over")

// budget is how many bytes of requests may be kept.
type budget struct {
	mu      sync.Mutex
	free    int
	each    map[string]int // account → bytes that it has
	changed chan struct{}  // closed when something is given back
}

func newBudget() *budget {
	return &budget{free: mostRead, each: map[string]int{}, changed: make(chan struct{})}
}

// share is a part of the budget that somebody has.
type share struct {
	of   *budget
	who  string
	size int
}

// take waits for a share as large as a request may be.
func (b *budget) take(ctx context.Context, who string) (*share, error) {
	for {
		b.mu.Lock()
		if b.free >= largest && b.each[who]+largest <= mostReadEach {
			b.free -= largest
			b.each[who] += largest
			b.mu.Unlock()
			return &share{of: b, who: who, size: largest}, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", errBusy, ctx.Err())
		}
	}
}

// keep gives back all but so many bytes; more than there are is none.
func (s *share) keep(size int) {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if size >= s.size {
		return
	}
	back := s.size - size
	s.size = size
	s.of.free += back
	if s.of.each[s.who] -= back; s.of.each[s.who] <= 0 {
		delete(s.of.each, s.who)
	}
	close(s.of.changed)
	s.of.changed = make(chan struct{})
}

// places are those for taking apart what came. One account does not have them all.
type places struct {
	mu      sync.Mutex
	free    int
	each    map[string]int
	changed chan struct{} // closed when one is given back
}

func newPlaces() *places {
	return &places{free: mostDecodes, each: map[string]int{}, changed: make(chan struct{})}
}

// take waits for a place, until back is called.
func (p *places) take(ctx context.Context, who string) (back func(), err error) {
	for {
		p.mu.Lock()
		if p.free > 0 && p.each[who] < mostDecodesEach {
			p.free--
			p.each[who]++
			p.mu.Unlock()
			return sync.OnceFunc(func() { p.back(who) }), nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", errBusy, ctx.Err())
		}
	}
}

func (p *places) back(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free++
	if p.each[who]--; p.each[who] <= 0 {
		delete(p.each, who)
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
