package authn

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func contextOver(t *testing.T) (context.Context, context.CancelFunc) {
	c, cancel := context.WithCancel(t.Context())
	cancel()
	return c, cancel
}

func TestSecondFactorIsNeeded(t *testing.T) {
	w := newWorld(t)
	a := w.account("ada", model.RoleAdministrator)
	in := w.signIn(a)
	if in.Next != StepRegister {
		t.Errorf("an administrator without a factor: %s", in.Next)
	}
	secret, reg := w.app(in)
	if reg.Session.Next != StepDone || len(reg.Codes) != recoveryCodes || !reg.Session.Principal.Auth.MFA {
		t.Errorf("after registering: %+v", reg)
	}
	w.pass(time.Minute)
	in = w.signIn(a)
	if in.Next != StepFactor || !in.Principal.Auth.Pending || len(in.Principal.Roles) != 0 {
		t.Errorf("password only: %+v", in)
	}
	for name, do := range map[string]func() error{
		"register": func() error { _, err := w.BeginTOTP(ctx(t), in.Principal); return err },
		"passkey":  func() error { _, err := w.BeginPasskey(ctx(t), in.Principal); return err },
		"delete":   func() error { return w.DeleteFactor(ctx(t), in.Principal, reg.Factor.ID) },
		"codes":    func() error { _, err := w.ReplaceRecoveryCodes(ctx(t), in.Principal); return err },
		"password": func() error {
			_, err := w.ChangePassword(ctx(t), here, in.Principal, goodPassword, "another five gulls at sea")
			return err
		},
		"token": func() error {
			_, _, err := w.CreateToken(ctx(t), a.ID, "x", []string{"x"}, 1, in.Principal)
			return err
		},
		"device": func() error { return w.DecideDevice(ctx(t), in.Principal, "BCDF-GHJK", true) },
	} {
		if err := do(); model.CodeOf(err) != model.CodeFactorRequired {
			t.Errorf("%s with a password only: %v", name, err)
		}
	}
	out, err := w.VerifyCode(ctx(t), here, in.Principal, w.code(secret))
	must(t, err)
	if p := out.Principal; out.Next != StepDone || !p.Auth.MFA || p.Auth.PhishingResistant || p.Auth.Pending || len(p.Roles) != 1 {
		t.Errorf("with both factors: %+v", out)
	}
	if r := w.log.last(t); r.Action != "SignInFactor" || r.Outcome != model.OutcomeAllowed || r.Changes["kind"] != "totp" {
		t.Errorf("the record is %+v", r)
	}
	wantCode(t, w.DeleteFactor(ctx(t), out.Principal, reg.Factor.ID), model.CodeFactorRequired) // an administrator's last
}

func TestCodeIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	secret, _ := w.app(w.signIn(a))
	t.Run("the one that registered", func(t *testing.T) {
		_, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, w.code(secret))
		wantCode(t, err, model.CodeUnauthenticated)
	})
	t.Run("again within its window", func(t *testing.T) {
		w.pass(time.Minute)
		code := w.code(secret)
		_, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, code)
		must(t, err)
		w.pass(20 * time.Second)
		_, err = w.VerifyCode(ctx(t), here, w.signIn(a).Principal, code)
		wantCode(t, err, model.CodeUnauthenticated)
		if r := w.log.last(t); r.Outcome != model.OutcomeRefused || r.Action != "SignInFactor" {
			t.Errorf("the record is %+v", r)
		}
	})
	t.Run("an older one after a newer one", func(t *testing.T) {
		w.pass(5 * time.Minute)
		older := w.code(secret)
		w.pass(30 * time.Second)
		_, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, w.code(secret))
		must(t, err)
		_, err = w.VerifyCode(ctx(t), here, w.signIn(a).Principal, older)
		wantCode(t, err, model.CodeUnauthenticated)
	})
	t.Run("at the same moment", func(t *testing.T) {
		w.pass(5 * time.Minute)
		code := w.code(secret)
		ins := []*SignedIn{w.signIn(a), w.signIn(a), w.signIn(a)}
		var taken int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, in := range ins {
			all.Go(func() {
				if _, err := w.VerifyCode(t.Context(), here, in.Principal, code); err == nil {
					mu.Lock()
					taken++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if taken != 1 {
			t.Errorf("one code was taken %d times", taken)
		}
	})
	t.Run("skew", func(t *testing.T) {
		for late, ok := range map[time.Duration]bool{30 * time.Second: true, 90 * time.Second: false} {
			w.pass(20 * time.Minute)
			code := w.code(secret)
			in := w.signIn(a)
			w.pass(late)
			if _, err := w.VerifyCode(ctx(t), here, in.Principal, code); (err == nil) != ok {
				t.Errorf("%s late: %v", late, err)
			}
		}
	})
}

func TestGuessingCodesIsThrottled(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	secret, _ := w.app(w.signIn(a))
	var judged int
	for range lockAt + 20 {
		_, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, "000000")
		if model.CodeOf(err) == model.CodeUnauthenticated {
			judged++
		}
		w.pass(16 * time.Minute)
	}
	if judged != lockAt {
		t.Errorf("%d codes were judged", judged)
	}
	_, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, w.code(secret))
	wantCode(t, err, model.CodeTooMany)
}

func TestRecoveryCodes(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	_, reg := w.app(w.signIn(a))
	if len(reg.Codes) != recoveryCodes || len(reg.Codes[0]) != 29 {
		t.Fatalf("the codes are %d of the form %d", len(reg.Codes), len(reg.Codes[0]))
	}
	in, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, strings.ToUpper(strings.ReplaceAll(reg.Codes[3], "-", " ")))
	must(t, err)
	if !in.Principal.Auth.MFA || in.Principal.Auth.PhishingResistant {
		t.Errorf("the strength is %+v", in.Principal.Auth)
	}
	_, err = w.VerifyCode(ctx(t), here, w.signIn(a).Principal, reg.Codes[3])
	wantCode(t, err, model.CodeUnauthenticated)
	factors, err := w.Factors(ctx(t), a.ID)
	must(t, err)
	for _, f := range factors {
		if f.Kind == model.FactorRecovery && f.Counter != recoveryCodes-1 || f.Data != nil {
			t.Errorf("the factor is %+v", f)
		}
	}
	codes, err := w.ReplaceRecoveryCodes(ctx(t), in.Principal)
	must(t, err)
	_, err = w.VerifyCode(ctx(t), here, w.signIn(a).Principal, reg.Codes[4])
	wantCode(t, err, model.CodeUnauthenticated)
	again, err := w.VerifyCode(ctx(t), here, w.signIn(a).Principal, codes[0])
	must(t, err)
	w.pass(6 * time.Minute)
	_, err = w.ReplaceRecoveryCodes(ctx(t), again.Principal)
	wantCode(t, err, model.CodeStepUpRequired)
}

func TestRemovingTheLastFactor(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	_, reg := w.app(w.signIn(a))
	in, err := w.ChangePassword(ctx(t), here, reg.Session.Principal, goodPassword, "8 gulls!")
	must(t, err)
	wantCode(t, w.DeleteFactor(ctx(t), in.Principal, reg.Factor.ID), model.CodeFactorRequired) // the password is too short to stand alone
	in, err = w.ChangePassword(ctx(t), here, in.Principal, "8 gulls!", goodPassword)
	must(t, err)
	wantCode(t, w.DeleteFactor(ctx(t), in.Principal, "another"), model.CodeNotFound)
	w.pass(6 * time.Minute)
	wantCode(t, w.DeleteFactor(ctx(t), in.Principal, reg.Factor.ID), model.CodeStepUpRequired)
	in, err = w.VerifyCode(ctx(t), here, in.Principal, reg.Codes[0])
	must(t, err)
	must(t, w.DeleteFactor(ctx(t), in.Principal, reg.Factor.ID))
	factors, err := w.Factors(ctx(t), a.ID)
	must(t, err)
	if len(factors) != 0 {
		t.Errorf("there are still %+v", factors)
	}
	if out := w.signIn(a); out.Next != StepDone {
		t.Errorf("after that: %s", out.Next)
	}
}

func TestFirstFactorEndsOtherSessions(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	other, in := w.signIn(a), w.signIn(a)
	w.app(in)
	w.refusedSecret(other.Secret)
}

func TestRegistrationBelongsToItsSession(t *testing.T) {
	w := newWorld(t)
	a, b := w.account("bob"), w.account("eve")
	in, other, eve := w.signIn(a), w.signIn(a), w.signIn(b)
	begun, err := w.BeginTOTP(ctx(t), in.Principal)
	must(t, err)
	if !strings.HasPrefix(begun.URI, "otpauth://totp/") || len(begun.Secret) != 32 {
		t.Errorf("the secret has %d characters, at %.20s", len(begun.Secret), begun.URI)
	}
	for _, p := range []model.Principal{other.Principal, eve.Principal} {
		_, err = w.FinishTOTP(ctx(t), here, p, begun.ID, w.code(begun.Secret), "")
		wantCode(t, err, model.CodeExpired)
	}
	_, err = w.FinishTOTP(ctx(t), here, in.Principal, begun.ID, "000000", "")
	wantCode(t, err, model.CodeInvalid)
	reg, err := w.FinishTOTP(ctx(t), here, in.Principal, begun.ID, w.code(begun.Secret), "")
	must(t, err)
	_, err = w.FinishTOTP(ctx(t), here, reg.Session.Principal, begun.ID, w.code(begun.Secret), "")
	wantCode(t, err, model.CodeExpired)
	late, err := w.BeginTOTP(ctx(t), eve.Principal)
	must(t, err)
	w.pass(totpLife)
	_, err = w.FinishTOTP(ctx(t), here, eve.Principal, late.ID, w.code(late.Secret), "")
	wantCode(t, err, model.CodeExpired)
}
