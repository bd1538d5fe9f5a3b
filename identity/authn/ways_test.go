package authn

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// ways are the account's, one text each: the methods, "pending" or "resistant".
func (w *world) ways(a *model.Account) []string {
	w.t.Helper()
	list, err := w.Ways(ctx(w.t), a)
	must(w.t, err)
	var out []string
	for _, s := range list {
		text := strings.Join(s.AMR, "+")
		if s.Pending {
			text += " pending"
		}
		if s.PhishingResistant {
			text += " resistant"
		}
		if s.MFA != slices.Contains(s.AMR, amrMFA) {
			w.t.Errorf("mfa %v of %s", s.MFA, text)
		}
		out = append(out, text)
	}
	return out
}

func TestWays(t *testing.T) {
	w := newWorld(t)
	a := w.account("ada", model.RoleAdministrator)
	if got := w.ways(a); !slices.Equal(got, []string{"pwd"}) {
		t.Errorf("with a password: %q", got)
	}
	in := w.signIn(a)
	_, reg := w.app(in)
	if got := w.ways(a); !slices.Equal(got, []string{"pwd pending", "pwd+otp+mfa"}) {
		t.Errorf("with an app: %q", got)
	}
	k := newKey(a)
	w.passkey(reg.Session, k)
	got := w.ways(a)
	if len(got) != 4 || got[0] != "pwd pending" || got[1] != "pwd+otp+mfa" || !strings.HasPrefix(got[2], "pwd+") || !strings.HasSuffix(got[3], "+user+mfa resistant") {
		t.Fatalf("with a key: %q", got)
	}
	// What is said of a key is what its owner gets by showing it.
	shown, err := w.signInWith(k)
	must(t, err)
	if have := strings.Join(shown.Principal.Auth.AMR, "+") + " resistant"; have != got[3] {
		t.Errorf("a sign-in with the key is %q, foretold was %q", have, got[3])
	}
}

func TestWaysByProvider(t *testing.T) {
	w := federation(t, map[string]*issuer{"one": newIssuer(t)})
	for name := range w.providers {
		p := w.providers[name]
		a := &model.Account{ID: "fed", Tenant: model.SystemTenant, Name: "fed", Issuer: p.Issuer, Subject: "s", Created: w.now()}
		must(t, w.store.CreateAccount(ctx(t), a))
		p.MFA, p.MFAResistant = nil, nil
		if got := w.ways(a); !slices.Equal(got, []string{"fed"}) {
			t.Errorf("where no answer of the provider counts as a second factor: %q", got)
		}
		p.MFAResistant = []string{"phr"}
		if got := w.ways(a); !slices.Equal(got, []string{"fed+mfa resistant", "fed"}) {
			t.Errorf("where some do: %q", got)
		}
	}
}
