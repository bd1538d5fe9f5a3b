package authn

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/bulkhead-security/bulkhead/model"
)

// BeginPasskeySignIn gives the options for navigator.credentials.get with any passkey of this server.
func (s *Service) BeginPasskeySignIn(ctx context.Context) (*Ceremony, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	assertion, data, err := s.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, coded(err, "making a challenge")
	}
	return s.challenge(ctx, "", forSignIn, "", data, assertion.Response)
}

// FinishPasskeySignIn signs in with a passkey that verified its user: two factors at once. It works while the password is locked
// after failures, and ends that lock.
func (s *Service) FinishPasskeySignIn(ctx context.Context, c Client, id string, response []byte) (*SignedIn, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	ev := event{action: actionSignIn, amr: []string{amrHardware, amrUser}}
	if err := s.addressOpen(ctx, c); err != nil {
		ev.reason = "too many failures from this address"
		return nil, s.refuse(ctx, c, ev, err)
	}
	data, err := s.answered(ctx, id, "", forSignIn, "")
	if err != nil {
		return nil, s.passkeyRefused(ctx, c, ev, "unknown, used or expired challenge", err)
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return nil, s.passkeyRefused(ctx, c, ev, "malformed answer", badResponse(err))
	}
	var user *webUser
	credential, err := s.web.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		user, err = s.byHandle(ctx, handle)
		return user, err
	}, data, parsed)
	if user != nil {
		ev.account = user.account
	}
	if err != nil {
		return nil, s.passkeyRefused(ctx, c, ev, "the answer was not accepted", errFactor(err))
	}
	f, err := s.passkeyUsed(ctx, c, user, credential)
	if err != nil {
		return nil, err
	}
	if user.account.Disabled {
		return nil, s.passkeyRefused(ctx, c, ev, "the account is disabled", errFactor(nil))
	}
	if err := s.store.ClearFailures(ctx, passwordKey(user.account.Tenant, user.account.Name)); err != nil {
		return nil, coded(err, "counting failures")
	}
	now := s.now()
	auth := withFactor(model.Strength{Time: now}, webMethods(credential, parsed.Response.AuthenticatorData.Flags), true, now)
	return s.enter(ctx, c, entry{
		action: actionSignIn, account: user.account, auth: auth,
		changes: map[string]string{"factor": f.ID, "kind": string(f.Kind)},
	})
}

func (s *Service) passkeyRefused(ctx context.Context, c Client, ev event, reason string, err error) error {
	ev.reason = reason
	if aerr := s.addressFailed(ctx, c); aerr != nil {
		return aerr
	}
	return s.refuse(ctx, c, ev, err)
}

func (s *Service) byHandle(ctx context.Context, handle []byte) (*webUser, error) {
	if len(handle) == 0 || len(handle) > 64 {
		return nil, errors.New("no user handle")
	}
	account, err := s.store.Account(ctx, string(handle))
	if err != nil {
		return nil, err
	}
	return s.currentUser(ctx, account)
}

// passkeyUsed keeps the authenticator's count. One that went backwards means that there are two of it: that is recorded and
// refused.
func (s *Service) passkeyUsed(ctx context.Context, c Client, user *webUser, credential *webauthn.Credential) (*model.Factor, error) {
	at := slices.IndexFunc(user.credentials, func(k webauthn.Credential) bool { return bytes.Equal(k.ID, credential.ID) })
	if at < 0 {
		return nil, errFactor(nil)
	}
	f := user.factors[at]
	if credential.Authenticator.CloneWarning {
		return nil, s.refuse(ctx, c, event{
			action: actionClone, account: user.account, reason: "the authenticator's count went backwards: there may be two of it",
			changes: map[string]string{"factor": f.ID, "name": f.Name},
		}, errFactor(nil))
	}
	was := f.Counter
	f.Counter, f.LastUsed = int64(credential.Authenticator.SignCount), s.now()
	if err := s.sealFactor(&f, credential); err != nil {
		return nil, err
	}
	if err := s.store.UpdateFactor(ctx, &f, was); err != nil {
		if model.CodeOf(err) == model.CodeConflict {
			return nil, s.factorRefused(ctx, c, user.account, f.Kind, "the key was used at the same moment")
		}
		return nil, coded(err, "keeping the key's count")
	}
	return &f, nil
}

// BeginFactor gives the options for navigator.credentials.get as second factor or for a step-up.
func (s *Service) BeginFactor(ctx context.Context, p model.Principal) (*Ceremony, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	account, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	user, err := s.webUser(account, factors)
	if err != nil {
		return nil, err
	}
	if len(user.credentials) == 0 {
		return nil, fail(model.CodeNotFound, "the account has no passkey", "show a code, or register a passkey", nil)
	}
	verification := protocol.VerificationPreferred
	if !slices.Contains(p.Auth.AMR, amrPassword) && !slices.Contains(p.Auth.AMR, amrFed) {
		verification = protocol.VerificationRequired // nothing else says that it is its owner who holds it
	}
	assertion, data, err := s.web.BeginLogin(user, webauthn.WithUserVerification(verification))
	if err != nil {
		return nil, coded(err, "making a challenge")
	}
	return s.challenge(ctx, p.ID, forFactor, p.Credential.ID, data, assertion.Response)
}

// FinishFactor takes the passkey's or security key's answer.
func (s *Service) FinishFactor(ctx context.Context, c Client, p model.Principal, id string, response []byte) (*SignedIn, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	account, factors, err := s.self(ctx, p)
	if err != nil {
		return nil, err
	}
	refused := func(reason string) error { return s.factorRefused(ctx, c, account, model.FactorWebAuthn, reason) }
	data, err := s.answered(ctx, id, p.ID, forFactor, p.Credential.ID)
	if err != nil {
		if model.CodeOf(err) == model.CodeExpired {
			if aerr := refused("unknown, used or expired challenge"); model.CodeOf(aerr) == model.CodeAuditUnavailable {
				return nil, aerr
			}
		}
		return nil, err
	}
	parsed, err := parseAssertion(response)
	if err != nil {
		return nil, refused("malformed answer")
	}
	user, err := s.webUser(account, factors)
	if err != nil {
		return nil, err
	}
	credential, err := s.web.ValidateLogin(user, data, parsed)
	if err != nil {
		return nil, refused("the answer was not accepted")
	}
	f, err := s.passkeyUsed(ctx, c, user, credential)
	if err != nil {
		return nil, err
	}
	return s.accepted(ctx, c, account, p, f, webMethods(credential, parsed.Response.AuthenticatorData.Flags))
}
