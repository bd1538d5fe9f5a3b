// Package export sends the records of the audit log to receivers: a file of JSON lines, syslog over TLS, a webhook, OTLP.
// It reads from the log itself, so that a slow or dead receiver never holds up a decision; it changes nothing in the log
// but for the record that it passed over some.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Source is the log.
type Source interface {
	Origin() string
	Size() uint64
	Wait(ctx context.Context, n uint64) error
	Read(ctx context.Context, from uint64, n int) ([]model.LogRecord, error)
}

// Recorder is where it is recorded that records were passed over.
type Recorder interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
}

// Receiver takes records. Send returns nil only when the receiver has them.
type Receiver interface {
	Send(ctx context.Context, records []model.LogRecord) error
	Close() error
}

// rewinder is a receiver that can't know whether it has the last records that were sent: after a failure so many are sent
// again.
type rewinder interface{ window() uint64 }

// Stats are counts since the start, and how far the receiver is.
type Stats struct {
	Sent, Skipped, Failures uint64
	Next, Lag               uint64
}

// Options of an exporter.
type Options struct {
	Name     string // of the receiver
	Source   Source
	Recorder Recorder
	Receiver Receiver
	Position string // file that keeps how far the receiver is
	// Spool is how many records the receiver may lag behind before the oldest are passed over. 0 means a million.
	Spool  uint64
	Batch  int // records of one delivery; 0 means 100
	Log    *slog.Logger
	Report func(Stats) // after every delivery or failure; may be nil
}

// Limits and defaults.
const (
	spoolDefault = 1_000_000
	batchDefault = 100
	sendLimit    = 30 * time.Second
	backoffMin   = 250 * time.Millisecond
	backoffMax   = 30 * time.Second
)

// ActionSkipped is the action of the record that says what a receiver did not get.
const ActionSkipped = "AuditExportSkipped"

// Exporter brings one receiver up to date, and keeps it there.
type Exporter struct {
	o     Options
	next  uint64
	stats Stats
	fails int // in a row
}

// New reads how far the receiver is. A new receiver begins with the oldest record that the spool allows.
func New(o Options) (*Exporter, error) {
	if o.Spool == 0 {
		o.Spool = spoolDefault
	}
	if o.Batch <= 0 {
		o.Batch = batchDefault
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Report == nil {
		o.Report = func(Stats) {}
	}
	e := &Exporter{o: o}
	p, err := readPosition(o.Position)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if size := o.Source.Size(); size > o.Spool {
			e.next = size - o.Spool
		}
	case err != nil:
		return nil, fmt.Errorf("the position of receiver %s: %w", o.Name, err)
	case p.Origin != o.Source.Origin():
		return nil, fmt.Errorf("the position of receiver %s in %s is that of the log %s, not of %s; remove the file to begin again", o.Name, o.Position, p.Origin, o.Source.Origin())
	default:
		e.next = p.Next
	}
	return e, nil
}

// Run sends until ctx is over.
func (e *Exporter) Run(ctx context.Context) error {
	wait := backoffMin
	for ctx.Err() == nil {
		err := e.once(ctx)
		if err == nil {
			wait, e.fails = backoffMin, 0
			continue
		}
		if ctx.Err() != nil {
			break
		}
		e.failed(err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, backoffMax)
	}
	return errors.Join(ctx.Err(), e.o.Receiver.Close())
}

func (e *Exporter) failed(err error) {
	if e.fails == 0 {
		e.o.Log.Error("a receiver of audit records does not take them; trying again", "receiver", e.o.Name, "err", err)
		if r, ok := e.o.Receiver.(rewinder); ok {
			e.next -= min(e.next, r.window())
		}
	}
	e.fails++
	e.stats.Failures++
	e.report()
}

func (e *Exporter) report() {
	e.stats.Next = e.next
	e.stats.Lag = 0
	if size := e.o.Source.Size(); size > e.next {
		e.stats.Lag = size - e.next
	}
	e.o.Report(e.stats)
}

func (e *Exporter) once(ctx context.Context) error {
	if err := e.o.Source.Wait(ctx, e.next); err != nil {
		return err
	}
	if err := e.skip(ctx); err != nil {
		return err
	}
	records, err := e.o.Source.Read(ctx, e.next, e.o.Batch)
	if err != nil {
		return err
	}
	sendCtx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := e.o.Receiver.Send(sendCtx, records); err != nil {
		return err
	}
	e.next += uint64(len(records))
	if err := writePosition(e.o.Position, position{e.o.Source.Origin(), e.next}); err != nil {
		return err
	}
	e.stats.Sent += uint64(len(records))
	e.report()
	return nil
}

// skip passes over the oldest records when the receiver lags too far, and a tenth more, so that it does not happen for
// every single one. That is counted and recorded before it is done.
func (e *Exporter) skip(ctx context.Context) error {
	size := e.o.Source.Size()
	if size-e.next <= e.o.Spool {
		return nil
	}
	to := size - e.o.Spool + e.o.Spool/10
	if _, err := e.o.Recorder.Append(ctx, model.Record{
		Tenant: model.SystemTenant, Action: ActionSkipped, Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID},
		Outcome: model.OutcomeFailed, Reason: fmt.Sprintf("the receiver %s lags more than %d records behind; it does not get records %d to %d, which stay in the log", e.o.Name, e.o.Spool, e.next, to-1),
		Changes: map[string]string{"receiver": e.o.Name, "from": fmt.Sprint(e.next), "to": fmt.Sprint(to - 1)},
	}); err != nil {
		return fmt.Errorf("record that records are passed over: %w", err)
	}
	if err := writePosition(e.o.Position, position{e.o.Source.Origin(), to}); err != nil {
		return err
	}
	e.stats.Skipped += to - e.next
	e.next = to
	e.report()
	return nil
}

type position struct {
	Origin string `json:"origin"`
	Next   uint64 `json:"next"`
}

func readPosition(path string) (position, error) {
	var p position
	b, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// writePosition replaces the file, so that a stop leaves the old position or the new one.
func writePosition(path string, p position) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep the position: %w", err)
	}
	return os.Rename(path+".new", path)
}

// line is a record as receivers get it: the OCSF event of the log with its place in metadata.log_name and
// metadata.sequence. Without these two it is the entry that the log proves.
func line(r *model.LogRecord) ([]byte, error) {
	var e map[string]json.RawMessage
	if err := json.Unmarshal(r.Event, &e); err != nil {
		return json.Marshal(map[string]any{"log_name": r.Origin, "sequence": r.Index, "raw_data": r.Event})
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(e["metadata"], &metadata); err != nil || metadata == nil {
		metadata = map[string]json.RawMessage{}
	}
	origin, err := json.Marshal(r.Origin)
	if err != nil {
		return nil, err
	}
	metadata["log_name"], metadata["sequence"] = origin, fmt.Append(nil, r.Index)
	if e["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}
