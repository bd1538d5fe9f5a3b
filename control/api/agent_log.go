package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// NodeLogStore has the copies of the nodes' audit logs: the same index, and the same published checkpoints, as of the replicas'
// logs, so that the replicas' keepers compare and keep them like each other's.
type NodeLogStore interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
	SetLogKey(ctx context.Context, id, key string) error
	RegisterLog(ctx context.Context, origin, publicKey string) error
	IndexedUpTo(ctx context.Context, origin string) (uint64, error)
	IndexRecords(ctx context.Context, records []model.LogRecord) error
	// LockNodeLog gives what PublishNodeLog was given last of what is in the index, and keeps others from it in the transaction.
	LockNodeLog(ctx context.Context, origin string) (*model.LogRange, error)
	PublishNodeLog(ctx context.Context, c *model.Checkpoint, proofs []model.Consistency, over *model.LogRange) error
	// LargestCheckpoints are, of each keeper, the one over the most entries; Checkpoints are the newest ones.
	LargestCheckpoints(ctx context.Context, origin string) ([]model.Checkpoint, error)
	Checkpoints(ctx context.Context, origin string, limit int) ([]model.Checkpoint, error)
}

// NodeLogReader reads what stands in a log.
type NodeLogReader struct {
	// Decode reads an entry.
	Decode func(entry []byte) (*model.Record, error)
	// Checkpoint reads a signed checkpoint and verifies it with a key whose name is the log's origin.
	Checkpoint func(raw []byte, verifierKey string) (*model.Checkpoint, error)
	// Extend is the tree over some entries and those that come next.
	Extend func(r *model.LogRange, entries [][]byte) (*model.LogRange, error)
	// Covers fails unless a checkpoint is over what a tree is over.
	Covers func(c *model.Checkpoint, r *model.LogRange, path [][]byte) error
}

func (r *NodeLogReader) whole() bool {
	return r.Decode != nil && r.Checkpoint != nil && r.Extend != nil && r.Covers != nil
}

// mostProofs is how many proofs a request has; see SendLogRequest.proofs.
const mostProofs = 16

// NodeLogOrigin is the name of a node's audit log.
func NodeLogOrigin(node string) string { return model.NodeLogs + node }

// SendLog implements AgentService. Whatever is not as a node's own log would say it is refused, recorded and told.
func (s *Agents) SendLog(ctx context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error) {
	m := gate.Node(ctx)
	l := &nodeLog{origin: NodeLogOrigin(m.ID), request: r}
	if err := s.readLog(ctx, m, l); err != nil {
		s.tellLog(ctx, m, err)
		return nil, err
	}
	if err := s.o.Logs.InTx(ctx, func(ctx context.Context) error { return s.keepLog(ctx, m, l) }); err != nil {
		switch model.CodeOf(err) {
		case model.CodeConflict:
			return nil, s.otherKey(ctx, m)
		case model.CodeDenied:
			s.tellLog(ctx, m, err)
		}
		return nil, err
	}
	kept, err := s.keptSizes(ctx, l.origin)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.SendLogResponse{Next: l.next, Kept: kept}, nil
}

func (s *Agents) tellLog(ctx context.Context, m *model.Member, err error) {
	s.tell(ctx, m, trouble{
		kind: model.EventFinding, severity: string(model.High), of: "log", record: ofNode(ctx, m, "NodeReport", messageOf(err)),
		text: model.Text{EN: "what it sent as its audit log was refused: " + messageOf(err), ZH: "该节点发送的审计日志被拒绝：" + messageOf(err)},
	})
}

// nodeLog is a part of a node's log that came in.
type nodeLog struct {
	origin     string
	request    *bulkheadv1.SendLogRequest
	checkpoint *model.Checkpoint // nil for none
	proofs     []model.Consistency
	records    []model.LogRecord
	next       uint64
}

// readLog judges all of a request before anything of it is taken.
func (s *Agents) readLog(ctx context.Context, m *model.Member, l *nodeLog) error {
	r := l.request
	v, err := note.NewVerifier(r.GetKey())
	switch {
	case err != nil:
		return invalid("key", "this is no verifier key of signed notes")
	case v.Name() != l.origin:
		return denied("key", "the key is that of another log; this node's is "+l.origin)
	case m.LogKey != "" && m.LogKey != r.GetKey():
		return denied("key", "the node's audit log has another key")
	}
	if r.GetCheckpoint() != "" {
		c, err := s.o.Reader.Checkpoint([]byte(r.GetCheckpoint()), r.GetKey())
		if err != nil {
			return &model.Error{Code: model.CodeDenied, Message: "checkpoint: it is not signed by " + l.origin, Field: "checkpoint", Err: err}
		}
		if c.Origin != l.origin {
			return denied("checkpoint", "it is of another log; this node's is "+l.origin)
		}
		c.Time, c.Keeper = s.o.Now(), l.origin
		l.checkpoint = c
	}
	if err := l.readProofs(); err != nil {
		return err
	}
	n := uint64(len(r.GetEntries()))
	switch {
	case n == 0:
		return nil
	case l.checkpoint == nil || l.checkpoint.Size < n || l.checkpoint.Size-n < r.GetFrom():
		return invalid("checkpoint", "the entries are not among those that it is over")
	}
	for i, entry := range r.GetEntries() {
		rec, err := s.o.Reader.Decode(entry)
		if err != nil {
			return &model.Error{Code: model.CodeInvalid, Message: "entries: one is no entry of an audit log", Field: "entries", Err: err}
		}
		if rec.Tenant != m.Tenant {
			return denied("entries", "a record concerns another tenant than the node's")
		}
		l.records = append(l.records, model.LogRecord{Origin: l.origin, Index: r.GetFrom() + uint64(i), Record: *rec, Event: entry})
	}
	return ctx.Err()
}

func (l *nodeLog) readProofs() error {
	for _, p := range l.request.GetProofs() {
		for _, h := range p.GetPath() {
			if len(h) != sha256.Size {
				return invalid("proofs", "a hash has not 32 bytes")
			}
		}
		l.proofs = append(l.proofs, model.Consistency{From: p.GetFrom(), Path: p.GetPath()})
	}
	return nil
}

func denied(field, text string) error {
	return &model.Error{
		Code: model.CodeDenied, Message: field + ": " + text, Field: field,
		Remedy: "A node sends its own audit log and nothing else. If its data directory was lost, join it anew by a token that replaces the node.",
	}
}

// keepLog continues the copy where it ends. What is there already is passed over, and what comes after a gap is not taken: the
// answer says what is next.
func (s *Agents) keepLog(ctx context.Context, m *model.Member, l *nodeLog) error {
	if m.LogKey == "" {
		if err := s.o.Logs.SetLogKey(ctx, m.ID, l.request.GetKey()); err != nil {
			return err
		}
	}
	if err := s.o.Logs.RegisterLog(ctx, l.origin, l.request.GetKey()); err != nil {
		return err
	}
	have, err := s.o.Logs.LockNodeLog(ctx, l.origin)
	if err != nil {
		return err
	}
	next, err := s.o.Logs.IndexedUpTo(ctx, l.origin)
	if err != nil {
		return err
	}
	l.next = next
	from := l.request.GetFrom()
	end := from + uint64(len(l.records))
	switch {
	case from > next || l.checkpoint == nil:
		return nil
	case l.checkpoint.Size < next:
		// It goes back: whether that may be is for the keepers to see.
		return s.o.Logs.PublishNodeLog(ctx, l.checkpoint, l.proofs, have)
	case end < next:
		return nil // sent before
	}
	if have != nil && have.Size != next {
		have = nil // another version of this program went on
	}
	over, err := s.covered(l, have, next)
	if err != nil {
		return &model.Error{
			Code: model.CodeDenied, Message: "entries: they are not under the checkpoint that came with them, as the copy's others are", Field: "entries", Err: err,
			Remedy: "A node's log only grows. If its data directory was lost or brought back from an old copy, join it anew by a token that replaces the node.",
		}
	}
	if fresh := l.records[next-from:]; len(fresh) > 0 {
		if err := s.o.Logs.IndexRecords(ctx, fresh); err != nil {
			return err
		}
		l.next = end
	}
	return s.o.Logs.PublishNodeLog(ctx, l.checkpoint, l.proofs, over)
}

// covered proves that what is in the index, to which have belongs if it is known, and the entries that came are the first ones under
// the checkpoint that came. It gives the tree over them.
func (s *Agents) covered(l *nodeLog, have *model.LogRange, next uint64) (*model.LogRange, error) {
	from, entries := l.request.GetFrom(), l.request.GetEntries()
	over, err := s.o.Reader.Extend(&model.LogRange{Size: from, Hashes: l.request.GetBefore()}, entries[:next-from])
	if err != nil {
		return nil, err
	}
	if have != nil && !slices.EqualFunc(have.Hashes, over.Hashes, bytes.Equal) {
		return nil, fmt.Errorf("the first %d entries are others than those that came before", next)
	}
	if over, err = s.o.Reader.Extend(over, entries[next-from:]); err != nil {
		return nil, err
	}
	var path [][]byte
	if i := slices.IndexFunc(l.proofs, func(p model.Consistency) bool { return p.From == over.Size }); i >= 0 {
		path = l.proofs[i].Path
	}
	return over, s.o.Reader.Covers(l.checkpoint, over, path)
}

func (s *Agents) otherKey(ctx context.Context, m *model.Member) error {
	err := denied("key", "the node's audit log has another key")
	s.tell(ctx, m, trouble{
		kind: model.EventFinding, severity: string(model.High), of: "log", record: ofNode(ctx, m, "NodeReport", messageOf(err)),
		text: model.Text{EN: "it sent an audit log with another key than the one it began with", ZH: "该节点发送的审计日志使用了与最初不同的密钥"},
	})
	return err
}

// keptSizes are those from which keepers need a proof, and then the newest ones, up to as many as a request has proofs.
func (s *Agents) keptSizes(ctx context.Context, origin string) ([]uint64, error) {
	largest, err := s.o.Logs.LargestCheckpoints(ctx, origin)
	newest, nerr := s.o.Logs.Checkpoints(ctx, origin, mostProofs)
	if err := errors.Join(err, nerr); err != nil {
		return nil, err
	}
	var sizes []uint64
	for _, c := range append(largest, newest...) {
		if c.Size > 0 && !slices.Contains(sizes, c.Size) && len(sizes) < mostProofs {
			sizes = append(sizes, c.Size)
		}
	}
	slices.Sort(sizes)
	return sizes, nil
}
