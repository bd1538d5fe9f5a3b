package guarded

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
)

// elsewhere is the log of the guard that took over.
type elsewhere struct{ s *handover.Successor }

// Append implements judge.Recorder.
func (e elsewhere) Append(ctx context.Context, r model.Record) error { return e.put(ctx, r, false) }

// Later implements judge.Recorder.
func (e elsewhere) Later(ctx context.Context, r model.Record) error { return e.put(ctx, r, true) }

func (e elsewhere) put(ctx context.Context, r model.Record, later bool) error {
	ctx, cancel := context.WithTimeout(ctx, holdTime)
	defer cancel()
	entry, err := audit.Encode(&r)
	if err != nil {
		return err
	}
	return e.s.Append(ctx, entry, later)
}

// PassedOn is the log as a guard has it, in which another process's can take the place of the own.
type PassedOn struct {
	mu    sync.RWMutex
	now   judge.Recorder // nil while there is none
	there chan struct{}  // closed when there is one again
}

// holdTime is how long a record waits for a log between two processes.
const holdTime = 30 * time.Second

// NewPassedOn begins with a log; nil for none yet.
func NewPassedOn(r judge.Recorder) *PassedOn { return &PassedOn{now: r, there: make(chan struct{})} }

// hold has records wait; those that are being written are written first.
func (p *PassedOn) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now, p.there = nil, make(chan struct{})
}

func (p *PassedOn) set(r judge.Recorder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil {
		close(p.there)
	}
	p.now = r
}

// Append implements judge.Recorder.
func (p *PassedOn) Append(ctx context.Context, r model.Record) error {
	return p.with(ctx, func(now judge.Recorder) error { return now.Append(ctx, r) })
}

// Later implements judge.Recorder.
func (p *PassedOn) Later(ctx context.Context, r model.Record) error {
	return p.with(ctx, func(now judge.Recorder) error { return now.Later(ctx, r) })
}

// AppendEntry writes a record of an earlier guard.
func (p *PassedOn) AppendEntry(ctx context.Context, entry []byte, later bool) error {
	return p.with(ctx, func(now judge.Recorder) error {
		if l, ok := now.(entries); ok {
			return l.AppendEntry(ctx, entry, later)
		}
		return errors.New("this log takes no records of another process")
	})
}

// entries are logs that take records of other processes.
type entries interface {
	AppendEntry(ctx context.Context, entry []byte, later bool) error
}

// AppendEntry implements entries: of a guard that was taken over after it had taken over.
func (e elsewhere) AppendEntry(ctx context.Context, entry []byte, later bool) error {
	return e.s.Append(ctx, entry, later)
}

func (p *PassedOn) with(ctx context.Context, do func(judge.Recorder) error) error {
	over := time.NewTimer(holdTime)
	defer over.Stop()
	for {
		p.mu.RLock()
		now, there := p.now, p.there
		if now != nil {
			defer p.mu.RUnlock()
			return do(now)
		}
		p.mu.RUnlock()
		select {
		case <-there:
		case <-ctx.Done():
			return ctx.Err()
		case <-over.C:
			return errors.New("the audit log is on its way to another process, and did not get there")
		}
	}
}
