package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type findingRow struct {
	bun.BaseModel `bun:"table:findings,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node,pk"`
	NodeName      string `bun:"node_name"`
	Kind          string `bun:"kind"`
	Requirement   string `bun:"requirement"`
	Severity      string `bun:"severity"`
	Subject       string `bun:"subject"`
	Message       string `bun:"message"`
	MessageZH     string `bun:"message_zh"`
	First         int64  `bun:"first_seen"`
	Last          int64  `bun:"last_seen"`
	Over          int64  `bun:"ended"`
	Count         int64  `bun:"seen"`
	Source        string `bun:"source"`
	Exception     string `bun:"exception"`
	State         string `bun:"state"`
	Owner         string `bun:"owner"`
	OwnerName     string `bun:"owner_name"`
	Triaged       int64  `bun:"triaged"`
	Comment       string `bun:"comment"`
	Comments      int64  `bun:"comments"`
	Version       int64  `bun:"version"`
}

func findingRowOf(f *model.Finding) findingRow {
	return findingRow{
		ID: f.ID, Tenant: f.Tenant, Node: f.Node, NodeName: f.NodeName, Kind: f.Kind, Requirement: f.Requirement,
		Severity: string(f.Severity), Subject: f.Subject, Message: f.Text.EN, MessageZH: f.Text.ZH, First: us(f.First), Last: us(f.Last),
		Over: us(f.Over), Count: f.Count, Source: f.Source, Exception: f.Exception, State: string(model.FindingOpen),
	}
}

func (r *findingRow) model() (*model.Finding, error) {
	return &model.Finding{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, NodeName: r.NodeName, Kind: r.Kind, Requirement: r.Requirement,
		Severity: model.Severity(r.Severity), Subject: r.Subject, Text: model.Text{EN: r.Message, ZH: r.MessageZH}, First: at(r.First),
		Last: at(r.Last), Over: at(r.Over), Count: r.Count, Source: r.Source, Exception: r.Exception,
		State: model.FindingState(r.State), Owner: model.FindingOwner{User: r.Owner, Name: r.OwnerName}, Triaged: at(r.Triaged),
		Comment: r.Comment, Comments: r.Comments, Version: r.Version,
	}, nil
}

func findings() listing {
	return listing{
		name: "findings", tenant: "tenant", time: "last_seen", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "node": {"node", isText}, "kind": {"kind", isText}, "requirement": {"requirement", isText},
			"severity": {"severity", isText}, "subject": {"subject", isText}, "over": {"ended", isSet}, "excepted": {"exception", isGiven},
			"state": {"state", isText}, "owner": {"owner", isText}, "owner_name": {"owner_name", isText},
			"first": {"first_seen", isTime}, "ended": {"ended", isTime},
		},
		keys: []field{{"last_seen", isInt}, {"node", isText}, {"id", isText}},
	}
}

// PutFindings keeps findings. One that is there already keeps the earliest time at which it was seen first; all else is what the
// newer one of both says, by when it was seen last. The same again changes nothing. What people made of it stays, but one that comes
// back after it was over is open again.
func (s *Store) PutFindings(ctx context.Context, found []model.Finding) error {
	rows := mergeFindings(found)
	if len(rows) == 0 {
		return nil
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		for part := range slices.Chunk(rows, rowsAtOnce) {
			if err := s.reopen(ctx, t, part); err != nil {
				return err
			}
			put := t.NewInsert().Model(&part).On("CONFLICT (node, id) DO UPDATE").
				Set("first_seen = CASE WHEN EXCLUDED.first_seen < t.first_seen THEN EXCLUDED.first_seen ELSE t.first_seen END")
			for _, c := range []string{
				"node_name", "kind", "requirement", "severity", "subject", "message", "message_zh", "last_seen", "ended", "seen", "source",
				"exception",
			} {
				put.Set("?0 = CASE WHEN EXCLUDED.last_seen >= t.last_seen THEN EXCLUDED.?0 ELSE t.?0 END", bun.Ident(c))
			}
			if _, err := put.Exec(ctx); err != nil {
				return s.fail("change a finding", err)
			}
			t.changes = append(t.changes, told(part)...)
		}
		return nil
	})
}

// told are the changes that watchers hear of: of what nodes found, one for each node. What the server found comes with an assessment,
// of which they hear.
func told(rows []findingRow) []changeRow {
	var out []changeRow
	for i := range rows {
		if r := &rows[i]; r.Source == model.SourceNode && (len(out) == 0 || out[len(out)-1].Object != r.Node) {
			out = append(out, changed(updated, "Finding", r.Node, r.Tenant))
		}
	}
	return out
}

// mergeFindings has one row for each finding, as if they came one by one. They are sorted, so that two that write the same do not
// stop each other.
func mergeFindings(found []model.Finding) []findingRow {
	rows := make([]findingRow, len(found))
	for i := range found {
		rows[i] = findingRowOf(&found[i])
	}
	slices.SortStableFunc(rows, func(a, b findingRow) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.ID, b.ID)) })
	out := rows[:0]
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Node != r.Node || out[len(out)-1].ID != r.ID {
			out = append(out, r)
			continue
		}
		before := &out[len(out)-1]
		first := min(before.First, r.First)
		if r.Last >= before.Last {
			*before = r
		}
		before.First = first
	}
	return out
}

// OpenFindings are a node's findings from a source that are not over.
func (s *Store) OpenFindings(ctx context.Context, node, source string) ([]model.Finding, error) {
	var rows []findingRow
	if err := s.all(ctx, "findings", &rows, "id", "node = ? AND source = ? AND ended = 0", node, source); err != nil {
		return nil, err
	}
	return convert(rows, (*findingRow).model)
}

// Findings lists findings, newest first.
func (s *Store) Findings(ctx context.Context, q model.Query) ([]model.Finding, string, error) {
	return listed(ctx, s, findings(), q, func(r *findingRow) []any { return []any{r.Last, r.Node, r.ID} }, (*findingRow).model)
}
