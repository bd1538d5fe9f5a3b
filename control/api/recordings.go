package api

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// RecordedStore has the records of recordings.
type RecordedStore interface {
	Records(ctx context.Context, q model.Query) ([]model.LogRecord, string, error)
}

// TransferStore has recordings on their way.
type TransferStore interface {
	CreateTransfer(ctx context.Context, x *model.Transfer, ofTenant, ofAll int) error
	Transfer(ctx context.Context, id string) (*model.Transfer, error)
	ChangeTransfer(ctx context.Context, id string, f func(*model.Transfer) error) error
	TakePart(ctx context.Context, id string, part int) ([]byte, error)
	EndTransfer(ctx context.Context, id string) error
}

// RecordingTeller tells people what is out of the ordinary.
type RecordingTeller interface {
	Event(ctx context.Context, e model.Event) error
}

// Recordings implements RecordingService. What is known of recordings is what the nodes' audit logs say: they prove it, and they are here
// when the node is away. The recordings themselves stay on the nodes until somebody asks for one.
type Recordings struct {
	Records   RecordedStore
	Nodes     NodeReader
	Transfers TransferStore
	Fleet     RecordingTeller
	Log       *slog.Logger
	Now       func() time.Time
	// Patience is how long a node has to begin; 20 s where unset. Unread is how long a transfer waits for somebody who reads it, 1 min, at the
	// start and whenever it is not said to go on, and Life how long it lasts from when it is read, 10 min.
	Patience, Unread, Life time.Duration
}

// The records of recordings, as guard/sessions writes them.
const (
	recordedAction   = "SessionRecorded"
	recordedResource = "Recording"
)

// Limits of recordings.
const (
	mostRecording    = 64 << 20 // bytes of one that comes here
	transfersAtOnce  = 4        // of a tenant
	transfersInAll   = 16
	transferUnread   = time.Minute // so that nobody takes all places by asking alone
	transferLife     = 10 * time.Minute
	transferPatience = 20 * time.Second
	mostLooks        = 20 // pages of records that are looked through for one of recordings
	mostSaying       = 100
)

// ListRecordings implements RecordingService.
func (s *Recordings) ListRecordings(ctx context.Context, r *bulkheadv1.ListRecordingsRequest) (*bulkheadv1.ListRecordingsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	q.Where = append(q.Where, model.Condition{Field: "action", Op: "=", Value: recordedAction}, model.Condition{Field: "resource_type", Op: "=", Value: recordedResource})
	if r.GetNode() != "" {
		q.Where = append(q.Where, model.Condition{Field: "origin", Op: "=", Value: NodeLogOrigin(r.GetNode())})
	}
	if t := r.GetSince(); t != nil {
		q.Since = t.AsTime()
	}
	if t := r.GetUntil(); t != nil {
		q.Until = t.AsTime()
	}
	out := &bulkheadv1.ListRecordingsResponse{}
	for range mostLooks {
		found, next, err := s.Records.Records(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if x := recordingOut(&found[i]); x != nil && picked(x, r) {
				out.Recordings = append(out.Recordings, x)
			}
		}
		out.NextPage, q.Token = next, next
		if next == "" || len(out.GetRecordings()) > 0 {
			break
		}
	}
	if err := s.name(ctx, out.GetRecordings()); err != nil {
		return nil, err
	}
	return out, gate.MaskAll(out.GetRecordings(), r.GetPage().GetReadMask())
}

// picked says whether a recording is one of those that are asked for.
func picked(x *bulkheadv1.SessionRecording, r *bulkheadv1.ListRecordingsRequest) bool {
	account, container := r.GetAccount(), r.GetContainer()
	return (account == "" || x.GetAccount() == account || x.GetAccountName() == account) &&
		(container == "" || x.GetContainerName() == container || strings.HasPrefix(x.GetContainer(), container)) &&
		strings.HasPrefix(x.GetId(), r.GetId())
}

// name puts the names of nodes beside their ids.
func (s *Recordings) name(ctx context.Context, all []*bulkheadv1.SessionRecording) error {
	names := map[string]string{}
	for _, x := range all {
		name, ok := names[x.GetNode()]
		if !ok {
			m, err := s.Nodes.Node(ctx, x.GetNode())
			switch {
			case err == nil && m.Tenant == x.GetTenant():
				name = m.Name
			case err != nil && model.CodeOf(err) != model.CodeNotFound:
				return err
			}
			names[x.GetNode()] = name
		}
		x.NodeName = name
	}
	return nil
}

// RequestRecording implements RecordingService.
func (s *Recordings) RequestRecording(ctx context.Context, r *bulkheadv1.RequestRecordingRequest) (*bulkheadv1.RecordingTransfer, error) {
	m, err := s.Nodes.Node(ctx, r.GetNode())
	if err != nil {
		return nil, err
	}
	x, err := s.sealed(ctx, m, r.GetId())
	if err != nil {
		return nil, err
	}
	x.NodeName = m.Name
	if x.GetBytes() > mostRecording {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: fmt.Sprintf("the recording has %d bytes; the control plane carries at most %d", x.GetBytes(), mostRecording), Field: "id",
			Remedy: "Replay it on its host, or copy the file from there: `bulkhead guard sessions replay`.",
		}
	}
	if !m.Revoked.IsZero() {
		return nil, &model.Error{
			Code: model.CodeConflict, Message: "the node was revoked, so nothing comes from it", Field: "node", Remedy: "Copy the file from the machine; `bulkhead guard sessions replay` takes it.",
		}
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	by, now := gate.Caller(ctx), s.Now()
	t := &model.Transfer{
		ID: id, Tenant: m.Tenant, Node: m.ID, User: by.ID, UserName: by.Name, Recording: x.GetId(), Bytes: x.GetBytes(), Created: now,
	}
	t.Expires = now.Add(orDefault(s.Unread, transferUnread))
	t.Until = t.Expires.Add(orDefault(s.Life, transferLife))
	if err := s.Transfers.CreateTransfer(ctx, t, transfersAtOnce, transfersInAll); err != nil {
		return nil, err
	}
	return &bulkheadv1.RecordingTransfer{Id: id, Recording: x, Expires: stamp(t.Expires)}, nil
}

// sealed is what the node's log says of a recording. All its records must say the same: a later one does not replace the first.
func (s *Recordings) sealed(ctx context.Context, m *model.Member, id string) (*bulkheadv1.SessionRecording, error) {
	found, _, err := s.Records.Records(ctx, model.Query{Tenant: m.Tenant, Size: mostSaying, Oldest: true, Where: []model.Condition{
		{Field: "resource", Op: "=", Value: id},
		{Field: "resource_type", Op: "=", Value: recordedResource},
		{Field: "action", Op: "=", Value: recordedAction},
		{Field: "origin", Op: "=", Value: NodeLogOrigin(m.ID)},
	}})
	if err != nil {
		return nil, err
	}
	var first *bulkheadv1.SessionRecording
	for i := range found {
		x := recordingOut(&found[i])
		switch {
		case x == nil:
		case first == nil:
			first = x
		case x.GetDigest() != first.GetDigest():
			return nil, &model.Error{
				Code: model.CodeConflict, Field: "id",
				Message: fmt.Sprintf("the audit log has two digests of it: record %s says %s, record %s says %s", first.GetRecord(), first.GetDigest(), x.GetRecord(), x.GetDigest()),
				Remedy:  "Somebody had the node's log say more than its guard did. Look at both records, and at the machine.",
			}
		}
	}
	if first == nil {
		return nil, &model.Error{
			Code: model.CodeNotFound, Message: "the node's audit log has no such recording", Field: "id",
			Remedy: "A recording is there when it has ended and the node's log has come here; until then it is replayed on its host.",
		}
	}
	return first, nil
}
