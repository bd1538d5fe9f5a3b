package api

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	sessionCookie = "__Host-bulkhead"
	oidcCookie    = "__Host-bulkhead-oidc"
	// sessionHeader with the value "token" asks for the secret itself instead of a cookie. Scripts in a page can't see a
	// cookie that is HttpOnly, so a page never asks for it. An answer without a body for the secret has it in the same header.
	sessionHeader = "Bulkhead-Session"
	asToken       = "token"
	bindingAge    = 600 // seconds that a sign-in at a provider may take
	deleted       = -1  // as a cookie's age
)

func client(ctx context.Context) authn.Client {
	c := gate.ClientOf(ctx)
	return authn.Client{Address: c.Address, UserAgent: c.UserAgent}
}

// wantsToken says whether the caller asks for the secret itself.
func wantsToken(ctx context.Context) bool {
	call, ok := connect.CallInfoForHandlerContext(ctx)
	return ok && call.RequestHeader().Get(sessionHeader) == asToken
}

func setCookie(ctx context.Context, c *http.Cookie) {
	if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
		call.ResponseHeader().Add("Set-Cookie", c.String())
		call.ResponseHeader().Set("Cache-Control", "no-store")
	}
}

// newSessionCookie goes to this host only, by TLS only, to no script, and with no request that another site makes.
func newSessionCookie(secret string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: maxAge,
	}
}

// bindingCookie has to come along when the provider sends the browser back, which is another site's doing: hence Lax.
func bindingCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: oidcCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: maxAge,
	}
}

func forgetSession(ctx context.Context) {
	setCookie(ctx, newSessionCookie("", deleted))
}

// keepSession hands a new session's secret over: in a cookie, or as the result for whoever asked for it.
func keepSession(ctx context.Context, in *authn.SignedIn) (secret string) {
	if wantsToken(ctx) {
		if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
			call.ResponseHeader().Set("Cache-Control", "no-store")
		}
		return in.Secret
	}
	setCookie(ctx, newSessionCookie(in.Secret, 0))
	return ""
}

// signedIn makes the answer to a sign-in.
func signedIn(ctx context.Context) func(*authn.SignedIn, error) (*bulkheadv1.SignInResponse, error) {
	return func(in *authn.SignedIn, err error) (*bulkheadv1.SignInResponse, error) {
		if err != nil {
			return nil, err
		}
		out := &bulkheadv1.SignInResponse{
			Next: stepOf(in.Next), Secret: keepSession(ctx, in), Caller: callerOf(in.Principal, in.Expires),
		}
		for _, kind := range in.Factors {
			out.Factors = append(out.Factors, string(kind))
		}
		return out, nil
	}
}

func stepOf(s authn.Step) bulkheadv1.Step {
	switch s {
	case authn.StepDone:
		return bulkheadv1.Step_STEP_DONE
	case authn.StepFactor:
		return bulkheadv1.Step_STEP_FACTOR
	case authn.StepRegister:
		return bulkheadv1.Step_STEP_REGISTER
	}
	return bulkheadv1.Step_STEP_UNSPECIFIED
}

func callerOf(p model.Principal, expires time.Time) *bulkheadv1.Caller {
	out := &bulkheadv1.Caller{
		Id: p.ID, Name: p.Name, Tenant: p.Tenant, Roles: p.Roles, Groups: p.Groups, Amr: p.Auth.AMR, Mfa: p.Auth.MFA,
		PhishingResistant: p.Auth.PhishingResistant, FactorTime: stamp(p.Auth.FactorTime), Expires: stamp(expires),
		Credential: p.Credential.ID, Scopes: p.Scopes,
	}
	switch p.Credential.Type {
	case "Session":
		out.Kind = "session"
	case "Token":
		out.Kind = "token"
	}
	return out
}

func ceremony(c *authn.Ceremony, err error) (*bulkheadv1.Ceremony, error) {
	if err != nil {
		return nil, err
	}
	options := &structpb.Struct{}
	if err := protojson.Unmarshal(c.Options, options); err != nil {
		return nil, &model.Error{Code: model.CodeInternal, Message: "the challenge can't be shown", Err: err}
	}
	return &bulkheadv1.Ceremony{Id: c.ID, Options: options}, nil
}

func answer(req *bulkheadv1.FinishCeremonyRequest) ([]byte, error) {
	b, err := protojson.Marshal(req.GetResponse())
	if err != nil {
		return nil, &model.Error{Code: model.CodeInvalid, Field: "response", Message: "the answer is not a JSON object", Err: err}
	}
	return b, nil
}
