package api

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// stamp is nil for a time that is not set.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", &model.Error{Code: model.CodeUnavailable, Message: "no randomness for an id", Err: err}
	}
	return id.String(), nil
}

func invalid(field, text string) error {
	return &model.Error{Code: model.CodeInvalid, Message: field + ": " + text, Field: field}
}

// stale refuses a change that was made from an older version; 0 overwrites.
func stale(asked, have int64) error {
	if asked == 0 || asked == have {
		return nil
	}
	return &model.Error{Code: model.CodeConflict, Message: "it was changed in between"}
}

func tenantOut(t *model.Tenant) *bulkheadv1.Tenant {
	return &bulkheadv1.Tenant{Id: t.ID, Name: t.Name, Labels: t.Labels, Created: stamp(t.Created), Version: t.Version}
}

func userOut(a *model.Account, factors []model.Factor) *bulkheadv1.User {
	u := &bulkheadv1.User{
		Id: a.ID, Tenant: a.Tenant, Name: a.Name, DisplayName: a.DisplayName, Email: a.Email, Roles: a.Roles, Groups: a.Groups,
		Hosts: a.Hosts, Disabled: a.Disabled, Created: stamp(a.Created), Version: a.Version, LastSignIn: stamp(a.LastSignIn),
	}
	for _, f := range factors {
		u.HasFactor = u.HasFactor || f.Kind != model.FactorRecovery
	}
	return u
}

func groupOut(g *model.AccountGroup) *bulkheadv1.Group {
	return &bulkheadv1.Group{
		Id: g.ID, Tenant: g.Tenant, Name: g.Name, Roles: g.Roles, Hosts: g.Hosts, Created: stamp(g.Created), Version: g.Version,
	}
}

func sessionOut(s *model.Session, current string) *bulkheadv1.Session {
	return &bulkheadv1.Session{
		Id: s.ID, User: s.User, Amr: s.Auth.AMR, Created: stamp(s.Created), LastSeen: stamp(s.LastSeen), Expires: stamp(s.Expires),
		Address: s.Address, UserAgent: s.UserAgent, Current: s.ID == current,
	}
}

func tokenOut(t *model.Token) *bulkheadv1.Token {
	return &bulkheadv1.Token{
		Id: t.ID, User: t.User, Tenant: t.Tenant, Name: t.Name, Prefix: t.Prefix, Scopes: t.Scopes, Created: stamp(t.Created),
		Expires: stamp(t.Expires), LastUsed: stamp(t.LastUsed), Revoked: !t.Revoked.IsZero(),
	}
}

func jobOut(j *model.Job) *bulkheadv1.Job {
	return &bulkheadv1.Job{
		Id: j.ID, Kind: j.Kind, State: j.State, Attempt: int32(min(j.Attempt, 1<<30)),
		Error: j.Error, Created: stamp(j.Created), Attempted: stamp(j.Attempted), Finished: stamp(j.Finished),
		Result: j.Result.EN, ResultZh: j.Result.ZH,
	}
}
