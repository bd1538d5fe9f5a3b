package authn

import (
	"context"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// SignInOptions are the names of OIDC providers, and whether the first administrator has still to enrol.
func (s *Service) SignInOptions(ctx context.Context) (providers []string, needsEnrolment bool, err error) {
	first, err := s.nobodyYet(ctx)
	return s.names, first, err
}

// SignIn is the first factor. Whatever is wrong, the answer is the same and takes as long.
func (s *Service) SignIn(ctx context.Context, c Client, tenant, name, password string) (*SignedIn, error) {
	tenant, name = cleanTenant(tenant), cleanName(name)
	ev := event{action: actionSignIn, amr: []string{amrPassword}}
	if err := s.addressOpen(ctx, c); err != nil {
		ev.reason = "too many failures from this address"
		return nil, s.refuse(ctx, c, ev, err)
	}
	key := passwordKey(tenant, name)
	account, err := s.store.AccountByName(ctx, tenant, name)
	if err != nil && !missing(err) {
		return nil, coded(err, "reading the account")
	}
	if err != nil {
		account = nil
	}
	ev.account = account
	match, err := s.judge(ctx, key, account, password)
	if model.CodeOf(err) == model.CodeTooMany {
		ev.reason = "too many failures"
		return nil, s.refuse(ctx, c, ev, err)
	}
	if err != nil {
		return nil, err
	}
	if !match || account.Disabled {
		ev.reason = whyRefused(account)
		if err := s.addressFailed(ctx, c); err != nil {
			return nil, err
		}
		return nil, s.refuse(ctx, c, ev, errCredentials(nil))
	}
	if err := s.store.ClearFailures(ctx, key); err != nil {
		return nil, coded(err, "counting failures")
	}
	return s.enter(ctx, c, entry{
		action: actionSignIn, account: account, auth: model.Strength{AMR: []string{amrPassword}, Time: s.now()},
	})
}

// judge counts the try and compares the password. It waits for its turn first: a try that the machine had no time for is none.
func (s *Service) judge(ctx context.Context, key string, a *model.Account, password string) (bool, error) {
	done, err := s.hasher.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	if err := s.attempt(ctx, key); err != nil {
		return false, err
	}
	return s.passwordIs(ctx, a, password)
}

// whyRefused is for the record only.
func whyRefused(a *model.Account) string {
	switch {
	case a == nil:
		return "unknown account"
	case a.Disabled:
		return "the account is disabled"
	}
	return "wrong password"
}

func cleanTenant(tenant string) string {
	if tenant = strings.ToLower(strings.TrimSpace(tenant)); tenant != "" {
		return tenant
	}
	return model.SystemTenant
}

func cleanName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
