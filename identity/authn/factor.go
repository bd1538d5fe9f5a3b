package authn

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
)

const mostFactors = 20

// Registered is a factor that was just registered.
type Registered struct {
	Factor model.Factor
	// Codes are recovery codes, when this is the account's first factor. They are shown once.
	Codes []string
	// Session takes the place of the one that registered it.
	Session *SignedIn
}

// self reads the caller's account and factors. An API token has no business with them.
func (s *Service) self(ctx context.Context, p model.Principal) (*model.Account, []model.Factor, error) {
	if p.Credential.Type != "Session" {
		return nil, nil, fail(model.CodeDenied, "an API token can't change or use sign-in settings", "sign in as a person", nil)
	}
	account, err := s.store.Account(ctx, p.ID)
	if err != nil {
		return nil, nil, lookup(err)
	}
	if account.Disabled {
		return nil, nil, errSession(nil)
	}
	factors, err := s.store.FactorsOf(ctx, p.ID)
	return account, factors, coded(err, "reading factors")
}

// Factors lists a user's factors, without their data.
func (s *Service) Factors(ctx context.Context, user string) ([]model.Factor, error) {
	factors, err := s.store.FactorsOf(ctx, user)
	for i := range factors {
		factors[i].Data = nil
	}
	return factors, coded(err, "reading factors")
}

func hasStrong(factors []model.Factor) bool { return slices.ContainsFunc(factors, strong) }

// mayChange says whether this session may register or remove factors: with a factor registered it must have been shown just
// now, or a session that was stolen would make itself a fresh one; and with a passkey registered no weaker one will do, or a
// code that was phished would become a passkey of the attacker. A recovery code is for people who lost theirs; where policy
// demands passkeys, that takes an administrator.
func (s *Service) mayChange(p model.Principal, factors []model.Factor) error {
	recovered := slices.Contains(p.Auth.AMR, amrRecovery) && !s.settings.PhishingResistant
	switch {
	case !hasStrong(factors) && !p.Auth.MFA: // the first one; a provider may have asked for a second factor of its own
		return nil
	case !p.Auth.MFA:
		return errShowFactor()
	case hasKind(factors, model.FactorWebAuthn) && !p.Auth.PhishingResistant && !recovered:
		return errShowPasskey()
	case !s.fresh(p.Auth):
		return errStepUp()
	}
	return nil
}

// register keeps a new factor, with recovery codes if it is the first, and gives the session a new secret: registering a
// factor shows it. It makes no session fresher than the factor before did. Other sessions end with the first factor, since they
// did not show any.
func (s *Service) register(ctx context.Context, c Client, a *model.Account, p model.Principal, f *model.Factor, methods []string, taken func(context.Context) error) (*Registered, error) {
	out := &Registered{Factor: *f}
	out.Factor.Data = nil
	shown := s.now()
	if p.Auth.MFA {
		shown = p.Auth.FactorTime
	}
	session, err := s.enter(ctx, c, entry{
		account: a, auth: withFactor(p.Auth, methods, f.Kind == model.FactorWebAuthn, shown), replace: p.Credential.ID, silent: true,
		also: func(ctx context.Context) error {
			if err := taken(ctx); err != nil {
				return err
			}
			factors, err := s.store.FactorsOf(ctx, a.ID)
			if err != nil {
				return err
			}
			if err := s.mayChange(p, factors); err != nil { // it may have got one in between
				return err
			}
			if err := s.store.CreateFactor(ctx, f); err != nil {
				return err
			}
			if hasStrong(factors) {
				return nil
			}
			if out.Codes, err = s.replaceCodes(ctx, a.ID, factors); err != nil {
				return err
			}
			return s.store.DeleteSessionsOf(ctx, a.ID, p.Credential.ID)
		},
	})
	if err != nil {
		return nil, err
	}
	out.Session = session
	return out, nil
}

func (s *Service) newFactor(user string, kind model.FactorKind, name string, data any) (*model.Factor, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, coded(err, "making an id")
	}
	f := &model.Factor{ID: id.String(), User: user, Kind: kind, Name: name, Created: s.now()}
	return f, s.sealFactor(f, data)
}

func (s *Service) sealFactor(f *model.Factor, data any) error {
	plain, err := json.Marshal(data)
	if err == nil {
		f.Data, err = s.sealer.Seal(factorPurpose(f), plain)
	}
	return coded(err, "sealing a factor")
}

func (s *Service) openFactor(f *model.Factor, data any) error {
	plain, err := s.sealer.Open(factorPurpose(f), f.Data)
	if err == nil {
		err = json.Unmarshal(plain, data)
	}
	return coded(err, "opening a factor")
}

// factorPurpose ties the sealed data to its own row, so that it can't be moved to another user's.
func factorPurpose(f *model.Factor) string {
	return "authn factor " + string(f.Kind) + " " + f.User + " " + f.ID
}

// DeleteFactor removes a factor of the caller. It takes a fresh factor, as strong as the strongest that the account has.
func (s *Service) DeleteFactor(ctx context.Context, p model.Principal, id string) error {
	account, _, err := s.self(ctx, p)
	if err != nil {
		return err
	}
	current, err := s.principal(ctx, account, p.Credential, model.Strength{})
	if err != nil {
		return err
	}
	return coded(s.store.InTx(ctx, func(ctx context.Context) error {
		factors, err := s.store.FactorsOf(ctx, p.ID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(factors, func(f model.Factor) bool { return f.ID == id })
		if at < 0 {
			return fail(model.CodeNotFound, "there is no such factor", "list the factors", nil)
		}
		if err := s.mayChange(p, factors); err != nil {
			return err
		}
		rest := slices.Delete(slices.Clone(factors), at, at+1)
		if hasStrong(factors) && !hasStrong(rest) {
			if err := s.mayLoseLast(ctx, current); err != nil {
				return err
			}
			for _, f := range rest { // recovery codes stand in for a factor that is no longer there
				if err := s.store.DeleteFactor(ctx, f.ID); err != nil {
					return err
				}
			}
		}
		return s.store.DeleteFactor(ctx, id)
	}), "removing the factor")
}

func (s *Service) mayLoseLast(ctx context.Context, current model.Principal) error {
	if mustHaveFactor(current) {
		return fail(model.CodeFactorRequired, "the last second factor of an administrator or owner can't be removed",
			"register another one first", nil)
	}
	password, err := s.store.Password(ctx, current.ID)
	if err != nil && !missing(err) {
		return err
	}
	if err == nil && isShort(password.Hash) {
		return fail(model.CodeFactorRequired, "the password has less than 15 characters, so it can't be the only factor",
			"change the password first", nil)
	}
	return nil
}

// accepted signs in with a second factor that was just checked, or renews it for a step-up.
func (s *Service) accepted(ctx context.Context, c Client, a *model.Account, p model.Principal, f *model.Factor, methods []string) (*SignedIn, error) {
	if err := s.store.ClearFailures(ctx, factorKey(a.ID)); err != nil {
		return nil, coded(err, "counting failures")
	}
	return s.enter(ctx, c, entry{
		action: actionFactor, account: a, replace: p.Credential.ID,
		auth:    withFactor(p.Auth, methods, f.Kind == model.FactorWebAuthn, s.now()),
		changes: map[string]string{"factor": f.ID, "kind": string(f.Kind)},
	})
}

// factorRefused counts, records and answers.
func (s *Service) factorRefused(ctx context.Context, c Client, a *model.Account, kind model.FactorKind, reason string) error {
	return s.refuse(ctx, c, event{
		action: actionFactor, account: a, reason: reason, changes: map[string]string{"kind": string(kind)},
	}, errFactor(nil))
}
