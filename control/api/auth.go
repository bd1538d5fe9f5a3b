package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// AuthService signs callers in.
type AuthService struct {
	authn *authn.Service
}

// NewAuthService serves sign-ins.
func NewAuthService(a *authn.Service) *AuthService { return &AuthService{authn: a} }

// GetSignInOptions tells which ways of signing in there are.
func (s *AuthService) GetSignInOptions(ctx context.Context, _ *bulkheadv1.GetSignInOptionsRequest) (*bulkheadv1.SignInOptions, error) {
	providers, first, err := s.authn.SignInOptions(ctx)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.SignInOptions{OidcProviders: providers, NeedsEnrolment: first}, nil
}

// GetEnrolment tells for whom a code is.
func (s *AuthService) GetEnrolment(ctx context.Context, req *bulkheadv1.GetEnrolmentRequest) (*bulkheadv1.Enrolment, error) {
	e, err := s.authn.Enrolment(ctx, req.GetCode())
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.Enrolment{Tenant: e.Tenant, Name: e.Name, Expires: timestamppb.New(e.Expires)}, nil
}

// CompleteEnrolment uses a code up and signs in.
func (s *AuthService) CompleteEnrolment(ctx context.Context, req *bulkheadv1.CompleteEnrolmentRequest) (*bulkheadv1.SignInResponse, error) {
	return signedIn(ctx)(s.authn.CompleteEnrolment(ctx, client(ctx), req.GetCode(), req.GetName(), req.GetPassword()))
}

// SignIn is the first factor.
func (s *AuthService) SignIn(ctx context.Context, req *bulkheadv1.SignInRequest) (*bulkheadv1.SignInResponse, error) {
	return signedIn(ctx)(s.authn.SignIn(ctx, client(ctx), req.GetTenant(), req.GetName(), req.GetPassword()))
}

// BeginPasskeySignIn gives a challenge for any passkey.
func (s *AuthService) BeginPasskeySignIn(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.Ceremony, error) {
	return ceremony(s.authn.BeginPasskeySignIn(ctx))
}

// FinishPasskeySignIn signs in with a passkey.
func (s *AuthService) FinishPasskeySignIn(ctx context.Context, req *bulkheadv1.FinishCeremonyRequest) (*bulkheadv1.SignInResponse, error) {
	response, err := answer(req)
	if err != nil {
		return nil, err
	}
	return signedIn(ctx)(s.authn.FinishPasskeySignIn(ctx, client(ctx), req.GetId(), response))
}

// VerifyCode shows a code as second factor.
func (s *AuthService) VerifyCode(ctx context.Context, req *bulkheadv1.VerifyCodeRequest) (*bulkheadv1.SignInResponse, error) {
	return signedIn(ctx)(s.authn.VerifyCode(ctx, client(ctx), gate.Caller(ctx), req.GetCode()))
}

// BeginFactor gives a challenge for the caller's passkeys.
func (s *AuthService) BeginFactor(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.Ceremony, error) {
	return ceremony(s.authn.BeginFactor(ctx, gate.Caller(ctx)))
}

// FinishFactor shows a passkey as second factor.
func (s *AuthService) FinishFactor(ctx context.Context, req *bulkheadv1.FinishCeremonyRequest) (*bulkheadv1.SignInResponse, error) {
	response, err := answer(req)
	if err != nil {
		return nil, err
	}
	return signedIn(ctx)(s.authn.FinishFactor(ctx, client(ctx), gate.Caller(ctx), req.GetId(), response))
}

// SignOut ends the session.
func (s *AuthService) SignOut(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.Empty, error) {
	if err := s.authn.SignOut(ctx, gate.Caller(ctx)); err != nil {
		return nil, err
	}
	forgetSession(ctx)
	return &bulkheadv1.Empty{}, nil
}

// GetCaller tells who is calling.
func (s *AuthService) GetCaller(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.Caller, error) {
	p := gate.Caller(ctx)
	expires, err := s.authn.Expires(ctx, p)
	if err != nil {
		return nil, err
	}
	return callerOf(p, expires), nil
}

// StartOIDC gives the address of the provider, and the browser a cookie that shows it is the same one afterwards.
func (s *AuthService) StartOIDC(ctx context.Context, req *bulkheadv1.StartOIDCRequest) (*bulkheadv1.StartOIDCResponse, error) {
	start, err := s.authn.StartOIDC(ctx, req.GetProvider(), req.GetReturnTo(), req.GetFresh())
	if err != nil {
		return nil, err
	}
	setCookie(ctx, bindingCookie(start.Binding, bindingAge))
	return &bulkheadv1.StartOIDCResponse{Url: start.URL}, nil
}
