package authn

import (
	"context"
	"regexp"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

// firstLock is the name under which the store keeps who the first administrator was: it can be taken once.
const firstLock = "authn/first-administrator"

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,63}$`)

// Enrolment is for whom an enrolment code is. Name is empty for the first administrator, who chooses it.
type Enrolment struct {
	Tenant  string
	Name    string
	Expires time.Time
}

type enrolment struct {
	First bool `json:"first,omitempty"`
}

// Bootstrap makes a one-time code for the first administrator while there is none, and gives "" afterwards. Each start makes
// one of its own; the first that is used up ends them all.
func (s *Service) Bootstrap(ctx context.Context) (code string, expires time.Time, err error) {
	first, err := s.nobodyYet(ctx)
	if err != nil || !first {
		return "", time.Time{}, err
	}
	expires = s.now().Add(enrolmentLife)
	code, err = s.issue(ctx, model.Ticket{Kind: model.TicketEnrolment, Tenant: model.SystemTenant}, prefixEnrolment, enrolmentLife, enrolment{First: true})
	return code, expires, err
}

func (s *Service) nobodyYet(ctx context.Context) (bool, error) {
	if _, err := s.store.Secret(ctx, firstLock); !missing(err) {
		return false, coded(err, "looking for administrators")
	}
	admins, err := s.store.Administrators(ctx)
	return len(admins) == 0, coded(err, "looking for administrators")
}

// Invite makes a one-time enrolment code for an account and ends its sessions and earlier codes. When the code is used, the old
// password, factors, tokens and failures end.
func (s *Service) Invite(ctx context.Context, a *model.Account) (code string, expires time.Time, err error) {
	expires = s.now().Add(enrolmentLife)
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.store.TicketByLookup(ctx, model.TicketEnrolment, a.ID)
		if err == nil {
			_, err = s.store.TakeTicket(ctx, model.TicketEnrolment, old.ID, s.now())
		}
		if err != nil && !missing(err) {
			return err
		}
		if err := s.store.DeleteSessionsOf(ctx, a.ID, ""); err != nil {
			return err
		}
		code, err = s.issue(ctx, model.Ticket{
			Kind: model.TicketEnrolment, Tenant: a.Tenant, User: a.ID, Lookup: a.ID,
		}, prefixEnrolment, enrolmentLife, enrolment{})
		return err
	})
	if err != nil {
		return "", time.Time{}, coded(err, "making an enrolment code")
	}
	return code, expires, nil
}

// Enrolment tells for whom a code is, without using it up.
func (s *Service) Enrolment(ctx context.Context, code string) (*Enrolment, error) {
	t, account, _, err := s.enrolee(ctx, code)
	if err != nil {
		return nil, err
	}
	out := &Enrolment{Tenant: t.Tenant, Expires: t.Expires}
	if account != nil {
		out.Name = account.Name
	}
	return out, nil
}

// enrolee gives the ticket and, unless the ticket is for the first administrator, the account.
func (s *Service) enrolee(ctx context.Context, code string) (*model.Ticket, *model.Account, enrolment, error) {
	var data enrolment
	t, err := s.look(ctx, model.TicketEnrolment, prefixEnrolment, code, &data)
	if err != nil {
		return nil, nil, data, err
	}
	if data.First {
		first, err := s.nobodyYet(ctx)
		if err == nil && !first {
			err = errTicket(nil)
		}
		return t, nil, data, err
	}
	account, err := s.store.Account(ctx, t.User)
	if err != nil {
		return nil, nil, data, ticketError(err)
	}
	if account.Disabled {
		return nil, nil, data, errTicket(nil)
	}
	return t, account, data, nil
}

// CompleteEnrolment uses a code up: it sets the password, ends older factors and sessions, and signs in.
func (s *Service) CompleteEnrolment(ctx context.Context, c Client, code, name, password string) (*SignedIn, error) {
	ev := event{action: actionEnrolment, amr: []string{amrPassword}}
	if err := s.addressOpen(ctx, c); err != nil {
		ev.reason = "too many failures from this address"
		return nil, s.refuse(ctx, c, ev, err)
	}
	t, account, data, err := s.enrolee(ctx, code)
	if err != nil {
		if model.CodeOf(err) != model.CodeExpired {
			return nil, err
		}
		ev.reason = "unknown, used or expired code"
		if aerr := s.addressFailed(ctx, c); aerr != nil {
			return nil, aerr
		}
		return nil, s.refuse(ctx, c, ev, err)
	}
	if data.First {
		if account, err = s.firstAdministrator(cleanName(name)); err != nil {
			return nil, err
		}
	}
	write, err := s.preparePassword(ctx, account, password, false)
	if err != nil {
		return nil, err
	}
	return s.enter(ctx, c, entry{
		action: actionEnrolment, account: account, auth: model.Strength{AMR: []string{amrPassword}, Time: s.now()},
		also: func(ctx context.Context) error {
			if _, err := s.store.TakeTicket(ctx, t.Kind, t.ID, s.now()); err != nil {
				return ticketError(err)
			}
			if data.First {
				err = s.createFirst(ctx, account)
			} else {
				err = s.forget(ctx, account)
			}
			if err != nil {
				return err
			}
			return write(ctx)
		},
	})
}

func (s *Service) firstAdministrator(name string) (*model.Account, error) {
	if !accountName.MatchString(name) {
		return nil, &model.Error{
			Code: model.CodeInvalid, Field: "name", Message: "the name is missing or has characters that names can't have",
			Remedy: "take 1 to 64 lower-case letters, digits and ._@+-, the first a letter or digit",
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, coded(err, "making an id")
	}
	return &model.Account{
		ID: id.String(), Tenant: model.SystemTenant, Name: name, Roles: []string{model.RoleAdministrator}, Created: s.now(),
	}, nil
}

func (s *Service) createFirst(ctx context.Context, a *model.Account) error {
	if err := s.store.CreateSecret(ctx, firstLock, []byte(a.ID)); err != nil {
		if model.CodeOf(err) == model.CodeExists {
			return errTicket(err)
		}
		return err
	}
	return s.store.CreateAccount(ctx, a)
}

// forget ends what an account had before it enrols anew, tokens too: whoever was in it before may have made them.
func (s *Service) forget(ctx context.Context, a *model.Account) error {
	factors, err := s.store.FactorsOf(ctx, a.ID)
	if err != nil {
		return err
	}
	for _, f := range factors {
		if err := s.store.DeleteFactor(ctx, f.ID); err != nil {
			return err
		}
	}
	if err := s.store.DeleteSessionsOf(ctx, a.ID, ""); err != nil {
		return err
	}
	if err := s.store.RevokeTokensOf(ctx, a.ID, s.now()); err != nil {
		return err
	}
	for _, key := range []string{passwordKey(a.Tenant, a.Name), factorKey(a.ID)} {
		if err := s.store.ClearFailures(ctx, key); err != nil {
			return err
		}
	}
	return nil
}
