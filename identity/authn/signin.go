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
	if err := s.attempt(ctx, key); err != nil {
		ev.reason = "too many failures"
		return nil, s.refuse(ctx, c, ev, err)
	}
	match, err := s.passwordIs(ctx, account, password)
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
