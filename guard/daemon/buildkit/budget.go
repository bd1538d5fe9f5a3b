package buildkit

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// Bounds of what callers send in sessions. A call of the engine's counts with the most that one message of its answer may have while it goes on.
const (
	mostAnswers     = 512 << 20
	mostAnswersEach = 128 << 20 // of one account
	answerFile      = 1 << 20   // clients send pieces of 32 KiB
	answerOther     = 4 << 20   // as clients have it: parts of layers of images
	answerHealth    = 64 << 10
)

// Bounds of sessions that are opened by a call of the protocol. Each counts with the largest message that may come on a connection: how large one
// is is known when it is there. What is more than mostTunnelled ends the session then.
const (
	mostTunnels     = 512 << 20
	mostTunnelsEach = 128 << 20 // of one account
	tunnelTime      = time.Second
)

// mostAnswer is the largest message that a caller may answer to a call of the engine's.
func mostAnswer(method string) int {
	switch service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/"); service {
	case "grpc.health.v1.Health":
		return answerHealth
	case "moby.filesync.v1.FileSync", "moby.filesync.v1.FileSend", "moby.filesync.v1.Auth", "moby.buildkit.secrets.v1.Secrets", "moby.sshforward.v1.SSH":
		return answerFile
	}
	return answerOther
}

// Errors of what there is no room for.
var (
	errBusy    = errors.New("the guard reads as many requests of builds as it may at a time: try again")
	errTunnels = errors.New("the guard carries as many sessions as it may that were opened by a call: end one, or open it by POST /session, as buildx does")
	errAnswers = errors.New("the guard carries as much of sessions as it may at a time: build less at a time, and try again")
)

// errFell is why a call has no end of its own.
var errFell = errors.New("the call fell over")

// budget is how many bytes may be kept.
type budget struct {
	mu      sync.Mutex
	busy    error // why there are none
	free    int
	most    int            // of one account
	each    map[string]int // account → bytes that it has
	changed chan struct{}  // closed when something is given back
}

func newBudget(all, each int, busy error) *budget {
	return &budget{busy: busy, free: all, most: each, each: map[string]int{}, changed: make(chan struct{})}
}

// share is a part of the budget that somebody has.
type share struct {
	of   *budget
	who  string
	size int
}

// take waits for a share. Nobody gets more than is left for others: so a few accounts never have it all.
func (b *budget) take(ctx context.Context, who string, size int) (*share, error) {
	for {
		b.mu.Lock()
		if b.free >= size && b.each[who]+size <= min(b.most, b.free) {
			b.free -= size
			b.each[who] += size
			b.mu.Unlock()
			return &share{of: b, who: who, size: size}, nil
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", b.busy, ctx.Err())
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
