package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ExceptionRequestStore keeps requests for exceptions.
type ExceptionRequestStore interface {
	CreateExceptionRequest(ctx context.Context, x *model.ExceptionRequest) error
	ExceptionRequest(ctx context.Context, id string) (*model.ExceptionRequest, error)
	ExceptionRequests(ctx context.Context, q model.Query) ([]model.ExceptionRequest, string, error)
	DecideExceptionRequest(ctx context.Context, x *model.ExceptionRequest, made *model.StoredException) error
}

// Requests that wait: of one person, and of a tenant.
const (
	exceptionsAsked   = 20
	exceptionsWaiting = 500
)

// RequestException implements FindingService.
func (s *Findings) RequestException(ctx context.Context, r *bulkheadv1.RequestExceptionRequest) (*bulkheadv1.ExceptionRequest, error) {
	e, err := s.draftException(ctx, r.GetException())
	if err != nil {
		return nil, err
	}
	if err := s.roomToAsk(ctx, e.Tenant, e.Creator); err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	x := &model.ExceptionRequest{
		ID: id, Tenant: e.Tenant, Node: e.Node, Requester: e.Creator, Created: s.Now(), State: model.ExceptionPending, Exception: e.Exception,
	}
	if err := s.Requests.CreateExceptionRequest(ctx, x); err != nil {
		return nil, err
	}
	return exceptionRequestOut(x, s.Now()), nil
}

// roomToAsk refuses more requests than somebody would read.
func (s *Findings) roomToAsk(ctx context.Context, tenant, user string) error {
	waiting, more, err := s.Requests.ExceptionRequests(ctx, model.Query{
		Tenant: tenant, Size: exceptionsWaiting, Where: []model.Condition{{Field: "state", Op: "=", Value: string(model.ExceptionPending)}},
	})
	if err != nil {
		return err
	}
	own, open := 0, 0
	for i := range waiting {
		if exceptionStateAt(&waiting[i], s.Now()) != model.ExceptionPending {
			continue
		}
		if open++; waiting[i].Requester == user {
			own++
		}
	}
	switch {
	case own >= exceptionsAsked:
		return &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("%d of your requests wait to be decided", own),
			Remedy: "Wait until they are, or take some back with `bulkhead exceptions withdraw`.",
		}
	case more != "" || open >= exceptionsWaiting:
		return &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("%d requests of the tenant wait to be decided, which is the most", open),
			Remedy: "Have an owner or administrator decide them first.",
		}
	}
	return nil
}

// ListExceptionRequests implements FindingService.
func (s *Findings) ListExceptionRequests(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListExceptionRequestsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"state", "check", "node", "requester", "owner"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Requests.ExceptionRequests(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListExceptionRequestsResponse{NextPage: next}
	for i := range list {
		out.Requests = append(out.Requests, exceptionRequestOut(&list[i], s.Now()))
	}
	return out, gate.MaskAll(out.GetRequests(), r.GetPage().GetReadMask())
}

// GetExceptionRequest implements FindingService.
func (s *Findings) GetExceptionRequest(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.ExceptionRequest, error) {
	x, err := s.Requests.ExceptionRequest(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return exceptionRequestOut(x, s.Now()), nil
}

// DecideException implements FindingService. What is approved is held to what holds for every exception, at this moment.
func (s *Findings) DecideException(ctx context.Context, r *bulkheadv1.DecideExceptionRequest) (*bulkheadv1.ExceptionRequest, error) {
	now, caller := s.Now(), gate.Caller(ctx)
	x, err := s.Requests.ExceptionRequest(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.waits(x); err != nil {
		return nil, err
	}
	if caller.ID == x.Requester {
		return nil, &model.Error{Code: model.CodeDenied, Message: "nobody decides on the own request", Remedy: "Ask another person."}
	}
	x.State, x.Decider, x.Note, x.Decided = model.ExceptionRejected, caller.ID, strings.TrimSpace(r.GetNote()), now
	var made *model.StoredException
	switch {
	case r.GetApprove():
		if err := independent(ctx, s.People, caller.ID, x.Requester, x.Created); err != nil {
			return nil, err
		}
		if made, err = s.approved(ctx, x); err != nil {
			return nil, err
		}
		x.State, x.Stored = model.ExceptionApproved, made.ID
	case x.Note == "":
		return nil, &model.Error{
			Code: model.CodeInvalid, Field: "note", Message: "note: say why it is rejected", Remedy: "Whoever asked has to know what to change.",
		}
	}
	if err := s.Requests.DecideExceptionRequest(ctx, x, made); err != nil {
		return nil, err
	}
	return exceptionRequestOut(x, now), nil
}

// approved is the exception that comes of a request.
func (s *Findings) approved(ctx context.Context, x *model.ExceptionRequest) (*model.StoredException, error) {
	e, err := s.draftException(ctx, &bulkheadv1.Exception{
		Tenant: x.Tenant, Check: x.Check, Subject: x.Subject, Node: x.Node, Owner: x.Owner, Reason: x.Reason, Expires: x.Expires,
	})
	if err != nil {
		return nil, err
	}
	e.Creator, e.Approver = x.Requester, x.Decider
	e.ID, err = newID()
	return e, err
}

// WithdrawExceptionRequest implements FindingService.
func (s *Findings) WithdrawExceptionRequest(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.ExceptionRequest, error) {
	x, err := s.Requests.ExceptionRequest(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.waits(x); err != nil {
		return nil, err
	}
	caller := gate.Caller(ctx)
	if caller.ID != x.Requester {
		return nil, &model.Error{
			Code: model.CodeDenied, Message: "only whoever asked takes a request back", Remedy: "Reject it: `bulkhead exceptions reject`.",
		}
	}
	x.State, x.Decider, x.Decided = model.ExceptionWithdrawn, caller.ID, s.Now()
	if err := s.Requests.DecideExceptionRequest(ctx, x, nil); err != nil {
		return nil, err
	}
	return exceptionRequestOut(x, s.Now()), nil
}

// waits refuses what is decided, or over.
func (s *Findings) waits(x *model.ExceptionRequest) error {
	if state := exceptionStateAt(x, s.Now()); state != model.ExceptionPending {
		return &model.Error{Code: model.CodeConflict, Message: "the request is " + string(state) + ", not pending", Remedy: "Ask for the exception again."}
	}
	return nil
}

// exceptionStateAt is a request's state: whose last day is over can't be decided any more.
func exceptionStateAt(x *model.ExceptionRequest, now time.Time) model.ExceptionState {
	if x.State == model.ExceptionPending && x.Expires < now.UTC().Format(time.DateOnly) {
		return model.ExceptionOver
	}
	return x.State
}

func exceptionRequestOut(x *model.ExceptionRequest, now time.Time) *bulkheadv1.ExceptionRequest {
	return &bulkheadv1.ExceptionRequest{
		Id: x.ID, Requester: x.Requester, Created: stamp(x.Created), State: string(exceptionStateAt(x, now)), Decider: x.Decider, Note: x.Note,
		Decided: stamp(x.Decided), Exception: &bulkheadv1.Exception{
			Id: x.Stored, Tenant: x.Tenant, Check: x.Check, Subject: x.Subject, Node: x.Node, Owner: x.Owner, Reason: x.Reason, Expires: x.Expires,
		},
	}
}
