package authn

import (
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Authentication methods of RFC 8176. "recovery" is our own: no registered value tells a recovery code.
const (
	amrPassword = "pwd"
	amrOTP      = "otp"
	amrHardware = "hwk" // a key that can't leave its authenticator
	amrSoftware = "swk" // a passkey that is synchronised between devices
	amrUser     = "user"
	amrMFA      = "mfa"
	amrFed      = "fed"
	amrRecovery = "recovery"
)

// withFactor is the strength after a second factor was shown now. Whether it is phishing-resistant is said of the factor shown
// last: a stolen session does not become a fresh resistant one by a code that was phished.
func withFactor(was model.Strength, methods []string, resistant bool, now time.Time) model.Strength {
	amr := slices.DeleteFunc(slices.Clone(was.AMR), func(m string) bool { return m == amrRecovery })
	for _, m := range append(methods, amrMFA) {
		if !slices.Contains(amr, m) {
			amr = append(amr, m)
		}
	}
	return model.Strength{AMR: amr, MFA: true, PhishingResistant: resistant, Time: was.Time, FactorTime: now}
}

// limits are the idle and the absolute limit of a session of this strength.
func (s *Service) limits(a model.Strength) (idle, absolute time.Duration) {
	if a.MFA {
		return s.settings.Idle, s.settings.Absolute
	}
	return s.settings.SingleIdle, s.settings.SingleAbsolute
}

// fresh says whether a second factor was shown within the step-up time.
func (s *Service) fresh(a model.Strength) bool {
	return a.MFA && !a.FactorTime.IsZero() && s.now().Sub(a.FactorTime) <= s.settings.StepUp
}

// mustHaveFactor says whether the roles do nothing without a second factor.
func mustHaveFactor(p model.Principal) bool {
	return administrates(p) || slices.Contains(p.Roles, model.RoleOwner)
}

func administrates(p model.Principal) bool {
	return p.Tenant == model.SystemTenant && slices.Contains(p.Roles, model.RoleAdministrator)
}

func strong(f model.Factor) bool { return f.Kind == model.FactorWebAuthn || f.Kind == model.FactorTOTP }

func hasKind(factors []model.Factor, kind model.FactorKind) bool {
	return slices.ContainsFunc(factors, func(f model.Factor) bool { return f.Kind == kind })
}

// next is what the sign-in needs before the principal can do what its roles allow.
func (s *Service) next(p model.Principal, factors []model.Factor) Step {
	switch {
	case p.Auth.Pending:
		return StepFactor
	case !p.Auth.MFA && mustHaveFactor(p):
		return StepRegister
	case s.settings.PhishingResistant && administrates(p) && !p.Auth.PhishingResistant:
		if hasKind(factors, model.FactorWebAuthn) {
			return StepFactor
		}
		return StepRegister
	}
	return StepDone
}

func kinds(factors []model.Factor) []model.FactorKind {
	var out []model.FactorKind
	for _, f := range factors {
		if !slices.Contains(out, f.Kind) && (f.Kind != model.FactorRecovery || f.Counter > 0) {
			out = append(out, f.Kind)
		}
	}
	return out
}
