package authn

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestNewFactorTakesAFreshOne: a session that was stolen, or that a program has, must not make itself fresh by registering a
// factor of its own.
func TestNewFactorTakesAFreshOne(t *testing.T) {
	w := newWorld(t)
	_, reg := w.app(w.signIn(w.account("bob", model.RoleOwner)))
	p := reg.Session.Principal
	begun, err := w.BeginTOTP(ctx(t), p)
	must(t, err)
	w.pass(6 * time.Minute)
	for name, do := range map[string]func() error{
		"begin":   func() error { _, err := w.BeginTOTP(ctx(t), p); return err },
		"finish":  func() error { _, err := w.FinishTOTP(ctx(t), here, p, begun.ID, w.code(begun.Secret), "x"); return err },
		"passkey": func() error { _, err := w.BeginPasskey(ctx(t), p); return err },
		"codes":   func() error { _, err := w.ReplaceRecoveryCodes(ctx(t), p); return err },
	} {
		if err := do(); model.CodeOf(err) != model.CodeStepUpRequired {
			t.Errorf("%s with a stale session: %v", name, err)
		}
	}
}

func TestNewFactorMakesNothingFresher(t *testing.T) {
	w := newWorld(t)
	_, reg := w.app(w.signIn(w.account("bob")))
	shown := reg.Session.Principal.Auth.FactorTime
	w.pass(4 * time.Minute)
	_, again := w.app(reg.Session)
	if got := again.Session.Principal.Auth.FactorTime; !got.Equal(shown) {
		t.Errorf("the factor of %s is said to have been shown at %s", shown, got)
	}
	w.pass(2 * time.Minute)
	if w.fresh(again.Session.Principal.Auth) {
		t.Error("registering a factor made the session fresh")
	}
}

func TestDeviceStepUp(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	secret, reg := w.app(w.signIn(a))
	person := reg.Session.Principal
	start, err := w.StartDevice(ctx(t), here, "cli")
	must(t, err)
	must(t, w.DecideDevice(ctx(t), person, start.UserCode, true))
	program, err := w.PollDevice(ctx(t), here, start.DeviceCode)
	must(t, err)
	w.pass(6 * time.Minute)

	_, err = w.StartDeviceStepUp(ctx(t), here, model.Principal{}, "cli")
	wantCode(t, err, model.CodeUnauthenticated)
	start, err = w.StartDeviceStepUp(ctx(t), here, program.Principal, "cli")
	must(t, err)
	other := w.account("eve")
	_, err = w.GetDevice(ctx(t), w.signIn(other).Principal, start.UserCode)
	wantCode(t, err, model.CodeExpired)
	if d, err := w.GetDevice(ctx(t), person, start.UserCode); err != nil || !d.StepUp {
		t.Fatalf("%+v, %v", d, err)
	}
	wantCode(t, w.DecideDevice(ctx(t), person, start.UserCode, true), model.CodeStepUpRequired)
	in, err := w.VerifyCode(ctx(t), here, person, w.code(secret))
	must(t, err)
	must(t, w.DecideDevice(ctx(t), in.Principal, start.UserCode, true))
	out, err := w.PollDevice(ctx(t), here, start.DeviceCode)
	must(t, err)
	if p := w.who(out.Secret); !w.fresh(p.Auth) || p.ID != a.ID {
		t.Errorf("the program is %+v", p)
	}
	w.refusedSecret(program.Secret)
	if r := w.log.last(t); r.Action != actionFactor || r.Changes["client"] != "cli" {
		t.Errorf("the record is %+v", r)
	}
}

// TestDecisionsAtOnce: of two who read the same undecided code, one decides.
func TestDecisionsAtOnce(t *testing.T) {
	w := newWorld(t)
	start, err := w.StartDevice(ctx(t), here, "cli")
	must(t, err)
	ticket, _, _, err := w.waiting(ctx(t), w.signIn(w.account("bob")).Principal, start.UserCode)
	must(t, err)
	undecided := ticket.Data
	must(t, w.DecideDevice(ctx(t), w.signIn(w.account("ann")).Principal, start.UserCode, false))
	wantCode(t, w.store.UpdateTicket(ctx(t), ticket, undecided), model.CodeConflict)
}

func TestGuessingUserCodesIsNotForgotten(t *testing.T) {
	w := newWorld(t)
	p := w.signIn(w.account("bob")).Principal
	own, err := w.StartDevice(ctx(t), here, "cli")
	must(t, err)
	judged := 0
	for range 20 {
		if _, err := w.GetDevice(ctx(t), p, newUserCode()); model.CodeOf(err) == model.CodeExpired {
			judged++
		}
		_, _ = w.GetDevice(ctx(t), p, own.UserCode) // what one looks at oneself does not count as a success
	}
	if judged > freeTries+1 {
		t.Errorf("%d guesses were judged", judged)
	}
}

func TestOverloadIsNoFailure(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	for range cap(w.hasher.waiting) {
		w.hasher.waiting <- struct{}{}
	}
	for range 10 {
		_, err := w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
		wantCode(t, err, model.CodeUnavailable)
	}
	for range cap(w.hasher.waiting) {
		<-w.hasher.waiting
	}
	w.signIn(a)
}

func TestRecoveryEndsTokens(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	_, reg := w.app(w.signIn(a))
	_, secret, err := w.CreateToken(ctx(t), a.ID, "thief", []string{"*"}, 30, reg.Session.Principal)
	must(t, err)
	w.who(secret)
	code, _, err := w.Invite(ctx(t), a)
	must(t, err)
	_, err = w.CompleteEnrolment(ctx(t), here, code, "", "another five gulls at sea")
	must(t, err)
	w.refusedSecret(secret)
}

func TestFreshOIDC(t *testing.T) {
	i := newIssuer(t)
	i.amr = []string{"pwd", "otp"}
	w := federation(t, map[string]*issuer{"one": i})
	finish := func(fresh bool) (*SignedIn, error) {
		start, err := w.StartOIDC(ctx(t), "one", "", fresh)
		must(t, err)
		a := i.browse(start.URL)
		a.Binding = start.Binding
		in, _, err := w.FinishOIDC(ctx(t), here, a)
		return in, err
	}
	in, err := finish(true)
	must(t, err)
	if !w.fresh(in.Principal.Auth) {
		t.Errorf("the session is %+v", in.Principal.Auth)
	}
	i.authTime = time.Now().Add(-time.Hour) // the provider did not ask again
	_, err = finish(true)
	wantCode(t, err, model.CodeUnauthenticated)
	if in, err = finish(false); err != nil || w.fresh(in.Principal.Auth) {
		t.Errorf("a sign-in an hour old counts as fresh: %+v, %v", in, err)
	}
	// Whoever has the provider's second factor registers another one with a fresh one only.
	_, err = w.BeginTOTP(ctx(t), in.Principal)
	wantCode(t, err, model.CodeStepUpRequired)
}

func TestCutKeepsCharacters(t *testing.T) {
	if got := cut("安全密钥安全密钥", 10); got != "安全密" || !utf8.ValidString(got) {
		t.Errorf("%q", got)
	}
}
