package store

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

// proposalsKept is how many proposals of a tenant that are over are kept at most: each may be as large as all its policies.
const proposalsKept = 200

type proposalRow struct {
	bun.BaseModel `bun:"table:policy_proposals,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Base          int64  `bun:"base"`
	Files         string `bun:"files"`
	Note          string `bun:"note"`
	Author        string `bun:"author"`
	State         string `bun:"state"`
	Outcome       string `bun:"outcome"` // of the check, JSON
	Approver      string `bun:"approver"`
	Reason        string `bun:"reason"`
	Version       int64  `bun:"version"`
	Created       int64  `bun:"created"`
	Ended         int64  `bun:"ended"`
}

func proposalRowOf(p *model.Proposal) *proposalRow {
	files := "[]"
	if len(p.Files) > 0 {
		files = text(p.Files)
	}
	return &proposalRow{
		ID: p.ID, Tenant: p.Tenant, Base: p.Base, Files: files, Note: p.Note, Author: p.Author, State: string(p.State),
		Outcome: string(p.Check), Approver: p.Approver, Reason: p.Reason, Version: p.Version, Created: us(p.Created), Ended: us(p.Ended),
	}
}

func (r *proposalRow) model() (*model.Proposal, error) {
	p := &model.Proposal{
		ID: r.ID, Tenant: r.Tenant, Base: r.Base, Note: r.Note, Author: r.Author, State: model.ProposalState(r.State),
		Approver: r.Approver, Reason: r.Reason, Version: r.Version, Created: at(r.Created), Ended: at(r.Ended),
	}
	if r.Outcome != "" {
		p.Check = []byte(r.Outcome)
	}
	var err error
	p.Files, err = policyFilesOf(r.Files)
	return p, err
}

func proposals() listing {
	return listing{
		name: "proposals of policies", tenant: "tenant", time: "created", newest: true, without: "files, outcome",
		fields: map[string]field{
			"id": {"id", isText}, "state": {"state", isText}, "author": {"author", isText}, "created": {"created", isTime},
		},
		keys: []field{{"id", isText}},
	}
}

// CreateProposal adds a proposal. Of a tenant's proposals that are over, the newest 200 stay.
func (s *Store) CreateProposal(ctx context.Context, p *model.Proposal) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		var gone []struct{ ID, Tenant string }
		err := t.NewRaw(`DELETE FROM policy_proposals WHERE tenant = ?0 AND state <> ?1 AND id NOT IN (SELECT id FROM policy_proposals
			WHERE tenant = ?0 AND state <> ?1 ORDER BY id DESC LIMIT ?2) RETURNING id, tenant`,
			p.Tenant, string(model.ProposalPending), proposalsKept).Scan(ctx, &gone)
		if err != nil {
			return s.fail("remove old proposals of policies", err)
		}
		for _, g := range gone {
			t.changes = append(t.changes, changed(deleted, "PolicyProposal", g.ID, g.Tenant))
		}
		return s.insert(ctx, "proposal of policies", proposalRowOf(p), changed(created, "PolicyProposal", p.ID, p.Tenant))
	})
}

// Proposal finds a proposal.
func (s *Store) Proposal(ctx context.Context, id string) (*model.Proposal, error) {
	return find(ctx, s, "proposal of policies", id, (*proposalRow).model, "id = ?", id)
}

// Proposals lists proposals without files and check, newest first.
func (s *Store) Proposals(ctx context.Context, q model.Query) ([]model.Proposal, string, error) {
	return listed(ctx, s, proposals(), q, func(r *proposalRow) []any { return []any{r.ID} }, (*proposalRow).model)
}

// EndProposal keeps what became of a proposal that is still pending.
func (s *Store) EndProposal(ctx context.Context, p *model.Proposal) error {
	row := proposalRowOf(p)
	return s.change(ctx, "proposal of policies", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(row).Column("state", "approver", "reason", "version", "ended").
			Where("id = ? AND state = ?", p.ID, string(model.ProposalPending)).Exec(ctx)
		return s.orConflict(ctx, db, r, err, row, "proposal of policies", p.ID)
	}, changed(updated, "PolicyProposal", p.ID, p.Tenant))
}

// supersede ends the proposals that were made from what a new version takes out of force.
func (s *Store) supersede(ctx context.Context, by *model.Policies) error {
	t := s.transaction(ctx)
	var over []struct{ ID, Tenant string }
	err := t.NewRaw("UPDATE policy_proposals SET state = ?, ended = ? WHERE tenant = ? AND state = ? RETURNING id, tenant",
		string(model.ProposalSuperseded), mark(by.Created), by.Tenant, string(model.ProposalPending)).Scan(ctx, &over)
	if err != nil {
		return s.fail("end proposals of policies", err)
	}
	for _, o := range over {
		t.changes = append(t.changes, changed(updated, "PolicyProposal", o.ID, o.Tenant))
	}
	return nil
}

// columnsOf splits the names of columns that a list leaves out.
func columnsOf(names string) []string { return strings.Split(names, ", ") }
