package authn

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/bulkhead-security/bulkhead/model"
)

// TOTP as RFC 6238 and all apps have it: SHA-1, six digits, 30 seconds; one step to either side is taken, each step once.
const (
	totpPeriod = 30
	totpSkew   = 1
	totpBytes  = 20 // 160 bits, as RFC 4226 section 4 recommends
)

// TOTP is a secret for an authenticator app that does not count yet.
type TOTP struct {
	ID     string
	URI    string // otpauth://
	Secret string // base32
}

type totpData struct {
	Secret string `json:"secret"`
}

// ceremony is what a challenge was made for.
type ceremony struct {
	Purpose string `json:"purpose"`
	Session string `json:"session,omitempty"`
	Data    []byte `json:"data,omitempty"`
}

const (
	forTOTP    = "register totp"
	forPasskey = "register passkey"
	forFactor  = "factor"
	forSignIn  = "sign in"
	mostName   = 64 // bytes of a name of a factor
)

// BeginTOTP makes a secret; it counts after FinishTOTP.
func (s *Service) BeginTOTP(ctx context.Context, p model.Principal) (*TOTP, error) {
	account, err := s.mayRegister(ctx, p)
	if err != nil {
		return nil, err
	}
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: "Bulkhead", AccountName: account.Name + " (" + account.Tenant + ", " + s.public.Host + ")", SecretSize: totpBytes,
	})
	if err != nil {
		return nil, coded(err, "making a secret")
	}
	id, err := s.issue(ctx, model.Ticket{Kind: model.TicketCeremony, User: p.ID, Tenant: p.Tenant}, prefixCeremony, totpLife,
		ceremony{Purpose: forTOTP, Session: p.Credential.ID, Data: []byte(key.Secret())})
	if err != nil {
		return nil, err
	}
	return &TOTP{ID: id, URI: key.URL(), Secret: key.Secret()}, nil
}

func (s *Service) mayRegister(ctx context.Context, p model.Principal) (*model.Account, error) {
	account, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(factors) >= mostFactors {
		return nil, fail(model.CodeTooMany, "the account has 20 factors already", "remove one first", nil)
	}
	return account, s.mayChange(p, factors)
}

// FinishTOTP shows that the app has the secret. A mistyped code can be typed again.
func (s *Service) FinishTOTP(ctx context.Context, c Client, p model.Principal, id, code, name string) (*Registered, error) {
	account, err := s.mayRegister(ctx, p)
	if err != nil {
		return nil, err
	}
	var kept ceremony
	ticket, err := s.look(ctx, model.TicketCeremony, prefixCeremony, id, &kept)
	if err != nil {
		return nil, err
	}
	if ticket.User != p.ID || kept.Session != p.Credential.ID || kept.Purpose != forTOTP {
		return nil, errTicket(nil)
	}
	step, ok := s.totpStep(string(kept.Data), code, 0)
	if !ok {
		return nil, &model.Error{
			Code: model.CodeInvalid, Field: "code", Message: "the code is not the app's code of this moment",
			Remedy: "check the clock of the phone, and type the next code",
		}
	}
	f, err := s.newFactor(p.ID, model.FactorTOTP, nameOr(name, "Authenticator app"), totpData{Secret: string(kept.Data)})
	if err != nil {
		return nil, err
	}
	f.Counter, f.LastUsed = step, s.now() // the code that registered it is used up
	return s.register(ctx, c, account, p, f, []string{amrOTP}, func(ctx context.Context) error {
		_, err := s.store.TakeTicket(ctx, ticket.Kind, ticket.ID, s.now())
		if err != nil {
			return ticketError(err)
		}
		return nil
	})
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return cut(name, mostName)
}

// totpStep gives the step that the code is of, if it is one near now and after the last one that was used.
func (s *Service) totpStep(secret, code string, last int64) (int64, bool) {
	now := s.now().Unix() / totpPeriod
	var found int64
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(step*totpPeriod, 0), totp.ValidateOpts{
			Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > last {
			found = step
		}
	}
	return found, found > 0
}

// VerifyCode shows a second factor, or a fresh one: a TOTP code or a recovery code.
func (s *Service) VerifyCode(ctx context.Context, c Client, p model.Principal, code string) (*SignedIn, error) {
	account, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	kind := model.FactorRecovery
	if isTOTP(code) {
		kind = model.FactorTOTP
	}
	if err := s.attempt(ctx, factorKey(account.ID)); err != nil {
		return nil, s.refuse(ctx, c, event{action: actionFactor, account: account, reason: "too many failures"}, err)
	}
	for i := range factors {
		f := &factors[i]
		if f.Kind != kind {
			continue
		}
		ok, err := s.codeFits(ctx, f, code)
		if model.CodeOf(err) == model.CodeConflict {
			return nil, s.factorRefused(ctx, c, account, kind, "the code was used at the same moment")
		}
		if err != nil {
			return nil, coded(err, "checking the code")
		}
		if ok && kind == model.FactorTOTP {
			return s.accepted(ctx, c, account, p, f, []string{amrOTP})
		}
		if ok {
			return s.accepted(ctx, c, account, p, f, []string{amrRecovery})
		}
	}
	return nil, s.factorRefused(ctx, c, account, kind, "wrong or used code")
}

func isTOTP(code string) bool {
	if len(code) != 6 {
		return false
	}
	for _, r := range code {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// codeFits checks the code and uses it up. Of two who show the same one, the store lets one through.
func (s *Service) codeFits(ctx context.Context, f *model.Factor, code string) (bool, error) {
	if f.Kind == model.FactorRecovery {
		return s.useRecovery(ctx, f, code)
	}
	var data totpData
	if err := s.openFactor(f, &data); err != nil {
		return false, err
	}
	step, ok := s.totpStep(data.Secret, code, f.Counter)
	if !ok {
		return false, nil
	}
	was := f.Counter
	f.Counter, f.LastUsed = step, s.now()
	return true, s.store.UpdateFactor(ctx, f, was)
}
