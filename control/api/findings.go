package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// FindingStore keeps findings.
type FindingStore interface {
	Findings(ctx context.Context, q model.Query) ([]model.Finding, string, error)
}

// Findings implements FindingService.
type Findings struct {
	Store      FindingStore
	Exceptions ExceptionStore
	Requests   ExceptionRequestStore
	People     PeopleReader
	Nodes      NodeReader
	Tenants    TenantReader
	Now        func() time.Time
}

// TenantReader finds a tenant.
type TenantReader interface {
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
}

// ListFindings implements FindingService.
func (s *Findings) ListFindings(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListFindingsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"node", "kind", "requirement", "severity", "over", "excepted"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	found, next, err := s.Store.Findings(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListFindingsResponse{NextPage: next}
	for i := range found {
		out.Findings = append(out.Findings, findingOut(&found[i]))
	}
	return out, gate.MaskAll(out.GetFindings(), r.GetPage().GetReadMask())
}

func findingOut(f *model.Finding) *bulkheadv1.Finding {
	return &bulkheadv1.Finding{
		Id: f.ID, Tenant: f.Tenant, Node: f.Node, NodeName: f.NodeName, Kind: f.Kind, Requirement: f.Requirement, Severity: string(f.Severity),
		Subject: f.Subject, Text: f.Text.EN, TextZh: f.Text.ZH, First: stamp(f.First), Last: stamp(f.Last), Over: stamp(f.Over),
		Count: f.Count, Source: f.Source, Exception: f.Exception,
	}
}
