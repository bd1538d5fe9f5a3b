package authn

import (
	"context"
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// Ways are the strengths that a session of the account can have, by what is registered: its first factor alone, that with
// each of its second factors, and a passkey by itself. Recovery codes are left out: who used one up has lost the rest.
// Whether an OIDC provider asks this account for a second factor is not known here; it may where the settings say which
// answers count as one.
func (s *Service) Ways(ctx context.Context, a *model.Account) ([]model.Strength, error) {
	factors, err := s.store.FactorsOf(ctx, a.ID)
	if err != nil {
		return nil, coded(err, "reading factors")
	}
	first, ways, err := s.firstWays(ctx, a)
	if err != nil {
		return nil, err
	}
	user := &webUser{}
	if s.web != nil {
		if user, err = s.webUser(a, factors); err != nil {
			return nil, err
		}
	}
	for _, f := range first {
		alone := model.Strength{AMR: []string{f}, Pending: hasStrong(factors)}
		ways = append(ways, alone)
		if hasKind(factors, model.FactorTOTP) {
			ways = append(ways, withFactor(alone, []string{amrOTP}, false, s.now()))
		}
		for i := range user.credentials {
			ways = append(ways, withFactor(alone, keyMethods(&user.credentials[i]), true, s.now()))
		}
	}
	for i := range user.credentials {
		if m := keyMethods(&user.credentials[i]); slices.Contains(m, amrUser) { // or it does not sign in by itself
			ways = append(ways, withFactor(model.Strength{}, m, true, s.now()))
		}
	}
	return ways, nil
}

// firstWays are the methods that the account's first factors are called by, and what is strong by itself already.
func (s *Service) firstWays(ctx context.Context, a *model.Account) (first []string, ways []model.Strength, err error) {
	switch _, err := s.store.Password(ctx, a.ID); {
	case err == nil:
		first = append(first, amrPassword)
	case !missing(err):
		return nil, nil, coded(err, "reading the password")
	}
	for _, p := range s.providers {
		if a.Issuer == "" || p.Issuer != a.Issuer {
			continue
		}
		first = append(first, amrFed)
		if len(p.MFA)+len(p.MFAResistant) > 0 {
			ways = append(ways, withFactor(model.Strength{AMR: []string{amrFed}}, nil, len(p.MFAResistant) > 0, s.now()))
		}
	}
	return first, ways, nil
}
