package authn

import (
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestFirstAdministrator(t *testing.T) {
	w := newWorld(t)
	one, expires, err := w.Bootstrap(ctx(t))
	must(t, err)
	if one == "" || !expires.After(w.now()) {
		t.Fatalf("no code at first start: %q, %s", one, expires)
	}
	two, _, err := w.Bootstrap(ctx(t))
	must(t, err)
	e, err := w.Enrolment(ctx(t), one)
	must(t, err)
	if e.Tenant != model.SystemTenant || e.Name != "" {
		t.Errorf("the code is for %+v", e)
	}
	_, err = w.CompleteEnrolment(ctx(t), here, one, "root", "short")
	wantCode(t, err, model.CodeInvalid)
	in, err := w.CompleteEnrolment(ctx(t), here, one, "Ada", goodPassword)
	must(t, err)
	if in.Next != StepRegister || in.Principal.Name != "ada" || in.Principal.Roles[0] != model.RoleAdministrator {
		t.Errorf("the first administrator is %+v", in)
	}
	if r := w.log.last(t); r.Action != "EnrolmentComplete" || r.Outcome != model.OutcomeAllowed || r.Actor != in.Principal.ID {
		t.Errorf("the record is %+v", r)
	}
	for _, code := range []string{one, two} { // used, and of another start
		_, err = w.CompleteEnrolment(ctx(t), here, code, "eve", goodPassword)
		wantCode(t, err, model.CodeExpired)
	}
	again, _, err := w.Bootstrap(ctx(t))
	must(t, err)
	if again != "" {
		t.Error("there is a second first administrator")
	}
}

func TestInviteEndsWhatWas(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	in := w.signIn(a)
	_, reg := w.app(in)
	old, _, err := w.Invite(ctx(t), a)
	must(t, err)
	w.refusedSecret(reg.Session.Secret)
	code, _, err := w.Invite(ctx(t), a)
	must(t, err)
	_, err = w.Enrolment(ctx(t), old)
	wantCode(t, err, model.CodeExpired)
	in, err = w.CompleteEnrolment(ctx(t), here, code, "", "another five gulls at sea")
	must(t, err)
	if in.Next != StepDone || len(in.Factors) != 0 || in.Principal.ID != a.ID {
		t.Errorf("after the invitation: %+v", in)
	}
	_, err = w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
	wantCode(t, err, model.CodeUnauthenticated)
	w.pass(100 * time.Hour)
	late, _, err := w.Invite(ctx(t), a)
	must(t, err)
	w.pass(enrolmentLife)
	_, err = w.CompleteEnrolment(ctx(t), here, late, "", goodPassword)
	wantCode(t, err, model.CodeExpired)
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob", model.RoleDeveloper)
	t.Run("idle", func(t *testing.T) {
		in := w.signIn(a)
		w.pass(9 * time.Minute)
		w.who(in.Secret)
		w.pass(9 * time.Minute)
		w.who(in.Secret)
		w.pass(10 * time.Minute)
		w.refusedSecret(in.Secret)
	})
	t.Run("absolute", func(t *testing.T) {
		in := w.signIn(a)
		for range 11 {
			w.pass(5 * time.Minute)
			w.who(in.Secret)
		}
		w.pass(5 * time.Minute)
		w.refusedSecret(in.Secret)
	})
	t.Run("disabled", func(t *testing.T) {
		in := w.signIn(a)
		token, secret, err := w.CreateToken(ctx(t), a.ID, "ci", []string{"AssessmentPublish"}, 1, in.Principal)
		must(t, err)
		if p := w.who(secret); p.Credential.ID != token.ID || len(p.Scopes) != 1 || p.Roles[0] != model.RoleDeveloper {
			t.Errorf("the token is %+v", p)
		}
		b, err := w.store.Account(ctx(t), a.ID)
		must(t, err)
		b.Disabled = true
		must(t, w.store.UpdateAccount(ctx(t), b))
		w.refusedSecret(in.Secret)
		w.refusedSecret(secret)
		_, err = w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
		wantCode(t, err, model.CodeUnauthenticated)
		b.Disabled = false
		must(t, w.store.UpdateAccount(ctx(t), b))
	})
	t.Run("revoked", func(t *testing.T) {
		one, two := w.signIn(a), w.signIn(a)
		must(t, w.RevokeSession(ctx(t), a.ID, one.Principal.Credential.ID))
		w.refusedSecret(one.Secret)
		wantCode(t, w.RevokeSession(ctx(t), "somebody", two.Principal.Credential.ID), model.CodeNotFound)
		must(t, w.SignOut(ctx(t), w.who(two.Secret)))
		w.refusedSecret(two.Secret)
		three := w.signIn(a)
		must(t, w.RevokeSessions(ctx(t), a.ID))
		w.refusedSecret(three.Secret)
	})
}

// What others do to the store counts with the next call, whatever was remembered.
func TestNothingStale(t *testing.T) {
	w := newWorld(t)
	db := w.store.(*store.Store)
	other, err := New(Options{ // a replica
		Store: w.store, Recorder: w.log, Sealer: w.sealer, Settings: w.settings, Clock: w.now, PublicURL: w.public.String(), Argon: light,
	})
	must(t, err)
	w.group("developers", model.RoleDeveloper)
	a := w.account("bob")
	update := func(change func(a *model.Account)) {
		b, err := db.Account(ctx(t), a.ID)
		must(t, err)
		change(b)
		must(t, db.UpdateAccount(ctx(t), b))
	}
	in := w.signIn(a)
	_, token, err := w.CreateToken(ctx(t), a.ID, "ci", []string{"x"}, 1, in.Principal)
	must(t, err)
	roles := func(want ...string) {
		t.Helper()
		for _, s := range []*Service{w.Service, other, w.Service} {
			for _, secret := range []string{in.Secret, token} {
				p, err := s.Authenticate(ctx(t), secret, "", "")
				must(t, err)
				if !slices.Equal(p.Roles, want) {
					t.Errorf("the roles are %v, want %v", p.Roles, want)
				}
				p.Roles = append(p.Roles, "mine")
			}
		}
	}
	roles()
	update(func(a *model.Account) { a.Roles = []string{model.RoleAuditor} })
	roles(model.RoleAuditor)
	update(func(a *model.Account) { a.Groups = []string{"g-developers"} })
	roles(model.RoleAuditor, model.RoleDeveloper)
	g, err := db.Group(ctx(t), "g-developers")
	must(t, err)
	g.Roles = []string{model.RoleOperator}
	must(t, db.UpdateGroup(ctx(t), g))
	roles(model.RoleAuditor, model.RoleOperator)
	must(t, db.DeleteGroup(ctx(t), g.ID))
	roles(model.RoleAuditor)
	gone := func(secret string) {
		t.Helper()
		for _, s := range []*Service{w.Service, other} {
			_, err := s.Authenticate(ctx(t), secret, "", "")
			wantCode(t, err, model.CodeUnauthenticated)
		}
	}
	must(t, db.RevokeToken(ctx(t), mustID(t, w, token), w.now()))
	gone(token)
	must(t, db.DeleteSessionsOf(ctx(t), a.ID, ""))
	gone(in.Secret)
	in = w.signIn(a)
	_, token, err = w.CreateToken(ctx(t), a.ID, "ci", []string{"x"}, 1, in.Principal)
	must(t, err)
	roles(model.RoleAuditor)
	update(func(a *model.Account) { a.Disabled = true })
	gone(in.Secret)
	gone(token)
	update(func(a *model.Account) { a.Disabled = false })
	roles(model.RoleAuditor)
	must(t, db.DeleteAccount(ctx(t), a.ID))
	gone(in.Secret)
	gone(token)
}

func mustID(t *testing.T, w *world, secret string) string {
	t.Helper()
	p, err := w.Authenticate(ctx(t), secret, "", "")
	must(t, err)
	return p.Credential.ID
}

func TestLastSeenIsKeptOnceAMinute(t *testing.T) {
	w := newWorld(t)
	in := w.signIn(w.account("bob"))
	seen := func() time.Time {
		s, err := w.store.Session(ctx(t), in.Principal.Credential.ID)
		must(t, err)
		return s.LastSeen
	}
	was := seen()
	w.pass(59 * time.Second)
	w.who(in.Secret)
	if !seen().Equal(was) {
		t.Error("it was written again within a minute")
	}
	w.pass(time.Second)
	w.who(in.Secret)
	if !seen().Equal(w.now()) {
		t.Errorf("seen at %s, kept %s", w.now(), seen())
	}
}

func TestFixationFails(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	in := w.signIn(a)
	secret, reg := w.app(in)
	w.refusedSecret(in.Secret) // the session from before the factor was registered
	w.pass(time.Minute)
	stepped, err := w.VerifyCode(ctx(t), here, w.who(reg.Session.Secret), w.code(secret))
	must(t, err)
	w.refusedSecret(reg.Session.Secret)
	changed, err := w.ChangePassword(ctx(t), here, w.who(stepped.Secret), goodPassword, "8 chars!")
	must(t, err)
	w.refusedSecret(stepped.Secret)
	if p := w.who(changed.Secret); !p.Auth.MFA {
		t.Errorf("the strength was lost: %+v", p.Auth)
	}
	_, err = w.VerifyCode(ctx(t), here, stepped.Principal, w.code(secret)) // two at once: the first took the session
	if err == nil {
		t.Error("a session that was replaced was replaced again")
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob", model.RoleDeveloper)
	in := w.signIn(a)
	_, reg := w.app(in)
	p := w.who(reg.Session.Secret)
	_, secret, err := w.CreateToken(ctx(t), a.ID, "ci", []string{"AssessmentPublish"}, 1, p)
	must(t, err)
	by := w.who(secret)
	if !by.Auth.MFA || !by.Auth.FactorTime.IsZero() || by.Credential.Type != "Token" {
		t.Errorf("the token's strength is %+v", by.Auth)
	}
	if _, _, err := w.CreateToken(ctx(t), a.ID, "more", []string{"x"}, 1, by); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("a token made a token: %v", err)
	}
	if _, err := w.BeginTOTP(ctx(t), by); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("a token registers a factor: %v", err)
	}
	for name, bad := range map[string]func() error{
		"too long":    func() error { _, _, err := w.CreateToken(ctx(t), a.ID, "ci", []string{"x"}, 31, p); return err },
		"no scope":    func() error { _, _, err := w.CreateToken(ctx(t), a.ID, "ci", nil, 1, p); return err },
		"empty scope": func() error { _, _, err := w.CreateToken(ctx(t), a.ID, "ci", []string{""}, 1, p); return err },
		"no name":     func() error { _, _, err := w.CreateToken(ctx(t), a.ID, "", []string{"x"}, 1, p); return err },
	} {
		if err := bad(); model.CodeOf(err) != model.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	owner := w.account("olga", model.RoleOwner)
	if _, _, err := w.CreateToken(ctx(t), owner.ID, "up", []string{"x"}, 1, p); model.CodeOf(err) != model.CodeDenied {
		t.Errorf("a developer made an owner's token: %v", err)
	}
	b, err := w.store.Account(ctx(t), a.ID)
	must(t, err)
	b.Roles = nil
	must(t, w.store.UpdateAccount(ctx(t), b))
	if got := w.who(secret); len(got.Roles) != 0 {
		t.Errorf("the token kept roles that the user lost: %v", got.Roles)
	}
	must(t, w.RevokeToken(ctx(t), by.Credential.ID))
	w.refusedSecret(secret)
	_, secret, err = w.CreateToken(ctx(t), a.ID, "ci", []string{"x"}, 1, p)
	must(t, err)
	w.pass(day)
	w.refusedSecret(secret)
}

func TestNothingHappensWithoutARecord(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	w.log.broken = true
	_, err := w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
	wantCode(t, err, model.CodeAuditUnavailable)
	_, err = w.SignIn(ctx(t), here, a.Tenant, a.Name, "wrong")
	wantCode(t, err, model.CodeAuditUnavailable)
	sessions, err := w.Sessions(ctx(t), a.ID)
	must(t, err)
	if len(sessions) != 0 {
		t.Errorf("a session without a record: %+v", sessions)
	}
}

func FuzzSecret(f *testing.F) {
	f.Add(newSecret(prefixSession))
	f.Add("bhs_")
	f.Fuzz(func(t *testing.T, s string) {
		if hash, ok := secretHash(s, prefixSession); ok && (len(s) != secretLength || len(hash) != 32) {
			t.Errorf("%q is taken", s)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	in := w.signIn(w.account("bob", model.RoleDeveloper))
	for b.Loop() {
		if _, err := w.Authenticate(b.Context(), in.Secret, "", ""); err != nil {
			b.Fatal(err)
		}
	}
}
