package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// RecordStore is the index of the audit logs.
type RecordStore interface {
	Records(ctx context.Context, q model.Query) ([]model.LogRecord, string, error)
	Record(ctx context.Context, origin string, index uint64) (*model.LogRecord, error)
	Logs(ctx context.Context) ([]model.LogState, error)
	// LargestCheckpoints are, of each keeper, the one over the most entries.
	LargestCheckpoints(ctx context.Context, origin string) ([]model.Checkpoint, error)
}

// AuditLog is this replica's own log.
type AuditLog interface {
	Origin() string
	ReadAt(ctx context.Context, index uint64) (*model.LogRecord, error)
	Proof(ctx context.Context, index uint64) (path [][]byte, c *model.Checkpoint, err error)
	Consistency(ctx context.Context, from []uint64, to uint64) ([]model.Consistency, error)
	BreakGlass(ctx context.Context, by model.Principal, reason string, d time.Duration) (time.Time, error)
}

// LogVerifier verifies the logs that this replica can read and compares those of others.
type LogVerifier interface {
	VerifyLogs(ctx context.Context) ([]model.LogState, error)
}

// Audit implements AuditService. That reading is recorded is the gate's doing.
type Audit struct {
	Store    RecordStore
	Log      AuditLog
	Verifier LogVerifier
	Now      func() time.Time
}

// keepersOf is of how many logs ListLogs says who keeps checkpoints.
const keepersOf = 100

// recordsAtOnce is how many records an export reads from the store together.
const recordsAtOnce = 200

func (s *Audit) query(ctx context.Context, r *bulkheadv1.SearchRecordsRequest) (model.Query, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"actor", "actor_name", "action", "resource_type", "resource", "outcome", "origin"})
	if err != nil {
		return q, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	if t := r.GetSince(); t != nil {
		q.Since = t.AsTime()
	}
	if t := r.GetUntil(); t != nil {
		q.Until = t.AsTime()
	}
	return q, nil
}

// SearchRecords implements AuditService.
func (s *Audit) SearchRecords(ctx context.Context, r *bulkheadv1.SearchRecordsRequest) (*bulkheadv1.SearchRecordsResponse, error) {
	q, err := s.query(ctx, r)
	if err != nil {
		return nil, err
	}
	records, next, err := s.Store.Records(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.SearchRecordsResponse{NextPage: next}
	for i := range records {
		out.Records = append(out.Records, recordWith(&records[i], r.GetPage().GetReadMask()))
	}
	return out, gate.MaskAll(out.GetRecords(), r.GetPage().GetReadMask())
}

// ExportRecords implements AuditService: oldest first, up to now, all of them or as many as the page's size says.
func (s *Audit) ExportRecords(ctx context.Context, r *bulkheadv1.SearchRecordsRequest, out *connect.ServerStream[bulkheadv1.Record]) error {
	q, err := s.query(ctx, r)
	if err != nil {
		return err
	}
	left := q.Size
	if left == 0 {
		left = -1
	}
	q.Oldest = true
	if q.Until.IsZero() {
		q.Until = s.Now() // reading makes records too
	}
	for {
		if q.Size = recordsAtOnce; left > 0 {
			q.Size = min(left, recordsAtOnce)
		}
		records, next, err := s.Store.Records(ctx, q)
		if err != nil {
			return err
		}
		for i := range records {
			m := recordWith(&records[i], r.GetPage().GetReadMask())
			if err := gate.Mask(m, r.GetPage().GetReadMask()); err != nil {
				return err
			}
			if err := out.Send(m); err != nil {
				return err
			}
		}
		if left > 0 {
			left -= len(records)
		}
		if next == "" || left == 0 {
			return nil
		}
		q.Token = next
	}
}

// GetRecord implements AuditService. Records of other replicas come without a proof: their logs are not here.
func (s *Audit) GetRecord(ctx context.Context, r *bulkheadv1.GetRecordRequest) (*bulkheadv1.RecordProof, error) {
	origin, index, err := recordID(r.GetId())
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Record(ctx, origin, index)
	if err != nil {
		return nil, err
	}
	if origin == s.Log.Origin() {
		// The log is what counts; the index only says where it is.
		if found, err = s.Log.ReadAt(ctx, index); err != nil {
			return nil, err
		}
	}
	if scope := gate.Scope(ctx, ""); scope != "" && scope != found.Record.Tenant {
		return nil, noRecord(r.GetId())
	}
	out := &bulkheadv1.RecordProof{Record: recordOut(found), Entry: found.Event}
	if origin != s.Log.Origin() {
		return out, nil
	}
	path, c, err := s.Log.Proof(ctx, index)
	if err != nil {
		return nil, err
	}
	out.Checkpoint, out.Path = c.Note, path
	if out.Consistency, err = s.continues(ctx, r.GetKeptSize(), c.Size); err != nil {
		return nil, err
	}
	return out, nil
}

// continues proves that the log over to records continues what it was over kept ones.
func (s *Audit) continues(ctx context.Context, kept, to uint64) ([][]byte, error) {
	if kept == 0 || kept >= to {
		return nil, nil
	}
	proofs, err := s.Log.Consistency(ctx, []uint64{kept}, to)
	if err != nil || len(proofs) == 0 {
		return nil, err
	}
	return proofs[0].Path, nil
}

func recordID(id string) (origin string, index uint64, err error) {
	at := strings.LastIndexByte(id, '/')
	if at < 1 {
		return "", 0, noRecord(id)
	}
	index, err = strconv.ParseUint(id[at+1:], 10, 64)
	if err != nil || strconv.FormatUint(index, 10) != id[at+1:] {
		return "", 0, noRecord(id)
	}
	return id[:at], index, nil
}

func noRecord(id string) error {
	return &model.Error{
		Code: model.CodeNotFound, Message: fmt.Sprintf("there is no record %.300q", id), Field: "id",
		Remedy: "A record's id is its log's name, a slash and its place; SearchRecords gives it.",
	}
}

// ListLogs implements AuditService.
func (s *Audit) ListLogs(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.ListLogsResponse, error) {
	logs, err := s.Store.Logs(ctx)
	if err != nil {
		return nil, err
	}
	return s.logsOut(ctx, logs)
}

// VerifyLogs implements AuditService.
func (s *Audit) VerifyLogs(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.ListLogsResponse, error) {
	logs, err := s.Verifier.VerifyLogs(ctx)
	if err != nil {
		return nil, err
	}
	return s.logsOut(ctx, logs)
}

// BreakGlass implements AuditService.
func (s *Audit) BreakGlass(ctx context.Context, r *bulkheadv1.BreakGlassRequest) (*bulkheadv1.BreakGlassResponse, error) {
	until, err := s.Log.BreakGlass(ctx, gate.Caller(ctx), r.GetReason(), time.Duration(r.GetMinutes())*time.Minute)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.BreakGlassResponse{Until: stamp(until)}, nil
}

// recordWith is a record with its entry, where that is asked for by name: it says once more what is in all else.
func recordWith(l *model.LogRecord, mask *fieldmaskpb.FieldMask) *bulkheadv1.Record {
	out := recordOut(l)
	if slices.Contains(mask.GetPaths(), "entry") {
		out.Entry = l.Event
	}
	return out
}

func recordOut(l *model.LogRecord) *bulkheadv1.Record {
	r := &l.Record
	out := &bulkheadv1.Record{
		Id: fmt.Sprintf("%s/%d", l.Origin, l.Index), Origin: l.Origin, Index: l.Index, Time: stamp(r.Time), Actor: r.Actor,
		ActorName: r.ActorName, Tenant: r.Tenant, Action: r.Action, Outcome: string(r.Outcome), Reason: r.Reason,
		PolicyVersion: r.PolicyVersion, PolicySets: r.PolicySets,
	}
	if r.Resource != (model.Ref{}) {
		out.Resource = &bulkheadv1.ObjectRef{Type: r.Resource.Type, Id: r.Resource.ID}
	}
	var event structpb.Struct
	if len(l.Event) > 0 && event.UnmarshalJSON(l.Event) == nil {
		out.Event = &event
	}
	return out
}

func (s *Audit) logsOut(ctx context.Context, logs []model.LogState) (*bulkheadv1.ListLogsResponse, error) {
	out := &bulkheadv1.ListLogsResponse{}
	for i := range logs {
		l := &logs[i]
		m := &bulkheadv1.Log{
			Origin: l.Origin, PublicKey: l.PublicKey, Size: l.Checkpoint.Size, Checkpoint: l.Checkpoint.Note, Time: stamp(l.Checkpoint.Time),
			Problems: l.Problems, Verified: stamp(l.Verified),
		}
		if i < keepersOf {
			kept, err := s.Store.LargestCheckpoints(ctx, l.Origin)
			if err != nil {
				return nil, err
			}
			for _, c := range kept {
				m.Keepers = append(m.Keepers, &bulkheadv1.LogKeeper{Origin: c.Keeper, Size: c.Size, Time: stamp(c.Time)})
			}
		}
		out.Logs = append(out.Logs, m)
	}
	return out, nil
}
