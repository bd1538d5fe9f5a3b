package agent

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// NodeLog is the node's audit log; *audit.Log is one.
type NodeLog interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
	Read(ctx context.Context, from uint64, n int) ([]model.LogRecord, error)
	Size() uint64
	// Wait returns once the log has more than n entries.
	Wait(ctx context.Context, n uint64) error
	Checkpoint(ctx context.Context) (*model.Checkpoint, error)
	Consistency(ctx context.Context, from []uint64, to uint64) ([]model.Consistency, error)
	// Range is the tree over the first size entries of those that a checkpoint over to entries is over.
	Range(ctx context.Context, size, to uint64) (*model.LogRange, error)
}

// Sizes of what is sent of the log.
const (
	mostEntries    = 256
	mostEntryBytes = 1 << 20
	mostProofs     = 16
)

// logSender sends the node's audit log where the server's copy ends.
type logSender struct {
	log    NodeLog
	key    string
	server Server
	slog   *slog.Logger
	raise  func(problem)

	mu      sync.Mutex // one sends
	known   bool       // that next is what the server said
	next    uint64
	kept    []uint64 // sizes of checkpoints that the server keeps
	covered uint64   // size of the newest checkpoint that was sent; nothing behind it was
}

// run sends what is new, as it comes.
func (s *logSender) run(ctx context.Context) error {
	if s.log == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	wait := backoff{least: time.Second, most: 30 * time.Second}
	for ctx.Err() == nil {
		err := s.once(ctx)
		if err == nil {
			wait.reset()
			// What no checkpoint is over yet gets one in a moment.
			if s.behind() {
				if !sleep(ctx, time.Second, nil) {
					break
				}
				continue
			}
			err = s.log.Wait(ctx, s.sent())
			if err == nil {
				continue
			}
		}
		if ctx.Err() != nil {
			break
		}
		d := wait.next()
		s.slog.Warn("the audit log was not sent; trying again", "in", d.Round(time.Millisecond), "error", err)
		if !sleep(ctx, d, nil) {
			break
		}
	}
	return ctx.Err()
}

// rest sends all that there is, also what gets a checkpoint only in a moment.
func (s *logSender) rest(ctx context.Context) error {
	for {
		if err := s.once(ctx); err != nil || s.log == nil || !s.behind() {
			return err
		}
		if !sleep(ctx, 50*time.Millisecond, nil) {
			return ctx.Err()
		}
	}
}

func (s *logSender) sent() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

func (s *logSender) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.covered < max(s.next, s.log.Size())
}

// once sends all that the server lacks.
func (s *logSender) once(ctx context.Context) error {
	if s.log == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		size := s.log.Size()
		if s.known && s.next > size {
			s.raise(problem{
				kind: "node/log-rolled-back", severity: model.High, subject: "audit log",
				en: fmt.Sprintf("The control plane has %d records of this node's audit log, and the log has %d: it was rolled back, or the machine was restored from an old copy.", s.next, size),
				zh: fmt.Sprintf("控制平面存有该节点审计日志的 %d 条记录，而本机日志只有 %d 条：日志被回滚，或机器由旧副本恢复。", s.next, size),
			})
			s.known = false
			return fmt.Errorf("the server has %d records of this node's audit log, and the log has %d", s.next, size)
		}
		r, at, err := s.part(ctx)
		if err != nil {
			return err
		}
		if s.known && len(r.GetEntries()) == 0 && at <= s.covered {
			return nil
		}
		res, err := s.server.SendLog(ctx, r)
		if err != nil {
			s.known = false
			return fmt.Errorf("send the audit log: %w", err)
		}
		if s.known && len(r.GetEntries()) > 0 && res.GetNext() <= r.GetFrom() {
			return fmt.Errorf("the server's copy of the audit log does not grow: it still has %d records", res.GetNext())
		}
		s.known, s.next, s.kept, s.covered = true, res.GetNext(), res.GetKept(), max(s.covered, at)
	}
}

// part is what goes next: entries where the server's copy ends, once that is known, and the newest checkpoint with proofs that it
// continues those that the server keeps. at is the checkpoint's size.
func (s *logSender) part(ctx context.Context) (r *bulkheadv1.SendLogRequest, at uint64, err error) {
	r = &bulkheadv1.SendLogRequest{Key: s.key, From: s.next}
	if !s.known {
		return r, 0, nil // asks how far it is
	}
	if s.log.Size() == 0 {
		return r, 0, nil
	}
	c, err := s.log.Checkpoint(ctx)
	if err != nil || c.Size == 0 {
		s.slog.Debug("there is no checkpoint yet", "error", err)
		return r, 0, nil
	}
	// A checkpoint comes a moment after the entries, and the server takes none that no checkpoint is over.
	if c.Size > s.next {
		records, err := s.log.Read(ctx, s.next, int(min(mostEntries, c.Size-s.next)))
		if err != nil {
			return nil, 0, fmt.Errorf("read the audit log: %w", err)
		}
		size := 0
		for _, e := range records {
			if size += len(e.Event); size > mostEntryBytes && len(r.Entries) > 0 {
				break
			}
			r.Entries = append(r.Entries, e.Event)
		}
	}
	r.Checkpoint = c.Note
	return r, c.Size, s.prove(ctx, r, c.Size)
}

// prove adds what proves that the entries are under the checkpoint of that size, as are those before, and that it continues those that
// the server keeps.
func (s *logSender) prove(ctx context.Context, r *bulkheadv1.SendLogRequest, size uint64) error {
	if r.GetFrom() <= size {
		before, err := s.log.Range(ctx, r.GetFrom(), size)
		if err != nil {
			return err
		}
		r.Before = before.Hashes
	}
	end := r.GetFrom() + uint64(len(r.GetEntries()))
	from := slices.DeleteFunc(slices.Clone(s.kept), func(n uint64) bool { return n == 0 || n == end || n >= size })
	slices.Sort(from)
	from = slices.Compact(from)
	from = append(from[max(0, len(from)-mostProofs+1):], end)
	proofs, err := s.log.Consistency(ctx, from, size)
	if err != nil {
		return err
	}
	for _, p := range proofs {
		r.Proofs = append(r.Proofs, &bulkheadv1.LogConsistency{From: p.From, Path: p.Path})
	}
	return nil
}
