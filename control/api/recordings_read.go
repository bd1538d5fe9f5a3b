package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ReadRecording implements RecordingService.
func (s *Recordings) ReadRecording(
	ctx context.Context, r *bulkheadv1.ReadRecordingRequest, out *connect.ServerStream[bulkheadv1.RecordingPiece],
) error {
	x, err := s.take(ctx, r)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := s.Transfers.EndTransfer(ctx, x.ID); err != nil {
			s.Log.WarnContext(ctx, "what is left of a recording's transfer stays until it is over", "error", err)
		}
	}()
	defer s.keep(ctx, x.ID)()
	m, err := s.Nodes.Node(ctx, x.Node)
	if err != nil {
		return err
	}
	said, err := s.sealed(ctx, m, x.Recording)
	if err != nil {
		return err
	}
	sum, n := sha256.New(), int64(0)
	err = s.pieces(ctx, x, func(data []byte) error {
		n += int64(len(data))
		sum.Write(data)
		return out.Send(&bulkheadv1.RecordingPiece{Data: data})
	})
	if err != nil {
		return err
	}
	return s.compare(ctx, m, said, sum, n)
}

// take gives a transfer to whoever requested it, once.
func (s *Recordings) take(ctx context.Context, r *bulkheadv1.ReadRecordingRequest) (*model.Transfer, error) {
	none := &model.Error{
		Code: model.CodeNotFound, Message: "there is no such transfer of yours, or it is over", Field: "transfer", Remedy: "Request the recording again.",
	}
	var got model.Transfer
	err := s.Transfers.ChangeTransfer(ctx, r.GetTransfer(), func(x *model.Transfer) error {
		if x.User != gate.Caller(ctx).ID || x.Node != r.GetNode() || x.Reading || !x.Expires.After(s.Now()) {
			return none
		}
		x.Reading, x.Until = true, s.Now().Add(orDefault(s.Life, transferLife))
		s.lasts(x)
		got = *x
		return nil
	})
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, none
	}
	return &got, err
}

// lasts has a transfer go on for a while.
func (s *Recordings) lasts(x *model.Transfer) {
	x.Expires = s.Now().Add(orDefault(s.Unread, transferUnread))
	if x.Expires.After(x.Until) {
		x.Expires = x.Until
	}
}

// keep says that somebody reads a transfer, until what it gives is called. If this replica dies, nobody says so: then the node stops sending,
// and its place is free.
func (s *Recordings) keep(ctx context.Context, id string) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(orDefault(s.Unread, transferUnread) / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := s.Transfers.ChangeTransfer(ctx, id, func(x *model.Transfer) error { s.lasts(x); return nil })
			if err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "that a recording is still read could not be said", "error", err)
			}
		}
	}()
	return func() { cancel(); <-over }
}

// pieces gives the parts of a transfer as they come.
func (s *Recordings) pieces(ctx context.Context, x *model.Transfer, give func([]byte) error) error {
	patience := time.NewTimer(orDefault(s.Patience, transferPatience))
	defer patience.Stop()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for part := 0; ; {
		data, err := s.Transfers.TakePart(ctx, x.ID, part)
		if err == nil {
			if err := give(data); err != nil {
				return err
			}
			part++
			patience.Reset(orDefault(s.Patience, transferPatience))
			continue
		}
		if model.CodeOf(err) != model.CodeNotFound {
			return err
		}
		if done, err := s.ended(ctx, x.ID, part); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return noAnswer(part)
		case <-poll.C:
		}
	}
}

// ended says whether all parts before one are all that there are.
func (s *Recordings) ended(ctx context.Context, id string, part int) (bool, error) {
	x, err := s.Transfers.Transfer(ctx, id)
	switch {
	case err != nil:
		return false, err
	case x.Failed != "":
		return false, &model.Error{
			Code: model.CodeUnavailable, Message: "the recording does not come: " + x.Failed,
			Remedy: "Recordings are removed by age and size (guard.sessions.keep, most_total); their records stay.",
		}
	case !x.Expires.After(s.Now()):
		return false, &model.Error{Code: model.CodeExpired, Message: "the recording took too long to come", Remedy: "Request it again, or copy the file from its host."}
	}
	return x.Done && part >= x.Next, nil
}

func noAnswer(part int) error {
	message := "the node does not answer: it is not connected, or its agent is busy"
	if part > 0 {
		message = "the node stopped sending in the middle of the recording"
	}
	return &model.Error{Code: model.CodeUnavailable, Message: message, Remedy: "Try again when it is connected: `bulkhead nodes list` shows it."}
}

// compare holds what came to what the audit log says. What does not match was changed after it was sealed, or something else was sent:
// whoever reads it is told, and so are those who watch over the fleet.
func (s *Recordings) compare(ctx context.Context, m *model.Member, said *bulkheadv1.SessionRecording, sum hash.Hash, n int64) error {
	digest := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	if digest == said.GetDigest() {
		return nil
	}
	text := model.Text{
		EN: fmt.Sprintf("a recording of it is not what was recorded: %s came with %d bytes and %s; record %s says %d bytes and %s", said.GetId(), n, digest, said.GetRecord(), said.GetBytes(), said.GetDigest()),
		ZH: fmt.Sprintf("其会话录制与记录不符：%s 收到 %d 字节，摘要 %s；审计记录 %s 为 %d 字节，摘要 %s", said.GetId(), n, digest, said.GetRecord(), said.GetBytes(), said.GetDigest()),
	}
	err := s.Fleet.Event(ctx, model.Event{
		Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: model.EventFinding, Severity: string(model.High), Requirement: "8.1.c",
		Before: said.GetDigest(), After: digest, Text: text,
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "a recording that was changed could not be told of", "node", m.ID, "recording", said.GetId(), "error", err)
	}
	return &model.Error{
		Code: model.CodeConflict, Message: fmt.Sprintf("this is not what was recorded: it has %s, and record %s says %s", digest, said.GetRecord(), said.GetDigest()),
		Remedy: "The file was changed on its host after it was sealed, or the host sent another. Look at the machine; what was read proves nothing.",
	}
}

// recordingID says whether an id is one that a guard gives. A node may write anything; what else it writes gets into no address, no name of a
// file and no command that somebody copies.
func recordingID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// recordingOut is what a record says of a recording; nil where it is none of a node's.
func recordingOut(l *model.LogRecord) *bulkheadv1.SessionRecording {
	node, ok := strings.CutPrefix(l.Origin, model.NodeLogs)
	r := &l.Record
	if !ok || r.Action != recordedAction || r.Resource.Type != recordedResource || r.Changes["digest"] == "" || !recordingID(r.Resource.ID) {
		return nil
	}
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.Changes[name], 10, 64)
		if err != nil || n < 0 {
			return 0 // a node may say anything; the digest counts
		}
		return n
	}
	out := &bulkheadv1.SessionRecording{
		Id: r.Resource.ID, Node: node, Tenant: r.Tenant, Kind: r.Changes["kind"], Account: r.Actor, AccountName: r.ActorName, Address: r.Address,
		Container: r.Changes["container"], ContainerName: r.Changes["container_name"], Image: r.Changes["image"], Exec: r.Changes["exec"],
		Command: r.Changes["command"], End: stamp(r.Time), Outcome: r.Changes["outcome"], Why: r.Reason, Bytes: number("bytes"), Lost: number("lost"),
		Digest: r.Changes["digest"], Record: fmt.Sprintf("%s/%d", l.Origin, l.Index), Decision: r.Of, Terminal: r.Changes["terminal"] == "true",
		Input: r.Changes["input"] == "true", File: r.Changes["file"],
	}
	if t, err := time.Parse(time.RFC3339, r.Changes["start"]); err == nil {
		out.Start = stamp(t)
	}
	if t, err := time.Parse(time.RFC3339, r.Changes["end"]); err == nil {
		out.End = stamp(t)
	}
	return out
}
