package authn

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func lookup(err error) error {
	if missing(err) {
		return errSession(err)
	}
	return coded(err, "looking up who is calling")
}

func (s *Service) idleEnd(session *model.Session, now time.Time) time.Time {
	idle, _ := s.limits(session.Auth)
	if end := now.Add(idle); end.Before(session.Expires) {
		return end
	}
	return session.Expires
}

// principalOf reads the session's account again, so that a change of it counts at once.
func (s *Service) principalOf(ctx context.Context, session *model.Session) (model.Principal, error) {
	account, err := s.store.Account(ctx, session.User)
	if err != nil {
		return model.Principal{}, lookup(err)
	}
	return s.principal(ctx, account, model.Ref{Type: "Session", ID: session.ID}, session.Auth)
}

func (s *Service) principal(ctx context.Context, a *model.Account, credential model.Ref, auth model.Strength) (model.Principal, error) {
	if a.Disabled {
		return model.Principal{}, errSession(nil)
	}
	p := model.Principal{
		Ref: model.Ref{Type: "User", ID: a.ID}, Name: a.Name, Tenant: a.Tenant, Credential: credential, Auth: auth,
	}
	if auth.Pending { // no rights before the factor was shown
		return p, nil
	}
	groups, err := s.store.GroupsOf(ctx, a)
	if err != nil {
		return model.Principal{}, coded(err, "reading groups")
	}
	p.Roles, p.Hosts = slices.Clone(a.Roles), slices.Clone(a.Hosts)
	for _, g := range groups {
		p.Groups = append(p.Groups, g.ID)
		p.Roles = append(p.Roles, g.Roles...)
		p.Hosts = append(p.Hosts, g.Hosts...)
	}
	p.Roles, p.Hosts = unique(p.Roles), unique(p.Hosts)
	return p, nil
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// Sessions lists the sessions of a user that have not ended.
func (s *Service) Sessions(ctx context.Context, user string) ([]model.Session, error) {
	all, err := s.store.SessionsOf(ctx, user)
	if err != nil {
		return nil, coded(err, "listing sessions")
	}
	now := s.now()
	return slices.DeleteFunc(all, func(m model.Session) bool { return !now.Before(m.Expires) || !now.Before(m.Idle) }), nil
}

// Expires is when the caller's session or token ends at the latest; zero for other credentials.
func (s *Service) Expires(ctx context.Context, p model.Principal) (time.Time, error) {
	switch p.Credential.Type {
	case "Session":
		session, err := s.store.Session(ctx, p.Credential.ID)
		if err != nil {
			return time.Time{}, lookup(err)
		}
		return session.Expires, nil
	case "Token":
		token, err := s.store.Token(ctx, p.Credential.ID)
		if err != nil {
			return time.Time{}, lookup(err)
		}
		return token.Expires, nil
	}
	return time.Time{}, nil
}

// RevokeSession ends a session of the user. Another user's session is not found.
func (s *Service) RevokeSession(ctx context.Context, user, id string) error {
	session, err := s.store.Session(ctx, id)
	if err != nil || session.User != user {
		if err == nil || missing(err) {
			return fail(model.CodeNotFound, "there is no such session", "list the sessions", err)
		}
		return coded(err, "reading the session")
	}
	return coded(s.store.DeleteSession(ctx, id), "ending the session")
}

// RevokeSessions ends all sessions of a user.
func (s *Service) RevokeSessions(ctx context.Context, user string) error {
	return coded(s.store.DeleteSessionsOf(ctx, user, ""), "ending the sessions")
}

// SignOut ends the caller's session.
func (s *Service) SignOut(ctx context.Context, p model.Principal) error {
	if p.Credential.Type != "Session" {
		return fail(model.CodeInvalid, "an API token can't sign out", "revoke the token", nil)
	}
	if err := s.store.DeleteSession(ctx, p.Credential.ID); err != nil && !missing(err) {
		return coded(err, "ending the session")
	}
	return nil
}

// entry is a session that is about to begin.
type entry struct {
	action  string
	account *model.Account
	auth    model.Strength
	client  string // of a device flow
	replace string // id of the session that this one takes the place of
	changes map[string]string
	// silent entries are recorded by the door already.
	silent bool
	// also is done in the same transaction, before the session is made.
	also func(ctx context.Context) error
}

// enter begins a session: the record first, then the session, then the answer. A session that changes its strength gets a new
// id and secret, so that a secret planted before is worth nothing after.
func (s *Service) enter(ctx context.Context, c Client, e entry) (*SignedIn, error) {
	secret, session := s.newSession(c, e)
	session.Auth = e.auth
	var of string
	ev := event{
		action: e.action, account: e.account, outcome: model.OutcomeAllowed, amr: e.auth.AMR, credential: session.ID, changes: e.changes,
	}
	if !e.silent {
		id, err := s.record(ctx, c, ev)
		if err != nil {
			return nil, err
		}
		of = id
	}
	out := &SignedIn{Secret: secret}
	err := s.store.InTx(ctx, func(ctx context.Context) error { return s.begin(ctx, e, session, out) })
	if err == nil {
		return out, nil
	}
	err = coded(err, "signing in")
	if !e.silent {
		ev.outcome, ev.of, ev.reason = model.OutcomeFailed, of, string(model.CodeOf(err))
		if _, aerr := s.record(ctx, c, ev); aerr != nil {
			return nil, aerr
		}
	}
	return nil, err
}

func (s *Service) begin(ctx context.Context, e entry, session *model.Session, out *SignedIn) error {
	if e.also != nil {
		if err := e.also(ctx); err != nil {
			return err
		}
	}
	factors, err := s.store.FactorsOf(ctx, e.account.ID)
	if err != nil {
		return err
	}
	session.Auth.Pending = !session.Auth.MFA && slices.ContainsFunc(factors, strong)
	idle, absolute := s.limits(session.Auth)
	session.Expires = session.Auth.Time.Add(absolute)
	session.Idle = session.Created.Add(idle)
	if session.Expires.Before(session.Idle) {
		session.Idle = session.Expires
	}
	if e.replace != "" {
		if err = s.store.RotateSession(ctx, e.replace, session); missing(err) {
			err = errSession(err)
		}
	} else if err = s.store.CreateSession(ctx, session); err == nil {
		err = s.store.TouchAccount(ctx, e.account.ID, session.Created)
	}
	if err != nil {
		return err
	}
	out.Factors, out.Expires = kinds(factors), session.Expires
	out.Principal, err = s.principal(ctx, e.account, model.Ref{Type: "Session", ID: session.ID}, session.Auth)
	if err != nil {
		return err
	}
	out.Next = s.next(out.Principal, factors)
	return nil
}

func (s *Service) newSession(c Client, e entry) (string, *model.Session) {
	secret, now := newSecret(prefixSession), s.now()
	hash, _ := secretHash(secret, prefixSession)
	return secret, &model.Session{
		ID: publicID(secret), SecretHash: hash, User: e.account.ID, Tenant: e.account.Tenant, Created: now, LastSeen: now,
		Address: c.Address, UserAgent: cut(c.UserAgent, 256), Client: e.client,
	}
}
