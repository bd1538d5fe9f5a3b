package api

import (
	"bytes"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// AssessmentStore keeps assessments.
type AssessmentStore interface {
	CreateAssessment(ctx context.Context, p *model.Published) error
	Assessment(ctx context.Context, id string) (*model.Published, error)
	Assessments(ctx context.Context, q model.Query) ([]model.Published, string, error)
	LatestAssessments(ctx context.Context, tenant string) ([]model.Published, error)
}

// Assessments implements AssessmentService.
type Assessments struct {
	Store     AssessmentStore
	Events    EventStore
	Catalogue *catalogue.Catalogue
	Now       func() time.Time
}

const (
	maxClock = 5 * time.Minute // that a node's clock may be ahead
	maxNode  = 253
)

// PublishAssessment implements AssessmentService.
func (s *Assessments) PublishAssessment(ctx context.Context, r *bulkheadv1.PublishAssessmentRequest) (*bulkheadv1.Assessment, error) {
	doc, err := protojson.Marshal(r.GetDocument())
	if err != nil {
		return nil, invalid("document", "it is no JSON object")
	}
	a, err := report.ReadAssessment(bytes.NewReader(doc))
	if err != nil {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: "document: " + short(err), Field: "document",
			Remedy: "Send what `bulkhead assess --format json` writes; docs/schema/assessment.v1.schema.json says what that is.",
		}
	}
	statuses, err := s.check(gate.Caller(ctx), a)
	if err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	p := &model.Published{
		ID: id, Tenant: gate.TenantOf(ctx, r.GetTenant()), Node: a.Node.ID, NodeName: a.Node.Name, Time: a.Time, Published: s.Now(),
		Publisher: gate.Caller(ctx).ID, Statuses: statuses, Document: doc,
	}
	if err := s.Store.CreateAssessment(ctx, p); err != nil {
		return nil, err
	}
	return assessmentOut(p), nil
}

// check holds the document to what its schema can't say, and gives the status of each requirement.
func (s *Assessments) check(p model.Principal, a *model.Assessment) (map[string]model.Status, error) {
	switch {
	case a.Node.ID == "" || len(a.Node.ID) > maxNode || len(a.Node.Name) > maxNode:
		return nil, invalid("document.node", "id and name of the node must be there and not longer than 253 bytes")
	case !mayPublish(p, a.Node.ID):
		return nil, &model.Error{
			Code: model.CodeDenied, Message: "you may publish what was found on your own hosts, and this node is none of them", Field: "document.node.id",
			Remedy: "Have an owner or administrator add the node's id to the hosts of your account, or of a group that you are in.",
		}
	case a.Time.IsZero() || a.Time.After(s.Now().Add(maxClock)):
		return nil, invalid("document.time", "it must be when the facts were taken, and not in the future")
	case len(a.Requirements) == 0:
		return nil, invalid("document.requirements", "there are none")
	}
	statuses := map[string]model.Status{}
	for i := range a.Requirements {
		r := &a.Requirements[i]
		if _, ok := s.Catalogue.Requirement(r.ID); !ok {
			return nil, invalid("document.requirements", "there is a requirement that X.1643 does not have")
		}
		if _, twice := statuses[r.ID]; twice {
			return nil, invalid("document.requirements", r.ID+" is there twice")
		}
		statuses[r.ID] = r.Status
	}
	return statuses, nil
}

// mayPublish says whether the caller may speak for a node: what is published last is what counts for it. Administrators and
// owners answer for all nodes of the tenant, others for the hosts of their account.
func mayPublish(p model.Principal, node string) bool {
	if p.Type == "Node" {
		return p.ID == node
	}
	return administrates(p) || owns(p, p.Tenant) || slices.Contains(p.Hosts, node)
}

// short keeps an error's text printable on one line.
func short(err error) string {
	const most = 200
	text := []rune(err.Error())
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return string(text)
}

// GetAssessment implements AssessmentService.
func (s *Assessments) GetAssessment(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Assessment, error) {
	p, err := s.Store.Assessment(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	out := assessmentOut(p)
	out.Document = &structpb.Struct{}
	if err := protojson.Unmarshal(p.Document, out.GetDocument()); err != nil {
		return nil, &model.Error{Code: model.CodeInternal, Message: "the stored assessment can't be read", Err: err}
	}
	return out, nil
}

// ListAssessments implements AssessmentService.
func (s *Assessments) ListAssessments(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListAssessmentsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "node"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Store.Assessments(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListAssessmentsResponse{NextPage: next}
	for i := range list {
		out.Assessments = append(out.Assessments, assessmentOut(&list[i]))
	}
	return out, gate.MaskAll(out.GetAssessments(), r.GetPage().GetReadMask())
}

func assessmentOut(p *model.Published) *bulkheadv1.Assessment {
	out := &bulkheadv1.Assessment{
		Id: p.ID, Tenant: p.Tenant, Node: p.Node, NodeName: p.NodeName, Time: stamp(p.Time), Published: stamp(p.Published),
		Publisher: p.Publisher, Statuses: map[string]string{},
	}
	for id, status := range p.Statuses {
		out.Statuses[id] = string(status)
	}
	return out
}
