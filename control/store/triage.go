package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// notesKept is how many notes of a finding there are at most: the audit log has all.
const notesKept = 200

type noteRow struct {
	bun.BaseModel `bun:"table:finding_notes,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node"`
	Finding       string `bun:"finding"`
	Time          int64  `bun:"time"`
	Author        string `bun:"author"`
	AuthorName    string `bun:"author_name"`
	WasState      string `bun:"was_state"`
	State         string `bun:"state"`
	WasOwner      string `bun:"was_owner"`
	Owner         string `bun:"owner"`
	Comment       string `bun:"comment"`

	many bool // the finding has more than are kept
}

func (r *noteRow) model() (*model.FindingNote, error) {
	return &model.FindingNote{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, Finding: r.Finding, Time: at(r.Time), Author: r.Author, AuthorName: r.AuthorName,
		WasState: model.FindingState(r.WasState), State: model.FindingState(r.State), WasOwner: r.WasOwner, Owner: r.Owner, Comment: r.Comment,
	}, nil
}

func findingNotes() listing {
	return listing{
		name: "notes", newest: true,
		fields: map[string]field{"node": {"node", isText}, "finding": {"finding", isText}},
		keys:   []field{{"time", isInt}, {"id", isText}},
	}
}

const remedyFinding = "Check the ids of node and finding, which `bulkhead findings list` shows, and the tenant. Findings that are over go after a time."

// Finding finds a finding.
func (s *Store) Finding(ctx context.Context, node, id string) (*model.Finding, error) {
	var r findingRow
	err := s.one(ctx, "finding", id, &r, "node = ? AND id = ?", node, id)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil, &model.Error{Code: model.CodeNotFound, Message: "the node has no such finding", Remedy: remedyFinding}
	}
	if err != nil {
		return nil, err
	}
	return r.model()
}

// FindingNotes lists what was done with a finding, newest first.
func (s *Store) FindingNotes(ctx context.Context, node, id string, q model.Query) ([]model.FindingNote, string, error) {
	q.Where = []model.Condition{{Field: "node", Op: "=", Value: node}, {Field: "finding", Op: "=", Value: id}}
	return listed(ctx, s, findingNotes(), q, func(r *noteRow) []any { return []any{r.Time, r.ID} }, (*noteRow).model)
}

// TriageFindings sets state and owner of a tenant's findings and notes what was done: of all of them or of none. It gives them as they
// are then, in the order of refs. One that is another by now than it was seen is a conflict.
func (s *Store) TriageFindings(ctx context.Context, refs []model.FindingRef, tri *model.Triage) ([]model.Finding, error) {
	var rows []*findingRow
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		have, err := s.seen(ctx, t, tri.Tenant, refs)
		if err != nil {
			return err
		}
		rows = have
		var notes []noteRow
		for _, r := range have {
			n, ok := triaged(r, tri)
			if !ok {
				continue
			}
			if n.ID, err = noteID(); err != nil {
				return err
			}
			notes = append(notes, n)
			_, err := t.NewUpdate().Model(r).Column("state", "owner", "owner_name", "triaged", "comment", "comments", "version").WherePK().Exec(ctx)
			if err != nil {
				return s.fail("triage a finding", err)
			}
			t.changes = append(t.changes, changed(updated, "Finding", r.Node+"/"+r.ID, r.Tenant))
		}
		return s.note(ctx, t, notes)
	})
	if err != nil {
		return nil, err
	}
	out := make([]model.Finding, 0, len(rows))
	for _, r := range rows {
		f, err := r.model()
		if err != nil {
			return nil, err
		}
		out = append(out, *f)
	}
	return out, nil
}

// seen are the findings as they were seen, locked until the transaction ends.
func (s *Store) seen(ctx context.Context, db bun.IDB, tenant string, refs []model.FindingRef) ([]*findingRow, error) {
	found := map[[2]string]*findingRow{}
	order := slices.Clone(refs)
	slices.SortFunc(order, func(a, b model.FindingRef) int { return slices.Compare([]string{a.Node, a.ID}, []string{b.Node, b.ID}) })
	for part := range slices.Chunk(order, rowsAtOnce) {
		marks, keys := make([]string, len(part)), make([]any, 0, 2*len(part))
		for i := range part {
			marks[i], keys = "(?, ?)", append(keys, part[i].Node, part[i].ID)
		}
		var rows []findingRow
		q := db.NewSelect().Model(&rows).Where("tenant = ?", tenant).
			Where("(node, id) IN (VALUES "+strings.Join(marks, ", ")+")", keys...).Order("node", "id")
		if s.kind == KindPostgres {
			q = q.For("UPDATE") // SQLite has one writer
		}
		if err := q.Scan(ctx); err != nil {
			return nil, s.fail("read findings", err)
		}
		for i := range rows {
			found[[2]string{rows[i].Node, rows[i].ID}] = &rows[i]
		}
	}
	out := make([]*findingRow, 0, len(refs))
	for i, ref := range refs {
		r := found[[2]string{ref.Node, ref.ID}]
		switch {
		case r == nil:
			return nil, &model.Error{
				Code: model.CodeNotFound, Field: fmt.Sprintf("findings[%d]", i), Message: fmt.Sprintf("the tenant has no such finding: findings[%d]", i),
				Remedy: remedyFinding,
			}
		case ref.Version != model.AnyVersion && ref.Version != r.Version:
			return nil, &model.Error{
				Code: model.CodeConflict, Field: fmt.Sprintf("findings[%d]", i),
				Message: fmt.Sprintf("the finding %s was triaged by somebody else meanwhile", ref.ID),
				Remedy:  "Look at it again, then decide again.",
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// triaged changes a row, and says what to note of it; not ok where nothing is another then.
func triaged(r *findingRow, tri *model.Triage) (noteRow, bool) {
	n := noteRow{
		Tenant: r.Tenant, Node: r.Node, Finding: r.ID, Time: us(tri.Time), Author: tri.Author, AuthorName: tri.AuthorName,
		WasState: r.State, WasOwner: r.OwnerName, Comment: tri.Comment,
	}
	was := *r
	if tri.State != "" {
		r.State = string(tri.State)
	}
	if tri.Owner != nil {
		r.Owner, r.OwnerName = tri.Owner.User, tri.Owner.Name
	}
	if n.State, n.Owner = r.State, r.OwnerName; *r == was && tri.Comment == "" {
		return n, false
	}
	if tri.Comment != "" {
		r.Comment, r.Comments = tri.Comment, r.Comments+1
	}
	r.Triaged, r.Version = us(tri.Time), r.Version+1
	n.many = r.Version > notesKept
	return n, true
}

func noteID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", &model.Error{Code: model.CodeUnavailable, Message: "no randomness for an id", Err: err}
	}
	return id.String(), nil
}

// note writes notes, and takes away what is too old of those findings.
func (s *Store) note(ctx context.Context, db bun.IDB, notes []noteRow) error {
	for part := range slices.Chunk(notes, rowsAtOnce) {
		if _, err := db.NewInsert().Model(&part).Exec(ctx); err != nil {
			return s.fail("note what was done with findings", err)
		}
	}
	for i := range notes {
		n := &notes[i]
		if !n.many {
			continue
		}
		_, err := db.NewRaw(`DELETE FROM finding_notes WHERE id IN (SELECT id FROM finding_notes WHERE node = ? AND finding = ?
			ORDER BY time DESC, id DESC LIMIT 1000 OFFSET ?)`, n.Node, n.Finding, notesKept).Exec(ctx)
		if err != nil {
			return s.fail("remove old notes", err)
		}
	}
	return nil
}

// reopen opens those again that people made something of, that were over, and that are there again.
func (s *Store) reopen(ctx context.Context, t *transaction, rows []findingRow) error {
	back := map[[2]string]int64{}
	var nodes []string
	for i := range rows {
		if r := &rows[i]; r.Over == 0 {
			back[[2]string{r.Node, r.ID}] = r.Last
			nodes = append(nodes, r.Node) // rows are sorted by node
		}
	}
	if len(back) == 0 {
		return nil
	}
	var old []findingRow
	q := t.NewSelect().Model(&old).Where("node IN (?)", bun.List(slices.Compact(nodes))).Where("state <> 'open' AND ended > 0").Order("node", "id")
	if s.kind == KindPostgres {
		q = q.For("UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return s.fail("read findings", err)
	}
	var notes []noteRow
	for i := range old {
		r := &old[i]
		last, there := back[[2]string{r.Node, r.ID}]
		if !there || last < r.Last {
			continue
		}
		n, _ := triaged(r, &model.Triage{Time: time.UnixMicro(last), State: model.FindingOpen})
		id, err := noteID()
		if err != nil {
			return err
		}
		n.ID = id
		notes = append(notes, n)
		if _, err := t.NewUpdate().Model(r).Column("state", "triaged", "version").WherePK().Exec(ctx); err != nil {
			return s.fail("open a finding again", err)
		}
		t.changes = append(t.changes, changed(updated, "Finding", r.Node+"/"+r.ID, r.Tenant))
	}
	return s.note(ctx, t, notes)
}
