package api

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// AccessStore keeps requests for access.
type AccessStore interface {
	CreateAccess(ctx context.Context, a *model.Access) error
	Access(ctx context.Context, id string) (*model.Access, error)
	Accesses(ctx context.Context, q model.Query) ([]model.Access, string, error)
	UpdateAccess(ctx context.Context, a *model.Access, was model.AccessState) error
}

// Access implements AccessService.
type Access struct {
	Store   AccessStore
	People  PeopleReader
	Objects ObjectReader
	Engine  *authz.Engine
	Now     func() time.Time
}

const (
	accessDuration = time.Hour
	accessLeast    = time.Minute
	accessMost     = 8 * time.Hour
	accessPending  = 24 * time.Hour // then nobody needs to answer any more
	accessAtOnce   = 20             // pending ones of a user
)

// RequestAccess implements AccessService. What no approval could turn into a right is refused here, and what is out of
// the caller's tenant is not there.
func (s *Access) RequestAccess(ctx context.Context, r *bulkheadv1.RequestAccessRequest) (*bulkheadv1.AccessRequest, error) {
	caller, now := gate.Caller(ctx), s.Now().UTC()
	duration := accessDuration
	if r.GetDuration() != nil {
		duration = r.GetDuration().AsDuration()
	}
	if duration < accessLeast || duration > accessMost {
		return nil, invalid("duration", "between a minute and eight hours")
	}
	if !s.Engine.Schema().HasAction(r.GetAction()) {
		return nil, invalid("action", fmt.Sprintf("%q is no action of the schema", r.GetAction()))
	}
	tenant := caller.Tenant
	if tenant == model.SystemTenant {
		tenant = "" // anywhere
	}
	ref := model.Ref{Type: r.GetResource().GetType(), ID: r.GetResource().GetId()}
	o, err := knownObject(ctx, s.Objects, s.Engine.Schema(), tenant, ref, nil)
	if err != nil {
		return nil, err
	}
	if d := s.Engine.WouldApprovalHelp(s.request(ctx, caller, r.GetAction(), o, now)); !d.Allowed {
		return nil, &model.Error{
			Code: model.CodeDenied, Message: "access to " + r.GetAction() + " can't be asked for here: " + d.Reason, Policies: d.Policies,
			Remedy: "`bulkhead policy schema` lists what can be asked for: the actions in the group Requestable.",
		}
	}
	if err := s.room(ctx, caller.ID); err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	a := &model.Access{
		ID: id, Tenant: tenantOfObject(o), User: caller.ID, Action: r.GetAction(), Resource: ref, Reason: r.GetReason(),
		Duration: duration, State: model.AccessPending, Created: now, Expires: now.Add(accessPending),
	}
	if a.Tenant == "" {
		a.Tenant = model.SystemTenant
	}
	if err := s.Store.CreateAccess(ctx, a); err != nil {
		return nil, err
	}
	return accessOut(a, now), nil
}

// room refuses more pending requests than somebody would read.
func (s *Access) room(ctx context.Context, user string) error {
	open, _, err := s.Store.Accesses(ctx, model.Query{Size: 1000, Where: []model.Condition{
		{Field: "user", Op: "=", Value: user}, {Field: "state", Op: "=", Value: string(model.AccessPending)},
	}})
	if err != nil {
		return err
	}
	count := 0
	for i := range open {
		if open[i].Expires.After(s.Now()) {
			count++
		}
	}
	if count >= accessAtOnce {
		return &model.Error{Code: model.CodeTooMany, Message: fmt.Sprintf("you have %d requests pending", count), Remedy: "Wait until they are decided."}
	}
	return nil
}

// ListAccessRequests implements AccessService.
func (s *Access) ListAccessRequests(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"user", "state", "action"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	return s.list(ctx, q, r.GetPage())
}

// ListMyAccessRequests implements AccessService.
func (s *Access) ListMyAccessRequests(ctx context.Context, r *bulkheadv1.ListMyAccessRequestsRequest) (*bulkheadv1.ListAccessRequestsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"state", "action"})
	if err != nil {
		return nil, err
	}
	q.Where = append(q.Where, model.Condition{Field: "user", Op: "=", Value: gate.Caller(ctx).ID})
	return s.list(ctx, q, r.GetPage())
}

func (s *Access) list(ctx context.Context, q model.Query, page *bulkheadv1.Page) (*bulkheadv1.ListAccessRequestsResponse, error) {
	list, next, err := s.Store.Accesses(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListAccessRequestsResponse{NextPage: next}
	for i := range list {
		out.Requests = append(out.Requests, accessOut(&list[i], s.Now()))
	}
	return out, gate.MaskAll(out.GetRequests(), page.GetReadMask())
}

// DecideAccess implements AccessService.
func (s *Access) DecideAccess(ctx context.Context, r *bulkheadv1.DecideAccessRequest) (*bulkheadv1.AccessRequest, error) {
	now := s.Now().UTC()
	a, err := s.Store.Access(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	caller := gate.Caller(ctx)
	switch {
	case caller.ID == a.User:
		return nil, &model.Error{Code: model.CodeDenied, Message: "nobody decides on the own request", Remedy: "Ask another person."}
	case a.State != model.AccessPending || !now.Before(a.Expires):
		return nil, &model.Error{Code: model.CodeConflict, Message: "the request is " + string(stateAt(a, now)) + ", not pending", Remedy: "Ask for access again."}
	}
	a.State, a.Approver, a.Note, a.Decided, a.Expires = model.AccessDenied, caller.ID, r.GetNote(), now, now
	if r.GetApprove() {
		if err := s.mayApprove(ctx, caller, a, now); err != nil {
			return nil, err
		}
		a.State, a.Expires = model.AccessApproved, now.Add(a.Duration)
	}
	if err := s.Store.UpdateAccess(ctx, a, model.AccessPending); err != nil {
		return nil, err
	}
	return accessOut(a, now), nil
}

// mayApprove holds that nobody gives what they have not themselves, and that there is still somebody to give it to.
func (s *Access) mayApprove(ctx context.Context, caller model.Principal, a *model.Access, now time.Time) error {
	who, err := s.People.Account(ctx, a.User)
	if err != nil {
		return err
	}
	if who.Disabled {
		return &model.Error{Code: model.CodeConflict, Message: "the account that asks is disabled"}
	}
	o, err := knownObject(ctx, s.Objects, s.Engine.Schema(), a.Tenant, a.Resource, nil)
	if err != nil {
		return err
	}
	q := s.request(ctx, caller, a.Action, o, now)
	q.FreshFactor = true // the gate asked for it: to approve is dangerous
	if d := s.Engine.MayApprove(ctx, q); !d.Allowed {
		return &model.Error{
			Code: model.CodeDenied, Message: "you can't approve what you may not do yourself: " + d.Reason, Policies: d.Policies,
			Remedy: "`bulkhead policy who-can` lists who may.",
		}
	}
	return independent(ctx, s.People, caller.ID, a.User, a.Created)
}

// RevokeAccess implements AccessService.
func (s *Access) RevokeAccess(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.AccessRequest, error) {
	a, err := s.Store.Access(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return s.end(ctx, a)
}

// Bounds of what a second factor is good for at the engines.
const (
	stepUpDuration = 15 * time.Minute
	stepUpMost     = time.Hour
)

// StepUpEngines implements AccessService. The gate saw to it that the factor is fresh.
func (s *Access) StepUpEngines(ctx context.Context, r *bulkheadv1.StepUpEnginesRequest) (*bulkheadv1.AccessRequest, error) {
	caller, now := gate.Caller(ctx), s.Now().UTC()
	duration := stepUpDuration
	if r.GetDuration() != nil {
		duration = r.GetDuration().AsDuration()
	}
	if duration < accessLeast || duration > stepUpMost {
		return nil, invalid("duration", "between a minute and an hour")
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	a := &model.Access{
		ID: id, Tenant: caller.Tenant, User: caller.ID, Action: model.ActionStepUp, Resource: caller.Ref, Reason: r.GetReason(), Duration: duration,
		State: model.AccessApproved, Approver: caller.ID, Created: now, Decided: now, Expires: now.Add(duration),
	}
	if err := s.Store.CreateAccess(ctx, a); err != nil {
		return nil, err
	}
	return accessOut(a, now), nil
}

// WithdrawAccess implements AccessService. Another's request is not there.
func (s *Access) WithdrawAccess(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.AccessRequest, error) {
	a, err := s.Store.Access(ctx, r.GetId())
	if model.CodeOf(err) == model.CodeNotFound || err == nil && a.User != gate.Caller(ctx).ID {
		return nil, noObject("AccessRequest")
	}
	if err != nil {
		return nil, err
	}
	return s.end(ctx, a)
}

func (s *Access) end(ctx context.Context, a *model.Access) (*bulkheadv1.AccessRequest, error) {
	now, was := s.Now().UTC(), a.State
	if state := stateAt(a, now); state != model.AccessApproved && state != model.AccessPending {
		return nil, &model.Error{Code: model.CodeConflict, Message: "the request is " + string(state) + ": there is nothing to end"}
	}
	a.State, a.Decided, a.Expires = model.AccessRevoked, now, now
	if err := s.Store.UpdateAccess(ctx, a, was); err != nil {
		return nil, err
	}
	return accessOut(a, now), nil
}

func (s *Access) request(ctx context.Context, p model.Principal, action string, o model.Object, now time.Time) model.Request {
	return model.Request{
		Principal: p, Action: action, Resource: o, Time: now,
		Facts: map[string]any{"address": gate.ClientOf(ctx).Address, "door": "api"},
	}
}

// stateAt is the state with time taken into account: nothing needs to run for access to end.
func stateAt(a *model.Access, now time.Time) model.AccessState {
	if (a.State == model.AccessPending || a.State == model.AccessApproved) && !now.Before(a.Expires) {
		return model.AccessExpired
	}
	return a.State
}

func accessOut(a *model.Access, now time.Time) *bulkheadv1.AccessRequest {
	return &bulkheadv1.AccessRequest{
		Id: a.ID, Tenant: a.Tenant, User: a.User, Action: a.Action, Resource: objectRefOut(a.Resource), Reason: a.Reason,
		State: string(stateAt(a, now)), Duration: durationpb.New(a.Duration), Approver: a.Approver, Created: stamp(a.Created),
		Expires: stamp(a.Expires), Note: a.Note,
	}
}
