package authn

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestPasswordRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "blocked.txt")
	must(t, os.WriteFile(file, []byte("\nOur Old Office Door\n"), 0o600))
	r, err := newPasswordRules(file)
	must(t, err)
	for _, tt := range []struct {
		password   string
		withFactor bool
		ok         bool
	}{
		{"four gulls over ostend", false, true},
		{"8 gulls!", true, true},
		{"8 gulls!", false, false},
		{"14 characters.", false, false},
		{"15 characters..", false, true},
		{"7 chars", true, false},
		{"четыре чайки над Остенде", false, true},
		{"鷗鷗鷗四隻飛過奧斯滕德港口的上空", false, true},
		{strings.Repeat("gull over ostend ", 60), false, true},
		{strings.Repeat("x9", 520), false, false},
		{"null\x00in the middle of it", false, false},
		{"not\xffutf8 but long enough", false, false},
		{"our old office door", false, false},
		{"Password", true, false},
		{"P@ssw0rd2024!", true, false},
		{"passwordpassword1", false, false},
		{"correct-horse-battery-staple", false, false},
		{"qwertyuiopasdfghjkl", false, false},
		{"1qaz2wsx3edc4rfv", false, false},
		{"123456789012345", false, false},
		{"aaaaaaaaaaaaaaaaaaaa", false, false},
		{"abcabcabcabcabcabc", false, false},
		{"WelcomePassword123", false, false},
		{"bulkhead-acme-bob-2026", false, false},
		{"bobbobbobbobbobbob", false, false},
		{"bulkheads keep the water out", false, true},
	} {
		_, err := r.check(tt.password, tt.withFactor, "bob", "acme")
		if (err == nil) != tt.ok {
			t.Errorf("%.40q, with a factor %t: %v", tt.password, tt.withFactor, err)
		}
		if err != nil && strings.Contains(err.Error(), tt.password) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestPasswordsAreNormalised(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	write, err := w.preparePassword(ctx(t), a, "ångström über ﬁne", false)
	must(t, err)
	must(t, write(ctx(t)))
	_, err = w.SignIn(ctx(t), here, a.Tenant, a.Name, "a\u030angstro\u0308m u\u0308ber fine")
	must(t, err)
}

func TestHashFollowsTheParameters(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	was, err := w.store.Password(ctx(t), a.ID)
	must(t, err)
	w.hasher, err = newHasher(&argon2id.Params{Memory: 128, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	must(t, err)
	w.signIn(a)
	is, err := w.store.Password(ctx(t), a.ID)
	must(t, err)
	if is.Hash == was.Hash || !strings.Contains(is.Hash, "m=128,t=2,p=1") {
		t.Errorf("the hash is %s", is.Hash)
	}
	w.signIn(a)
}

func TestBruteForce(t *testing.T) {
	for _, known := range []bool{true, false} {
		w := newWorld(t)
		a := &model.Account{Tenant: "acme", Name: "nobody"}
		if known {
			a = w.account("bob")
		}
		var judged, waited int
		for i := range 300 {
			_, err := w.SignIn(ctx(t), Client{Address: "192.0.2." + string(rune('0'+i%10))}, a.Tenant, a.Name, "guess number something")
			switch model.CodeOf(err) {
			case model.CodeUnauthenticated:
				judged++
			case model.CodeTooMany:
				waited++
			default:
				t.Fatal(err)
			}
			if r := w.log.last(t); r.Outcome != model.OutcomeRefused || r.Action != "SignIn" {
				t.Fatalf("the record is %+v", r)
			}
			w.pass(time.Second)
		}
		if judged > 15 {
			t.Errorf("known %t: %d guesses were judged in 300 s, %d had to wait", known, judged, waited)
		}
		for range 200 {
			_, err := w.SignIn(ctx(t), here, a.Tenant, a.Name, "guess number something")
			if model.CodeOf(err) == model.CodeUnauthenticated {
				judged++
			}
			w.pass(time.Hour + time.Second)
		}
		if judged != lockAt {
			t.Errorf("known %t: %d guesses were judged, NIST allows %d", known, judged, lockAt)
		}
		if !known {
			continue
		}
		_, err := w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
		wantCode(t, err, model.CodeTooMany)
		code, _, err := w.Invite(ctx(t), a)
		must(t, err)
		_, err = w.CompleteEnrolment(ctx(t), here, code, "", goodPassword)
		must(t, err)
		w.signIn(a)
	}
}

func TestGuessesAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	var judged, waited int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := w.SignIn(t.Context(), here, a.Tenant, a.Name, "guess number something")
			mu.Lock()
			defer mu.Unlock()
			if model.CodeOf(err) == model.CodeTooMany {
				waited++
			} else {
				judged++
			}
		})
	}
	all.Wait()
	if judged > freeTries+2 {
		t.Errorf("%d guesses at once were judged", judged)
	}
}

func TestAddressIsThrottled(t *testing.T) {
	w := newWorld(t)
	w.account("bob")
	var judged int
	for i := range 100 {
		_, err := w.SignIn(ctx(t), Client{Address: "[2001:db8::" + string(rune('1'+i%9)) + "]:1"}, "acme", "user"+string(rune('a'+i%26))+string(rune('a'+i/26)), "x")
		if model.CodeOf(err) == model.CodeUnauthenticated {
			judged++
		}
	}
	if judged > freeAddress+1 {
		t.Errorf("%d accounts were tried from one network", judged)
	}
	w.pass(2 * time.Hour)
	_, err := w.SignIn(ctx(t), Client{Address: "2001:db8::1"}, "acme", "bob", goodPassword)
	must(t, err)
}

func TestAnswersDoNotTell(t *testing.T) {
	w := newWorld(t)
	a := w.account("bob")
	_, wrong := w.SignIn(ctx(t), here, a.Tenant, a.Name, "wrong")
	_, unknown := w.SignIn(ctx(t), here, a.Tenant, "nobody", "wrong")
	_, tenant := w.SignIn(ctx(t), here, "nowhere", "nobody", "wrong")
	a.Disabled = true
	must(t, w.store.UpdateAccount(ctx(t), a))
	_, disabled := w.SignIn(ctx(t), here, a.Tenant, a.Name, goodPassword)
	for _, err := range []error{unknown, tenant, disabled} {
		if err.Error() != wrong.Error() || model.CodeOf(err) != model.CodeOf(wrong) {
			t.Errorf("%v is not %v", err, wrong)
		}
	}
	if match, _, err := w.hasher.verify("anything", ""); match || err != nil {
		t.Errorf("the hash of nobody: %t, %v", match, err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	h, err := newHasher(light)
	must(t, err)
	var back []func()
	for range cap(h.running) {
		done, err := h.turn(ctx(t))
		must(t, err)
		back = append(back, done)
	}
	over, cancel := contextOver(t)
	defer cancel()
	_, err = h.turn(over)
	wantCode(t, err, model.CodeUnavailable)
	for range cap(h.waiting) {
		h.waiting <- struct{}{}
	}
	_, err = h.turn(ctx(t))
	wantCode(t, err, model.CodeUnavailable)
	for _, done := range back {
		done()
	}
}

func FuzzPasswordRules(f *testing.F) {
	r, err := newPasswordRules("")
	must(f, err)
	f.Add("four gulls over ostend")
	f.Fuzz(func(t *testing.T, s string) {
		if normal, err := r.check(s, false, "bob", "acme"); err == nil && len([]rune(normal)) < lengthAlone {
			t.Errorf("%q is taken", s)
		}
	})
}
