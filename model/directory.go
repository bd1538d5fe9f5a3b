package model

import "time"

// Tenant is a customer or a part of the organisation.
type Tenant struct {
	ID      string            `json:"id"` // DNS label
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Created time.Time         `json:"created"`
	Version int64             `json:"version"` // counts changes
}

// Account is a user of the product. Its password and factors are kept apart.
type Account struct {
	ID          string   `json:"id"`
	Tenant      string   `json:"tenant"`
	Name        string   `json:"name"` // unique in the tenant, lower case
	DisplayName string   `json:"display_name,omitempty"`
	Email       string   `json:"email,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Hosts       []string `json:"hosts,omitempty"`
	Disabled    bool     `json:"disabled,omitempty"`
	// Issuer and Subject tie the account to an OIDC provider's.
	Issuer     string    `json:"issuer,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Created    time.Time `json:"created"`
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
	// Invited is when the last enrolment code for the account was made, Granted when it last got rights, and by whom. Both are
	// empty where the product does not know.
	Invited   time.Time `json:"invited,omitzero"`
	InvitedBy string    `json:"invited_by,omitempty"`
	Granted   time.Time `json:"granted,omitzero"`
	GrantedBy string    `json:"granted_by,omitempty"`
	Version   int64     `json:"version"`
}

// AccountGroup gives its members roles and hosts.
type AccountGroup struct {
	ID      string    `json:"id"`
	Tenant  string    `json:"tenant"`
	Name    string    `json:"name"` // unique in the tenant
	Roles   []string  `json:"roles,omitempty"`
	Hosts   []string  `json:"hosts,omitempty"`
	Created time.Time `json:"created"`
	Granted time.Time `json:"granted,omitzero"` // when its members last got rights by it
	Version int64     `json:"version"`
}

// FactorKind is a kind of second factor.
type FactorKind string

// The kinds of factor.
const (
	FactorWebAuthn FactorKind = "webauthn"
	FactorTOTP     FactorKind = "totp"
	FactorRecovery FactorKind = "recovery"
)

// Factor is something beside the password. Data is sealed by identity/authn before it comes to the store.
type Factor struct {
	ID       string     `json:"id"`
	User     string     `json:"user"`
	Kind     FactorKind `json:"kind"`
	Name     string     `json:"name"`
	Data     []byte     `json:"-"`
	Created  time.Time  `json:"created"`
	LastUsed time.Time  `json:"last_used,omitzero"`
	// Counter is the last TOTP step that was used, or how many recovery codes are left, or the authenticator's count.
	Counter int64 `json:"counter"`
}

// Password is an account's password, as its argon2id hash in PHC form.
type Password struct {
	User    string    `json:"user"`
	Hash    string    `json:"-"`
	Changed time.Time `json:"changed"`
}

// Session is a sign-in. Its id is derived from its secret and does not reveal it.
type Session struct {
	ID         string    `json:"id"`
	SecretHash []byte    `json:"-"` // SHA-256
	User       string    `json:"user"`
	Tenant     string    `json:"tenant"`
	Auth       Strength  `json:"auth"`
	Created    time.Time `json:"created"`
	LastSeen   time.Time `json:"last_seen"`
	Expires    time.Time `json:"expires"` // absolute
	Idle       time.Time `json:"idle"`    // idle limit, moved on when it is seen
	Address    string    `json:"address"`
	UserAgent  string    `json:"user_agent"`
	Client     string    `json:"client,omitempty"` // of a device flow
}

// Token is an API token.
type Token struct {
	ID         string    `json:"id"`
	User       string    `json:"user"`
	Tenant     string    `json:"tenant"`
	Name       string    `json:"name"`
	Prefix     string    `json:"prefix"`
	SecretHash []byte    `json:"-"` // SHA-256
	Scopes     []string  `json:"scopes"`
	Auth       Strength  `json:"auth"` // of the session that made it
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires"`
	LastUsed   time.Time `json:"last_used,omitzero"`
	Revoked    time.Time `json:"revoked,omitzero"`
}

// TicketKind is what a ticket is for.
type TicketKind string

// The kinds of ticket.
const (
	TicketEnrolment TicketKind = "enrolment"
	TicketCeremony  TicketKind = "ceremony" // WebAuthn challenge or TOTP registration
	TicketOIDC      TicketKind = "oidc"     // state, nonce and PKCE verifier
	TicketDevice    TicketKind = "device"
	// TicketTransfer is a recording on its way, TicketPart a part of it, which has no bearer: only replicas take it.
	TicketTransfer TicketKind = "transfer"
	TicketPart     TicketKind = "transfer-part"
)

// Ticket is something that is good once and for a time. Its id is the hash of what the bearer shows.
type Ticket struct {
	ID      string     `json:"id"`
	Kind    TicketKind `json:"kind"`
	User    string     `json:"user,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Lookup  string     `json:"lookup,omitempty"` // second name, e.g. the hash of a device's user code
	Data    []byte     `json:"-"`
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires"`
}
