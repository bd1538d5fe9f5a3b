package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type exceptionRow struct {
	bun.BaseModel `bun:"table:exceptions,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node"`
	Check         string `bun:"check_id"`
	Subject       string `bun:"subject"`
	Owner         string `bun:"owner"`
	Reason        string `bun:"reason"`
	Expires       string `bun:"expires"`
	Creator       string `bun:"creator"`
	Created       int64  `bun:"created"`
}

func (r *exceptionRow) model() (*model.StoredException, error) {
	return &model.StoredException{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, Creator: r.Creator, Created: at(r.Created),
		Exception: model.Exception{Check: r.Check, Subject: r.Subject, Owner: r.Owner, Reason: r.Reason, Expires: r.Expires},
	}, nil
}

func exceptions() listing {
	return listing{
		name: "exceptions", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "check": {"check_id", isText}, "node": {"node", isText}, "owner": {"owner", isText},
			"expires": {"expires", isText}, "created": {"created", isTime},
		},
		keys: []field{{"expires", isText}, {"id", isText}},
	}
}

// CreateException adds an exception.
func (s *Store) CreateException(ctx context.Context, x *model.StoredException) error {
	return s.insert(ctx, "exception", &exceptionRow{
		ID: x.ID, Tenant: x.Tenant, Node: x.Node, Check: x.Check, Subject: x.Subject, Owner: x.Owner, Reason: x.Reason,
		Expires: x.Expires, Creator: x.Creator, Created: us(x.Created),
	}, changed(created, "Exception", x.ID, x.Tenant))
}

// Exception finds an exception.
func (s *Store) Exception(ctx context.Context, id string) (*model.StoredException, error) {
	var r exceptionRow
	if err := s.one(ctx, "exception", id, &r, "id = ?", id); err != nil {
		return nil, err
	}
	x, err := r.model()
	if err != nil {
		return nil, err
	}
	one := []model.StoredException{*x}
	err = s.approvers(ctx, one)
	return &one[0], err
}

// approvers fills in who approved what was asked for.
func (s *Store) approvers(ctx context.Context, all []model.StoredException) error {
	for part := range slices.Chunk(all, rowsAtOnce) {
		ids := make([]string, len(part))
		for i := range part {
			ids[i] = part[i].ID
		}
		var found []struct{ Exception, Decider string }
		err := s.conn(ctx).NewSelect().Table("exception_requests").Column("exception", "decider").
			Where("exception IN (?)", bun.List(ids)).Scan(ctx, &found)
		if err != nil {
			return s.fail("read who approved exceptions", err)
		}
		by := map[string]string{}
		for _, f := range found {
			by[f.Exception] = f.Decider
		}
		for i := range part {
			part[i].Approver = by[part[i].ID]
		}
	}
	return nil
}

// Exceptions lists exceptions, those first that end first.
func (s *Store) Exceptions(ctx context.Context, q model.Query) ([]model.StoredException, string, error) {
	rows, next, err := page(ctx, s, exceptions(), q, func(r *exceptionRow) []any { return []any{r.Expires, r.ID} })
	if err != nil {
		return nil, "", err
	}
	out, err := convert(rows, (*exceptionRow).model)
	if err == nil {
		err = s.approvers(ctx, out)
	}
	return out, next, err
}

// ExceptionsOf are all exceptions of a tenant and its nodes, those first that end first.
func (s *Store) ExceptionsOf(ctx context.Context, tenant string) ([]model.StoredException, error) {
	var rows []exceptionRow
	if err := s.all(ctx, "exceptions", &rows, "expires, id", "tenant = ?", tenant); err != nil {
		return nil, err
	}
	return convert(rows, (*exceptionRow).model)
}

// DeleteException removes an exception.
func (s *Store) DeleteException(ctx context.Context, id string) error {
	n, err := s.deleteExceptions(ctx, "id = ?", id)
	if err == nil && n == 0 {
		return notFound("exception", id)
	}
	return err
}

func (s *Store) deleteExceptions(ctx context.Context, where string, args ...any) (int, error) {
	var gone []struct{ ID, Tenant string }
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		if err := t.NewRaw("DELETE FROM exceptions WHERE "+where+" RETURNING id, tenant", args...).Scan(ctx, &gone); err != nil {
			return s.fail("delete exceptions", err)
		}
		for _, g := range gone {
			t.changes = append(t.changes, changed(deleted, "Exception", g.ID, g.Tenant))
		}
		return nil
	})
	return len(gone), err
}
