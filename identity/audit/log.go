package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// Options say where a log is and how it is written.
type Options struct {
	Dir    string // of the log alone; made 0700
	Origin string // "bulkhead/NAME"; the signer has the same name
	Signer note.Signer
	// Batch is how many entries are written together at most, BatchAge how long a record of a read waits for others at most.
	// Records of changes wait only while the batch before them is written.
	Batch    int
	BatchAge time.Duration
	// SpoolDir, best on another file system, has room set aside for records while the log can't be written and the
	// break-glass is open. Empty means beside Dir.
	SpoolDir  string
	SpoolSize int64 // bytes set aside; 0 means 4 MiB
	// Journal has AppendSoon return once the record is safe in the spool, which is one write to one place of the disk; it is in the log at most
	// this much later. 0 has it wait for the log, as Append does. While the log can't be written, it waits in any case.
	Journal time.Duration
	// Always are actions whose records go to the spool when the log can't be written, also while the break-glass is closed:
	// those that are needed to open it, unless they are refused. AuditBreakGlass is always one.
	Always []string
	Log    *slog.Logger
	Now    func() time.Time
}

// Limits of a log in operation.
const (
	appendLimit     = 15 * time.Second       // how long an Append waits at most
	laterQueue      = 4096                   // records of reads that wait
	checkpointEvery = 250 * time.Millisecond // while the log grows
	collectEvery    = 15 * time.Second       // removal of partial tiles that full ones replaced
	flushAge        = time.Millisecond       // tessera's own; batches are made here
)

// Log is an open audit log. Its methods may be called at once from many places.
type Log struct {
	o        Options
	log      *slog.Logger
	now      func() time.Time
	appender *tessera.Appender
	shutdown func(context.Context) error
	reader   tessera.LogReader
	ctx      context.Context // of tessera, ended by cancel
	cancel   context.CancelFunc
	fetch    client.FileFetcher
	lock     *os.File
	spool    *spool
	glass    glass

	urgent chan *pending
	later  chan *pending
	ending chan struct{} // closed by Close: nobody waits for a place in a queue any more
	stop   chan struct{} // closed by Close: nothing comes any more
	done   chan struct{} // closed when everything is written

	sending sync.RWMutex // held for reading while a record is put into a queue
	closed  bool

	size    atomic.Uint64
	left    left
	mu      sync.Mutex
	grown   chan struct{} // closed and replaced when the log grew
	failure error         // of the last write; nil after a good one
}

// Origin is the log's name.
func (l *Log) Origin() string { return l.o.Origin }

// Size is how many entries the log has.
func (l *Log) Size() uint64 { return l.size.Load() }

// Append writes a record and returns once it is integrated and on disk. Where it went to the spool, because the log can't be written and the
// break-glass is open, it is on disk too, and the place's Origin is empty. What was not written in
// time may still be: to try it again under its id waits for the first.
func (l *Log) Append(ctx context.Context, r model.Record) (model.LogRecord, error) {
	return l.appendRecord(ctx, r, false)
}

// AppendSoon is Append that returns once the record is safe. It may be in the log a moment later (Options.Journal), and has no place then.
func (l *Log) AppendSoon(ctx context.Context, r model.Record) (model.LogRecord, error) {
	return l.appendRecord(ctx, r, true)
}

func (l *Log) appendRecord(ctx context.Context, r model.Record, soon bool) (model.LogRecord, error) {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	p, err := l.pend(r)
	if err == nil {
		err = p.encode()
	}
	if err != nil {
		return model.LogRecord{}, err
	}
	p.soon = soon
	if err := l.write(ctx, p); err != nil {
		return model.LogRecord{}, err
	}
	return model.LogRecord{Origin: p.origin, Index: p.index, Record: p.record, Event: p.entry}, nil
}

// write returns once a record is on disk. Where it is tried again, it is written once.
func (l *Log) write(ctx context.Context, p *pending) error {
	if first := l.left.take(p); first != nil {
		switch err := l.await(ctx, first); {
		case err == nil:
			*p = *first
			return nil
		case ctx.Err() != nil:
			return err
		}
	}
	p.done = make(chan struct{})
	if err := l.put(ctx, l.urgent, p); err != nil {
		return err
	}
	return l.await(ctx, p)
}

func (l *Log) await(ctx context.Context, p *pending) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		l.left.add(p)
		return unavailable(ctx.Err())
	}
	if p.err != nil {
		return unavailable(p.err)
	}
	return nil
}

// Later queues the record of a read. It waits while the queue is full, up to ctx. Queued records are written in batches, and
// before Close returns. What the record points to is the log's from then on: it is read when its batch is written.
func (l *Log) Later(ctx context.Context, r model.Record) error {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	p, err := l.pend(r)
	if err != nil {
		return err
	}
	return l.put(ctx, l.later, p)
}

func (l *Log) pend(r model.Record) (*pending, error) {
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	if r.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, unavailable(err)
		}
		r.ID = id.String()
	}
	if r.Request != nil { // the caller's own may go on changing
		request := *r.Request
		r.Request = &request
	}
	return &pending{record: r}, nil
}

var errClosed = errors.New("the audit log is closed")

func (l *Log) put(ctx context.Context, queue chan<- *pending, p *pending) error {
	l.sending.RLock()
	defer l.sending.RUnlock()
	if l.closed {
		return unavailable(errClosed)
	}
	select {
	case queue <- p:
		return nil
	case <-l.ending:
		return unavailable(errClosed)
	case <-ctx.Done():
		return unavailable(fmt.Errorf("the queue of records is full: %w", ctx.Err()))
	}
}

// Close writes what is queued, waits for a checkpoint over it and closes the log.
func (l *Log) Close(ctx context.Context) error {
	l.glass.end()
	close(l.ending)
	l.sending.Lock()
	l.closed = true
	l.sending.Unlock()
	close(l.stop)
	var err error
	select {
	case <-l.done:
		err = l.lastError()
		if err == nil {
			err = l.shutdown(ctx)
		}
		if size := l.Size(); err == nil && size > 0 {
			// What an earlier process wrote without a checkpoint gets one too.
			_, err = l.covering(ctx, size-1)
		}
	case <-ctx.Done():
		err = fmt.Errorf("close the audit log: %w", ctx.Err())
	}
	l.release()
	return err
}

func (l *Log) lastError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// Wait returns once the log has more than n entries.
func (l *Log) Wait(ctx context.Context, n uint64) error {
	for {
		l.mu.Lock()
		grown := l.grown
		l.mu.Unlock()
		if l.Size() > n {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unavailable is the error of a record that can't be written.
func unavailable(err error) error {
	var already *model.Error
	if errors.As(err, &already) {
		return err
	}
	return &model.Error{
		Code:    model.CodeAuditUnavailable,
		Message: "the action was not done because its record can't be written to the audit log",
		Remedy: "look at the server's log for the cause, most often a full disk, and try again once it is gone; in an emergency an " +
			"administrator can open the break-glass with `bulkhead audit break-glass`",
		Err: err,
	}
}
