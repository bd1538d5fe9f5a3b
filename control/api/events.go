package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// EventStore keeps what happened to nodes.
type EventStore interface {
	Events(ctx context.Context, q model.Query) ([]model.Event, string, error)
}

// ListEvents implements NodeService.
func (s *Nodes) ListEvents(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListEventsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "node", "kind", "requirement", "severity", "time"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	events, next, err := s.Events.Events(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListEventsResponse{NextPage: next}
	for i := range events {
		out.Events = append(out.Events, eventOut(&events[i]))
	}
	return out, gate.MaskAll(out.GetEvents(), r.GetPage().GetReadMask())
}

func eventOut(e *model.Event) *bulkheadv1.Event {
	return &bulkheadv1.Event{
		Id: e.ID, Tenant: e.Tenant, Node: e.Node, NodeName: e.NodeName, Time: stamp(e.Time), Kind: e.Kind, Severity: e.Severity,
		Requirement: e.Requirement, Before: e.Before, After: e.After, Text: e.Text.EN, TextZh: e.Text.ZH,
	}
}
