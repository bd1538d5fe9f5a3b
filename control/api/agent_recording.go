package api

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// PartStore takes parts of recordings that were asked for.
type PartStore interface {
	Transfer(ctx context.Context, id string) (*model.Transfer, error)
	FailTransfer(ctx context.Context, id, why string) error
	AddPart(ctx context.Context, id string, part int, data []byte, last bool, waiting int) (next int, err error)
}

const (
	partBytes = 256 << 10 // as in SendRecordingRequest.data
	// mostWaiting is how many parts of a transfer wait in the store to be read: a node sends no faster than it is read.
	mostWaiting = 16
)

// SendRecording implements AgentService. What nobody asked this node for is taken from it by nobody.
func (s *Agents) SendRecording(ctx context.Context, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error) {
	m := gate.Node(ctx)
	stop := &bulkheadv1.SendRecordingResponse{Stop: true}
	x, err := s.o.Transfers.Transfer(ctx, r.GetTransfer())
	if model.CodeOf(err) == model.CodeNotFound {
		return stop, nil // whoever asked has left
	}
	if err != nil {
		return nil, err
	}
	switch {
	case x.Node != m.ID || x.Tenant != m.Tenant:
		return stop, nil // no other than one that is not
	case !x.Expires.After(s.o.Now()) || x.Done && int(r.GetPart()) >= x.Next:
		return stop, nil
	case r.GetError() != "":
		return stop, s.o.Transfers.FailTransfer(ctx, x.ID, "the node says: "+r.GetError())
	case int64(r.GetPart())*partBytes+int64(len(r.GetData())) > x.Bytes+partBytes:
		return stop, s.o.Transfers.FailTransfer(ctx, x.ID, fmt.Sprintf("the node sends more than the %d bytes that its audit log says", x.Bytes))
	case !r.GetLast() && len(r.GetData()) != partBytes:
		return nil, invalid("data", fmt.Sprintf("a part that is not the last has %d bytes", partBytes))
	}
	next, err := s.o.Transfers.AddPart(ctx, x.ID, int(r.GetPart()), r.GetData(), r.GetLast(), mostWaiting)
	if model.CodeOf(err) == model.CodeNotFound {
		return stop, nil
	}
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.SendRecordingResponse{Next: int32(next)}, nil
}
