package authn

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/bulkhead-security/bulkhead/model"
)

// mostResponse bounds what an authenticator may answer.
const mostResponse = 64 << 10

// Ceremony is a challenge: ID names it, Options go to navigator.credentials.
type Ceremony struct {
	ID      string
	Options json.RawMessage
}

// newWebAuthn binds passkeys to the public URL's host and origin. Browsers take no address for a relying party, so a server
// that is reached by one goes without.
func newWebAuthn(public *url.URL) (*webauthn.WebAuthn, error) {
	if _, err := netip.ParseAddr(public.Hostname()); err == nil {
		return nil, nil
	}
	timeout := webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife} // the ticket enforces it
	return webauthn.New(&webauthn.Config{
		RPID: public.Hostname(), RPDisplayName: "Bulkhead", RPOrigins: []string{public.String()},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
}

func (s *Service) passkeysWork() error {
	if s.web == nil {
		return fail(model.CodeUnavailable, "passkeys need a server with a name, and this one's public URL has an address",
			"set server.public_url to a URL with a name", nil)
	}
	return nil
}

// webUser is an account as the library wants it. Its handle is the account's id.
type webUser struct {
	account     *model.Account
	credentials []webauthn.Credential
	factors     []model.Factor // of the credentials, in the same order
}

func (u *webUser) WebAuthnID() []byte                         { return []byte(u.account.ID) }
func (u *webUser) WebAuthnName() string                       { return u.account.Name + " (" + u.account.Tenant + ")" }
func (u *webUser) WebAuthnCredentials() []webauthn.Credential { return u.credentials }
func (u *webUser) WebAuthnDisplayName() string {
	if u.account.DisplayName != "" {
		return u.account.DisplayName
	}
	return u.account.Name
}

func (s *Service) webUser(a *model.Account, factors []model.Factor) (*webUser, error) {
	u := &webUser{account: a}
	for _, f := range factors {
		if f.Kind != model.FactorWebAuthn {
			continue
		}
		var credential webauthn.Credential
		if err := s.openFactor(&f, &credential); err != nil {
			return nil, err
		}
		credential.Authenticator.SignCount = uint32(f.Counter)
		u.credentials = append(u.credentials, credential)
		u.factors = append(u.factors, f)
	}
	return u, nil
}

func (s *Service) challenge(ctx context.Context, user, purpose, session string, data *webauthn.SessionData, options any) (*Ceremony, error) {
	kept, err := json.Marshal(data)
	if err != nil {
		return nil, coded(err, "keeping the challenge")
	}
	shown, err := json.Marshal(options)
	if err != nil {
		return nil, coded(err, "giving the challenge")
	}
	id, err := s.issue(ctx, model.Ticket{Kind: model.TicketCeremony, User: user}, prefixCeremony, ceremonyLife,
		ceremony{Purpose: purpose, Session: session, Data: kept})
	return &Ceremony{ID: id, Options: shown}, err
}

// answered uses the challenge up, whatever the answer is worth.
func (s *Service) answered(ctx context.Context, id, user, purpose, session string) (webauthn.SessionData, error) {
	var kept ceremony
	var data webauthn.SessionData
	ticket, err := s.take(ctx, model.TicketCeremony, prefixCeremony, id, &kept)
	if err != nil {
		return data, err
	}
	if ticket.User != user || kept.Purpose != purpose || kept.Session != session {
		return data, errTicket(nil)
	}
	return data, coded(json.Unmarshal(kept.Data, &data), "reading the challenge")
}

func badResponse(err error) error {
	return &model.Error{
		Code: model.CodeInvalid, Field: "response", Message: "the authenticator's answer is malformed or not for this server",
		Remedy: "begin again in a browser at the server's public address", Err: err,
	}
}

// BeginPasskey gives the options for navigator.credentials.create.
func (s *Service) BeginPasskey(ctx context.Context, p model.Principal) (*Ceremony, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	account, err := s.mayRegister(ctx, p)
	if err != nil {
		return nil, err
	}
	user, err := s.currentUser(ctx, account)
	if err != nil {
		return nil, err
	}
	creation, data, err := s.web.BeginRegistration(user,
		webauthn.WithExclusions(webauthn.Credentials(user.credentials).CredentialDescriptors()),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithCredentialParameters(webauthn.CredentialParametersRecommendedL3()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		}))
	if err != nil {
		return nil, coded(err, "making a challenge")
	}
	return s.challenge(ctx, p.ID, forPasskey, p.Credential.ID, data, creation.Response)
}

func (s *Service) currentUser(ctx context.Context, a *model.Account) (*webUser, error) {
	factors, err := s.store.FactorsOf(ctx, a.ID)
	if err != nil {
		return nil, coded(err, "reading factors")
	}
	return s.webUser(a, factors)
}

// FinishPasskey registers a passkey or security key.
func (s *Service) FinishPasskey(ctx context.Context, c Client, p model.Principal, id string, response []byte, name string) (*Registered, error) {
	if err := s.passkeysWork(); err != nil {
		return nil, err
	}
	account, err := s.mayRegister(ctx, p)
	if err != nil {
		return nil, err
	}
	data, err := s.answered(ctx, id, p.ID, forPasskey, p.Credential.ID)
	if err != nil {
		return nil, err
	}
	parsed, err := parseCreation(response)
	if err != nil {
		return nil, badResponse(err)
	}
	user, err := s.currentUser(ctx, account)
	if err != nil {
		return nil, err
	}
	credential, err := s.web.CreateCredential(user, data, parsed)
	if err != nil {
		return nil, badResponse(err)
	}
	if slices.ContainsFunc(user.credentials, func(k webauthn.Credential) bool { return bytes.Equal(k.ID, credential.ID) }) {
		return nil, fail(model.CodeExists, "this key is registered already", "use another one", nil)
	}
	f, err := s.newFactor(p.ID, model.FactorWebAuthn, nameOr(name, "Passkey"), credential)
	if err != nil {
		return nil, err
	}
	f.Counter, f.LastUsed = int64(credential.Authenticator.SignCount), s.now()
	return s.register(ctx, c, account, p, f, webMethods(credential, parsed.Response.AttestationObject.AuthData.Flags),
		func(context.Context) error { return nil })
}

func webMethods(credential *webauthn.Credential, flags protocol.AuthenticatorFlags) []string {
	return keyAMR(credential.Flags.BackupEligible, flags.HasUserVerified())
}

// keyMethods are the methods of a key as it was registered.
func keyMethods(credential *webauthn.Credential) []string {
	return keyAMR(credential.Flags.BackupEligible, credential.Flags.UserVerified)
}

func keyAMR(synchronised, verified bool) []string {
	methods := []string{amrHardware}
	if synchronised {
		methods[0] = amrSoftware
	}
	if verified {
		methods = append(methods, amrUser)
	}
	return methods
}

func parseCreation(response []byte) (*protocol.ParsedCredentialCreationData, error) {
	if len(response) > mostResponse {
		return nil, protocol.ErrParsingData.WithDetails("too large")
	}
	return protocol.ParseCredentialCreationResponseBytes(response)
}

func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > mostResponse {
		return nil, protocol.ErrParsingData.WithDetails("too large")
	}
	return protocol.ParseCredentialRequestResponseBytes(response)
}
