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
	Finding(ctx context.Context, node, id string) (*model.Finding, error)
	FindingNotes(ctx context.Context, node, id string, q model.Query) ([]model.FindingNote, string, error)
	TriageFindings(ctx context.Context, refs []model.FindingRef, tri *model.Triage) ([]model.Finding, error)
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
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"node", "kind", "requirement", "severity", "subject", "over", "excepted", "state", "owner", "owner_name"})
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

// GetFinding implements FindingService.
func (s *Findings) GetFinding(ctx context.Context, r *bulkheadv1.GetFindingRequest) (*bulkheadv1.Finding, error) {
	f, err := s.Store.Finding(ctx, r.GetNode(), r.GetId())
	if err != nil {
		return nil, err
	}
	return findingOut(f), nil
}

func findingOut(f *model.Finding) *bulkheadv1.Finding {
	out := &bulkheadv1.Finding{
		Id: f.ID, Tenant: f.Tenant, Node: f.Node, NodeName: f.NodeName, Kind: f.Kind, Requirement: f.Requirement, Severity: string(f.Severity),
		Subject: f.Subject, Text: f.Text.EN, TextZh: f.Text.ZH, First: stamp(f.First), Last: stamp(f.Last), Over: stamp(f.Over),
		Count: f.Count, Source: f.Source, Exception: f.Exception, State: string(f.State), Triaged: stamp(f.Triaged), Comment: f.Comment,
		Comments: f.Comments, Version: f.Version,
	}
	if f.Owner != (model.FindingOwner{}) {
		out.Owner = &bulkheadv1.FindingOwner{User: f.Owner.User, Name: f.Owner.Name}
	}
	return out
}
