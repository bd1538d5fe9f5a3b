package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type assessmentRow struct {
	bun.BaseModel `bun:"table:assessments,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node"`
	NodeName      string `bun:"node_name"`
	Time          int64  `bun:"time"`
	Published     int64  `bun:"published"`
	Publisher     string `bun:"publisher"`
	Statuses      string `bun:"statuses"`
	Document      []byte `bun:"document"`
}

func (r *assessmentRow) model() (*model.Published, error) {
	statuses, err := value[map[string]model.Status](r.Statuses)
	if len(statuses) == 0 {
		statuses = nil
	}
	return &model.Published{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, NodeName: r.NodeName, Time: at(r.Time), Published: at(r.Published),
		Publisher: r.Publisher, Statuses: statuses, Document: r.Document,
	}, err
}

// assessments are ordered by when the server got them: a node's clock can be wrong.
func assessments() listing {
	return listing{
		name: "assessments", tenant: "tenant", time: "published", newest: true, without: "document",
		fields: map[string]field{
			"id": {"id", isText}, "node": {"node", isText}, "node_name": {"node_name", isText},
			"publisher": {"publisher", isText}, "time": {"time", isTime},
		},
		keys: []field{{"published", isInt}, {"id", isText}},
	}
}

// CreateAssessment keeps an assessment.
func (s *Store) CreateAssessment(ctx context.Context, p *model.Published) error {
	statuses := "{}"
	if len(p.Statuses) > 0 {
		statuses = text(p.Statuses)
	}
	return s.insert(ctx, "assessment", &assessmentRow{
		ID: p.ID, Tenant: p.Tenant, Node: p.Node, NodeName: p.NodeName, Time: us(p.Time), Published: us(p.Published),
		Publisher: p.Publisher, Statuses: statuses, Document: blob(p.Document),
	}, changed(created, "Assessment", p.ID, p.Tenant))
}

// Assessment finds an assessment with its document.
func (s *Store) Assessment(ctx context.Context, id string) (*model.Published, error) {
	return find(ctx, s, "assessment", id, (*assessmentRow).model, "id = ?", id)
}

// Assessments lists assessments without documents, newest first.
func (s *Store) Assessments(ctx context.Context, q model.Query) ([]model.Published, string, error) {
	return listed(ctx, s, assessments(), q, func(r *assessmentRow) []any { return []any{r.Published, r.ID} }, (*assessmentRow).model)
}

// LatestAssessments are the newest of every node, without documents, of a tenant or, where it is empty, of all.
func (s *Store) LatestAssessments(ctx context.Context, tenant string) ([]model.Published, error) {
	var rows []assessmentRow
	q := s.conn(ctx).NewSelect().Model(&rows).ExcludeColumn("document").OrderExpr("tenant, node_name, node").Limit(mostRows).
		Where(`NOT EXISTS (SELECT 1 FROM assessments AS o WHERE o.tenant = t.tenant AND o.node = t.node
			AND (o.published, o.id) > (t.published, t.id))`)
	if tenant != "" {
		q.Where("tenant = ?", tenant)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, s.fail("list assessments", err)
	}
	return convert(rows, (*assessmentRow).model)
}
