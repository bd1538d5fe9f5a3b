package api

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ExceptionStore keeps exceptions.
type ExceptionStore interface {
	CreateException(ctx context.Context, e *model.StoredException) error
	Exceptions(ctx context.Context, q model.Query) ([]model.StoredException, string, error)
	ExceptionsOf(ctx context.Context, tenant string) ([]model.StoredException, error)
	DeleteException(ctx context.Context, id string) error
}

// Limits of exceptions: every assessment goes through all of a tenant's, and one that never ends is no exception.
const (
	mostExceptions   = 2000
	mostExceptedDays = 366
)

// ListExceptions implements FindingService.
func (s *Findings) ListExceptions(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListExceptionsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"check", "node", "owner"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Exceptions.Exceptions(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListExceptionsResponse{NextPage: next}
	for i := range list {
		out.Exceptions = append(out.Exceptions, exceptionOut(&list[i]))
	}
	return out, gate.MaskAll(out.GetExceptions(), r.GetPage().GetReadMask())
}

// CreateException implements FindingService.
func (s *Findings) CreateException(ctx context.Context, r *bulkheadv1.CreateExceptionRequest) (*bulkheadv1.Exception, error) {
	e, err := s.draftException(ctx, r.GetException())
	if err != nil {
		return nil, err
	}
	if e.ID, err = newID(); err != nil {
		return nil, err
	}
	if err := s.Exceptions.CreateException(ctx, e); err != nil {
		return nil, err
	}
	return exceptionOut(e), nil
}

// PreviewException implements FindingService.
func (s *Findings) PreviewException(ctx context.Context, r *bulkheadv1.CreateExceptionRequest) (*bulkheadv1.Exception, error) {
	e, err := s.draftException(ctx, r.GetException())
	if err != nil {
		return nil, err
	}
	return exceptionOut(e), nil
}

// draftException is an exception that may be recorded.
func (s *Findings) draftException(ctx context.Context, in *bulkheadv1.Exception) (*model.StoredException, error) {
	tenant := gate.TenantOf(ctx, in.GetTenant())
	if _, err := s.Tenants.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	e := &model.StoredException{
		Tenant: tenant, Node: in.GetNode(), Creator: gate.Caller(ctx).ID, Created: s.Now(),
		Exception: model.Exception{
			Check: in.GetCheck(), Subject: in.GetSubject(), Owner: in.GetOwner(), Reason: in.GetReason(), Expires: in.GetExpires(),
		},
	}
	if err := assess.ValidateStoredException(e.Exception); err != nil {
		return nil, &model.Error{
			Code: model.CodeInvalid, Message: err.Error(), Field: "exception",
			Remedy: "`bulkhead catalogue` lists the requirements, `bulkhead catalogue show ID` the checks of one. `bulkhead findings` shows the kinds of what nodes report of themselves, such as node/clock-skew.", Err: err,
		}
	}
	if err := checkEnd(e.Expires, s.Now()); err != nil {
		return nil, err
	}
	if e.Node != "" {
		if err := nodeThere(ctx, s.Nodes, "exception.node", tenant, e.Node); err != nil {
			return nil, err
		}
	}
	have, err := s.Exceptions.ExceptionsOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if len(have) >= mostExceptions {
		return nil, &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("the tenant has %d exceptions, which is the most", len(have)), Remedy: "Delete those that are over.",
		}
	}
	return e, nil
}

// checkEnd holds an exception's last day to today and the year that follows, by UTC.
func checkEnd(expires string, now time.Time) error {
	const field = "exception.expires"
	end, err := time.Parse(time.DateOnly, expires)
	if err != nil {
		return invalid(field, "there is no such day")
	}
	today := now.UTC().Truncate(24 * time.Hour)
	switch {
	case end.Before(today):
		return invalid(field, "that day is over")
	case end.After(today.AddDate(0, 0, mostExceptedDays)):
		return &model.Error{
			Code: model.CodeInvalid, Message: fmt.Sprintf("%s: that is more than %d days ahead", field, mostExceptedDays), Field: field,
			Remedy: "Take an earlier day and decide again then.",
		}
	}
	return nil
}

// DeleteException implements FindingService.
func (s *Findings) DeleteException(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, s.Exceptions.DeleteException(ctx, r.GetId())
}

func exceptionOut(e *model.StoredException) *bulkheadv1.Exception {
	return &bulkheadv1.Exception{
		Id: e.ID, Tenant: e.Tenant, Check: e.Check, Subject: e.Subject, Node: e.Node, Owner: e.Owner, Reason: e.Reason, Expires: e.Expires,
		Creator: e.Creator, Created: stamp(e.Created), Approver: e.Approver,
	}
}
