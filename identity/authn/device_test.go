package authn

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestDevice(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob", model.RoleDeveloper)
	in := w.signIn(a)
	secret, reg := w.app(in)
	p := reg.Session.Principal
	start, err := w.StartDevice(ctx(t), Client{Address: "198.51.100.1"}, "bulkhead on build-7")
	must(t, err)
	out, err := w.PollDevice(ctx(t), here, start.DeviceCode)
	if out != nil || err != nil {
		t.Fatalf("before the decision: %v, %v", out, err)
	}
	w.pass(3 * time.Second)
	_, err = w.PollDevice(ctx(t), here, start.DeviceCode) // too soon
	wantCode(t, err, model.CodeTooMany)
	w.pass(6 * time.Second) // now ten are asked for
	_, err = w.PollDevice(ctx(t), here, start.DeviceCode)
	wantCode(t, err, model.CodeTooMany)
	w.pass(20 * time.Second)
	_, err = w.PollDevice(ctx(t), here, start.DeviceCode)
	must(t, err)

	_, err = w.GetDevice(ctx(t), p, "BCDF-BCDF")
	wantCode(t, err, model.CodeExpired)
	d, err := w.GetDevice(ctx(t), p, strings.ToLower(strings.ReplaceAll(start.UserCode, "-", " ")))
	must(t, err)
	if d.Client != "bulkhead on build-7" || d.Address != "198.51.100.1" {
		t.Errorf("the device is %+v", d)
	}
	must(t, w.DecideDevice(ctx(t), p, start.UserCode, true))
	wantCode(t, w.DecideDevice(ctx(t), p, start.UserCode, false), model.CodeExpired)
	w.pass(30 * time.Second)
	out, err = w.PollDevice(ctx(t), here, start.DeviceCode)
	must(t, err)
	if got := w.who(out.Secret); !got.Auth.MFA || !got.Auth.FactorTime.IsZero() || got.ID != a.ID || got.Credential.ID == p.Credential.ID {
		t.Errorf("the program is %+v", got)
	}
	w.pass(time.Minute)
	_, err = w.PollDevice(ctx(t), here, start.DeviceCode) // once
	wantCode(t, err, model.CodeExpired)
	stepped, err := w.VerifyCode(ctx(t), here, out.Principal, w.code(secret)) // the person at the program shows a factor itself
	must(t, err)
	if !w.fresh(stepped.Principal.Auth) {
		t.Error("a program's session can't be stepped up")
	}
}

func TestDeviceRefused(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	begin := func() *DeviceStart {
		start, err := w.StartDevice(ctx(t), here, "x")
		must(t, err)
		return start
	}
	t.Run("by the person", func(t *testing.T) {
		start := begin()
		must(t, w.DecideDevice(ctx(t), w.signIn(a).Principal, start.UserCode, false))
		_, err := w.PollDevice(ctx(t), here, start.DeviceCode)
		wantCode(t, err, model.CodeDenied)
	})
	t.Run("the person's session has ended", func(t *testing.T) {
		start, in := begin(), w.signIn(a)
		must(t, w.DecideDevice(ctx(t), in.Principal, start.UserCode, true))
		must(t, w.RevokeSessions(ctx(t), a.ID))
		_, err := w.PollDevice(ctx(t), here, start.DeviceCode)
		wantCode(t, err, model.CodeExpired)
	})
	t.Run("too late", func(t *testing.T) {
		start, in := begin(), w.signIn(a)
		w.pass(deviceLife)
		wantCode(t, w.DecideDevice(ctx(t), in.Principal, start.UserCode, true), model.CodeExpired)
		_, err := w.PollDevice(ctx(t), here, start.DeviceCode)
		wantCode(t, err, model.CodeExpired)
	})
	t.Run("guessed", func(t *testing.T) {
		p := w.signIn(a).Principal
		var judged int
		for range 20 {
			if _, err := w.GetDevice(ctx(t), p, newUserCode()); model.CodeOf(err) == model.CodeExpired {
				judged++
			}
		}
		if judged > freeTries+1 {
			t.Errorf("%d guesses were judged", judged)
		}
	})
}
