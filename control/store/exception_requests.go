package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type exceptionRequestRow struct {
	bun.BaseModel `bun:"table:exception_requests,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node"`
	Check         string `bun:"check_id"`
	Subject       string `bun:"subject"`
	Owner         string `bun:"owner"`
	Reason        string `bun:"reason"`
	Expires       string `bun:"expires"`
	Requester     string `bun:"requester"`
	Created       int64  `bun:"created"`
	State         string `bun:"state"`
	Decider       string `bun:"decider"`
	Note          string `bun:"note"`
	Decided       int64  `bun:"decided"`
	Exception     string `bun:"exception"`
}

func exceptionRequestRowOf(x *model.ExceptionRequest) *exceptionRequestRow {
	return &exceptionRequestRow{
		ID: x.ID, Tenant: x.Tenant, Node: x.Node, Check: x.Check, Subject: x.Subject, Owner: x.Owner, Reason: x.Reason, Expires: x.Expires,
		Requester: x.Requester, Created: us(x.Created), State: string(x.State), Decider: x.Decider, Note: x.Note, Decided: us(x.Decided),
		Exception: x.Stored,
	}
}

func (r *exceptionRequestRow) model() (*model.ExceptionRequest, error) {
	return &model.ExceptionRequest{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, Requester: r.Requester, Created: at(r.Created), State: model.ExceptionState(r.State),
		Decider: r.Decider, Note: r.Note, Decided: at(r.Decided), Stored: r.Exception,
		Exception: model.Exception{Check: r.Check, Subject: r.Subject, Owner: r.Owner, Reason: r.Reason, Expires: r.Expires},
	}, nil
}

func exceptionRequests() listing {
	return listing{
		name: "requests for exceptions", tenant: "tenant", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "check": {"check_id", isText}, "node": {"node", isText}, "state": {"state", isText},
			"requester": {"requester", isText}, "owner": {"owner", isText}, "expires": {"expires", isText},
		},
		keys: []field{{"id", isText}},
	}
}

// CreateExceptionRequest adds a request for an exception.
func (s *Store) CreateExceptionRequest(ctx context.Context, x *model.ExceptionRequest) error {
	return s.insert(ctx, "request for an exception", exceptionRequestRowOf(x), changed(created, "ExceptionRequest", x.ID, x.Tenant))
}

// ExceptionRequest finds a request for an exception.
func (s *Store) ExceptionRequest(ctx context.Context, id string) (*model.ExceptionRequest, error) {
	return find(ctx, s, "request for an exception", id, (*exceptionRequestRow).model, "id = ?", id)
}

// ExceptionRequests lists requests for exceptions, newest first.
func (s *Store) ExceptionRequests(ctx context.Context, q model.Query) ([]model.ExceptionRequest, string, error) {
	return listed(ctx, s, exceptionRequests(), q, func(r *exceptionRequestRow) []any { return []any{r.ID} }, (*exceptionRequestRow).model)
}

// DecideExceptionRequest writes what became of a request that is pending still, and, where it is approved, the exception that comes of it, in
// one transaction.
func (s *Store) DecideExceptionRequest(ctx context.Context, x *model.ExceptionRequest, made *model.StoredException) error {
	row := exceptionRequestRowOf(x)
	return s.InTx(ctx, func(ctx context.Context) error {
		err := s.change(ctx, "request for an exception", func(db bun.IDB) error {
			r, err := db.NewUpdate().Model(row).Column("state", "decider", "note", "decided", "exception").
				Where("id = ? AND state = ?", x.ID, string(model.ExceptionPending)).Exec(ctx)
			return s.orConflict(ctx, db, r, err, row, "request for an exception", x.ID)
		}, changed(updated, "ExceptionRequest", x.ID, x.Tenant))
		if err != nil || made == nil {
			return err
		}
		return s.CreateException(ctx, made)
	})
}
