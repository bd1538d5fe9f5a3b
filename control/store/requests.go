package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type accessRow struct {
	bun.BaseModel `bun:"table:access_requests,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	User          string `bun:"user_id"`
	Action        string `bun:"action"`
	ResourceType  string `bun:"resource_type"`
	Resource      string `bun:"resource"`
	Reason        string `bun:"reason"`
	Duration      int64  `bun:"duration"` // nanoseconds
	State         string `bun:"state"`
	Approver      string `bun:"approver"`
	Note          string `bun:"note"`
	Created       int64  `bun:"created"`
	Decided       int64  `bun:"decided"`
	Expires       int64  `bun:"expires"`
}

func accessRowOf(a *model.Access) *accessRow {
	return &accessRow{
		ID: a.ID, Tenant: a.Tenant, User: a.User, Action: a.Action, ResourceType: a.Resource.Type, Resource: a.Resource.ID,
		Reason: a.Reason, Duration: int64(a.Duration), State: string(a.State), Approver: a.Approver, Note: a.Note,
		Created: us(a.Created), Decided: us(a.Decided), Expires: us(a.Expires),
	}
}

func (r *accessRow) model() (*model.Access, error) {
	return &model.Access{
		ID: r.ID, Tenant: r.Tenant, User: r.User, Action: r.Action, Resource: model.Ref{Type: r.ResourceType, ID: r.Resource},
		Reason: r.Reason, Duration: time.Duration(r.Duration), State: model.AccessState(r.State), Approver: r.Approver,
		Note: r.Note, Created: at(r.Created), Decided: at(r.Decided), Expires: at(r.Expires),
	}, nil
}

func accesses() listing {
	return listing{
		name: "requests for access", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "user": {"user_id", isText}, "state": {"state", isText}, "action": {"action", isText},
			"resource_type": {"resource_type", isText}, "resource": {"resource", isText}, "approver": {"approver", isText},
			"created": {"created", isTime}, "expires": {"expires", isTime},
		},
		keys: []field{{"id", isText}},
	}
}

// CreateAccess adds a request for access.
func (s *Store) CreateAccess(ctx context.Context, a *model.Access) error {
	return s.insert(ctx, "request for access", accessRowOf(a), changed(created, "AccessRequest", a.ID, a.Tenant))
}

// Access finds a request for access.
func (s *Store) Access(ctx context.Context, id string) (*model.Access, error) {
	return find(ctx, s, "request for access", id, (*accessRow).model, "id = ?", id)
}

// Accesses lists requests for access by id, which is the order of their making.
func (s *Store) Accesses(ctx context.Context, q model.Query) ([]model.Access, string, error) {
	return listed(ctx, s, accesses(), q, func(r *accessRow) []any { return []any{r.ID} }, (*accessRow).model)
}

// UpdateAccess changes what became of a request that is still in the state was.
func (s *Store) UpdateAccess(ctx context.Context, a *model.Access, was model.AccessState) error {
	row := accessRowOf(a)
	return s.change(ctx, "request for access", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(row).Column("state", "approver", "note", "decided", "expires").
			Where("id = ? AND state = ?", a.ID, string(was)).Exec(ctx)
		return s.orConflict(ctx, db, r, err, row, "request for access", a.ID)
	}, changed(updated, "AccessRequest", a.ID, a.Tenant))
}

// ApprovedAccess finds what permits a user one action on one object now; of several, what lasts longest.
func (s *Store) ApprovedAccess(ctx context.Context, user, action string, res model.Ref, now time.Time) (*model.Access, error) {
	var r accessRow
	err := s.conn(ctx).NewSelect().Model(&r).
		Where("user_id = ? AND action = ? AND resource_type = ? AND resource = ?", user, action, res.Type, res.ID).
		Where("state = ? AND expires > ?", string(model.AccessApproved), us(now)).
		OrderExpr("expires DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("approved access to", res.String())
	}
	if err != nil {
		return nil, s.fail("look for an approval", err)
	}
	return r.model()
}
