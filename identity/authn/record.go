package authn

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

// Actions of records that only this package can write, since before them nobody is signed in.
const (
	actionSignIn    = "SignIn"
	actionFactor    = "SignInFactor"
	actionEnrolment = "EnrolmentComplete"
	actionClone     = "FactorCloned"
)

// event is what a record says of an attempt. The account is nil where nobody can be named: what was typed as a name is not
// kept, since people type their password there.
type event struct {
	action     string
	account    *model.Account
	outcome    model.Outcome
	reason     string
	amr        []string
	credential string
	of         string
	changes    map[string]string
}

// record writes an event to the log and gives its id. Where that fails, what it is about must not happen.
func (s *Service) record(ctx context.Context, c Client, e event) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", coded(err, "making an id")
	}
	r := model.Record{
		ID: id.String(), Time: s.now(), Tenant: model.SystemTenant, Action: e.action, Resource: model.Ref{Type: "User"},
		Outcome: e.outcome, Reason: e.reason, Address: c.Address, UserAgent: cut(c.UserAgent, 256), Credential: e.credential,
		AMR: e.amr, Of: e.of, Changes: e.changes,
	}
	if e.account != nil {
		r.Tenant, r.Resource.ID = e.account.Tenant, e.account.ID
		r.Actor, r.ActorName = e.account.ID, e.account.Name
	}
	if _, err := s.recorder.Append(ctx, r); err != nil {
		return "", fail(model.CodeAuditUnavailable, "the audit log can't be written, so nobody is signed in",
			"see the server's log; the disk may be full", err)
	}
	return r.ID, nil
}

// refuse records a refusal and gives the error that the caller sees.
func (s *Service) refuse(ctx context.Context, c Client, e event, err error) error {
	e.outcome = model.OutcomeRefused
	if _, aerr := s.record(ctx, c, e); aerr != nil {
		return aerr
	}
	return err
}

// cut shortens to at most so many bytes, at a character's end.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
