package api

import (
	"context"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// AccountService is what people do to their own account.
type AccountService struct {
	authn *authn.Service
}

// NewAccountService serves people's own accounts.
func NewAccountService(a *authn.Service) *AccountService { return &AccountService{authn: a} }

// ListFactors lists the caller's second factors.
func (s *AccountService) ListFactors(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.ListFactorsResponse, error) {
	factors, err := s.authn.Factors(ctx, gate.Caller(ctx).ID)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListFactorsResponse{}
	for _, f := range factors {
		out.Factors = append(out.Factors, factorOf(f))
	}
	return out, nil
}

func factorOf(f model.Factor) *bulkheadv1.Factor {
	out := &bulkheadv1.Factor{Id: f.ID, Kind: string(f.Kind), Name: f.Name, Created: stamp(f.Created), LastUsed: stamp(f.LastUsed)}
	if f.Kind == model.FactorRecovery {
		out.Left = int32(f.Counter)
	}
	return out
}

// BeginTOTP makes a secret for an authenticator app.
func (s *AccountService) BeginTOTP(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.BeginTOTPResponse, error) {
	t, err := s.authn.BeginTOTP(ctx, gate.Caller(ctx))
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.BeginTOTPResponse{Id: t.ID, Uri: t.URI, Secret: t.Secret}, nil
}

// FinishTOTP shows that the app has the secret.
func (s *AccountService) FinishTOTP(ctx context.Context, req *bulkheadv1.FinishTOTPRequest) (*bulkheadv1.RegisterResponse, error) {
	return registered(ctx)(s.authn.FinishTOTP(ctx, client(ctx), gate.Caller(ctx), req.GetId(), req.GetCode(), req.GetName()))
}

// BeginPasskey gives a challenge for a new passkey.
func (s *AccountService) BeginPasskey(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.Ceremony, error) {
	return ceremony(s.authn.BeginPasskey(ctx, gate.Caller(ctx)))
}

// FinishPasskey registers a passkey.
func (s *AccountService) FinishPasskey(ctx context.Context, req *bulkheadv1.FinishCeremonyRequest) (*bulkheadv1.RegisterResponse, error) {
	response, err := answer(req)
	if err != nil {
		return nil, err
	}
	return registered(ctx)(s.authn.FinishPasskey(ctx, client(ctx), gate.Caller(ctx), req.GetId(), response, req.GetName()))
}

func registered(ctx context.Context) func(*authn.Registered, error) (*bulkheadv1.RegisterResponse, error) {
	return func(r *authn.Registered, err error) (*bulkheadv1.RegisterResponse, error) {
		if err != nil {
			return nil, err
		}
		session, err := signedIn(ctx)(r.Session, nil)
		return &bulkheadv1.RegisterResponse{Factor: factorOf(r.Factor), RecoveryCodes: r.Codes, Session: session}, err
	}
}

// DeleteFactor removes a factor of the caller.
func (s *AccountService) DeleteFactor(ctx context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return empty(s.authn.DeleteFactor(ctx, gate.Caller(ctx), req.GetId()))
}

// ReplaceRecoveryCodes makes new recovery codes.
func (s *AccountService) ReplaceRecoveryCodes(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.RecoveryCodes, error) {
	codes, err := s.authn.ReplaceRecoveryCodes(ctx, gate.Caller(ctx))
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.RecoveryCodes{Codes: codes}, nil
}

// ChangePassword sets a new password. The session gets a new secret too: in its cookie, or, for whoever asked for secrets, in the
// header Bulkhead-Session of the answer.
func (s *AccountService) ChangePassword(ctx context.Context, req *bulkheadv1.ChangePasswordRequest) (*bulkheadv1.Empty, error) {
	in, err := s.authn.ChangePassword(ctx, client(ctx), gate.Caller(ctx), req.GetOldPassword(), req.GetNewPassword())
	if err != nil {
		return nil, err
	}
	if secret := keepSession(ctx, in); secret != "" {
		if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
			call.ResponseHeader().Set(sessionHeader, secret)
		}
	}
	return &bulkheadv1.Empty{}, nil
}

// ListSessions lists the caller's sessions.
func (s *AccountService) ListSessions(ctx context.Context, _ *bulkheadv1.Empty) (*bulkheadv1.ListSessionsResponse, error) {
	p := gate.Caller(ctx)
	sessions, err := s.authn.Sessions(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListSessionsResponse{}
	for i := range sessions {
		out.Sessions = append(out.Sessions, sessionOut(&sessions[i], p.Credential.ID))
	}
	return out, nil
}

// RevokeSession ends one of the caller's sessions.
func (s *AccountService) RevokeSession(ctx context.Context, req *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return empty(s.authn.RevokeSession(ctx, gate.Caller(ctx).ID, req.GetId()))
}

func empty(err error) (*bulkheadv1.Empty, error) {
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.Empty{}, nil
}
