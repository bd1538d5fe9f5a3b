package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type policiesRow struct {
	bun.BaseModel `bun:"table:policies,alias:t"`
	Tenant        string `bun:"tenant,pk"`
	Version       int64  `bun:"version,pk"`
	Files         string `bun:"files"`
	Author        string `bun:"author"`
	Note          string `bun:"note"`
	Created       int64  `bun:"created"`
	Digest        string `bun:"digest"`
	Signature     string `bun:"signature"`
	Approver      string `bun:"approver"`
	Proposal      string `bun:"proposal"`
}

func (r *policiesRow) model() (*model.Policies, error) {
	p := &model.Policies{
		Tenant: r.Tenant, Version: r.Version, Author: r.Author, Note: r.Note, Created: at(r.Created), Digest: r.Digest,
		Signature: r.Signature, Approver: r.Approver, Proposal: r.Proposal,
	}
	var err error
	p.Files, err = policyFilesOf(r.Files)
	return p, err
}

// policyFilesOf are the files in a column; a list leaves them out.
func policyFilesOf(column string) ([]model.PolicyFile, error) {
	if column == "" {
		return nil, nil
	}
	files, err := value[[]model.PolicyFile](column)
	if len(files) == 0 {
		files = nil
	}
	return files, err
}

func policyVersions() listing {
	return listing{
		name: "versions of policies", tenant: "tenant", time: "created", newest: true, without: "files",
		fields: map[string]field{
			"tenant": {"tenant", isText}, "version": {"version", isInt}, "author": {"author", isText}, "created": {"created", isTime},
		},
		keys: []field{{"version", isInt}, {"tenant", isText}},
	}
}

// CreatePolicies adds the next version of a tenant's policies, which ends the proposals that wait. Of two that add the same
// version, one wins.
func (s *Store) CreatePolicies(ctx context.Context, p *model.Policies) error {
	files := "[]"
	if len(p.Files) > 0 {
		files = text(p.Files)
	}
	row := &policiesRow{
		Tenant: p.Tenant, Version: p.Version, Files: files, Author: p.Author, Note: p.Note, Created: us(p.Created),
		Digest: p.Digest, Signature: p.Signature, Approver: p.Approver, Proposal: p.Proposal,
	}
	stale := &model.Error{
		Code: model.CodeConflict, Message: fmt.Sprintf("version %d is not the next one of this tenant's policies", p.Version),
		Remedy: "Read the newest policies and repeat the change.",
	}
	add := func(db bun.IDB) error {
		var newest int64
		err := db.NewRaw("SELECT coalesce(max(version), 0) FROM policies WHERE tenant = ?", p.Tenant).Scan(ctx, &newest)
		if err != nil {
			return err
		}
		if p.Version != newest+1 {
			return stale
		}
		_, err = db.NewInsert().Model(row).Exec(ctx)
		return err
	}
	err := s.InTx(ctx, func(ctx context.Context) error {
		if err := s.change(ctx, "version of policies", add, changed(created, "Policy", p.Tenant, p.Tenant)); err != nil {
			return err
		}
		return s.supersede(ctx, p)
	})
	if model.CodeOf(err) == model.CodeExists {
		return stale
	}
	return err
}

// Policies finds a version of a tenant's policies; 0 means the newest.
func (s *Store) Policies(ctx context.Context, tenant string, version int64) (*model.Policies, error) {
	var r policiesRow
	where, args := "tenant = ? AND version = ?", []any{tenant, version}
	if version == 0 {
		where = "tenant = ? AND version = (SELECT max(version) FROM policies WHERE tenant = ?)"
		args = []any{tenant, tenant}
	}
	if err := s.one(ctx, "version of policies", fmt.Sprintf("%s/%d", tenant, version), &r, where, args...); err != nil {
		return nil, err
	}
	return r.model()
}

// PolicyVersions lists versions without their files, newest first.
func (s *Store) PolicyVersions(ctx context.Context, q model.Query) ([]model.Policies, string, error) {
	return listed(ctx, s, policyVersions(), q, func(r *policiesRow) []any { return []any{r.Version, r.Tenant} }, (*policiesRow).model)
}

// AllPolicies are the newest policies of every tenant that has some.
func (s *Store) AllPolicies(ctx context.Context) ([]model.Policies, error) {
	var rows []policiesRow
	err := s.all(ctx, "policies", &rows, "tenant", "version = (SELECT max(o.version) FROM policies AS o WHERE o.tenant = t.tenant)")
	if err != nil {
		return nil, err
	}
	return convert(rows, (*policiesRow).model)
}
