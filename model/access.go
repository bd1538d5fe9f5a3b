package model

import "time"

// Ref names an object in the terms of the policy language: a Cedar entity type without namespace, and an id.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// String is `Type::"id"` without the quotes' escapes, for people.
func (r Ref) String() string { return r.Type + "::" + r.ID }

// Object is what a decision knows of an object. Attributes are string, bool, int64, time.Time, Ref, []string, []Ref, or
// map[string]any of these.
type Object struct {
	Ref
	Parents []Ref          `json:"parents,omitempty"`
	Attrs   map[string]any `json:"attrs,omitempty"`
}

// ActionStepUp is the access by which an account shows the engines of the fleet that its second factor was shown just now.
const ActionStepUp = "EngineStepUp"

// Types of objects that are not nouns of a service.
const (
	TypeSystem = "System" // the installation; its only id is SystemID
	SystemID   = "bulkhead"
	// SystemTenant is the provider's own tenant, which always exists. Its users may have rights everywhere.
	SystemTenant = "system"
)

// Roles that the shipped policies know.
const (
	RoleAdministrator = "administrator" // everything; only in the tenant "system"
	RoleAuditor       = "auditor"       // reads everything of the tenant (of all, in "system"), changes nothing
	RoleOperator      = "operator"      // works on the hosts that the account names
	RoleOwner         = "owner"         // of a tenant: its users, groups, tokens, policies and objects
	RoleDeveloper     = "developer"     // own containers
	RoleNode          = "node"          // a node, on what it reports itself
)

// Principal is who asks: an account as it is now, and how strongly it signed in.
type Principal struct {
	Ref             // User or Node
	Name   string   `json:"name"`
	Tenant string   `json:"tenant"`
	Roles  []string `json:"roles,omitempty"`  // own ones and those of groups
	Groups []string `json:"groups,omitempty"` // ids
	Hosts  []string `json:"hosts,omitempty"`  // ids, own ones and those of groups
	// Credential is the session or token: its kind and id, never its secret.
	Credential Ref `json:"credential"`
	// Scopes narrow a token to actions or groups of actions; nil for a session.
	Scopes []string `json:"scopes,omitempty"`
	Auth   Strength `json:"auth"`
}

// Strength is how a principal authenticated.
type Strength struct {
	AMR               []string `json:"amr,omitempty"` // RFC 8176: pwd, otp, hwk, user, mfa, fed
	MFA               bool     `json:"mfa"`
	PhishingResistant bool     `json:"phishing_resistant"`
	// Pending says that the account has a second factor which was not shown yet: nothing but showing it is open.
	Pending    bool      `json:"pending,omitempty"`
	Time       time.Time `json:"time,omitzero"`        // first factor
	FactorTime time.Time `json:"factor_time,omitzero"` // second factor, last shown
}

// Request asks a door's question: may this principal do this action to this resource now?
type Request struct {
	Principal Principal `json:"principal"`
	Action    string    `json:"action"` // Cedar action without namespace
	Resource  Object    `json:"resource"`
	// Objects are others that policies may look at, such as the resource's parents.
	Objects []Object  `json:"objects,omitempty"`
	Time    time.Time `json:"time"`
	// Approved says that a second person approved this very action on this very resource.
	Approved bool `json:"approved,omitempty"`
	// FreshFactor says that a second factor was shown within the step-up time.
	FreshFactor bool `json:"fresh_factor,omitempty"`
	// Dangerous and FourEyes are the action's marks.
	Dangerous bool `json:"dangerous,omitempty"`
	FourEyes  bool `json:"four_eyes,omitempty"`
	// Facts go into the context beside those above: "address", "door", and what a door adds.
	Facts map[string]any `json:"facts,omitempty"`
}

// Need is what would have turned a refusal into a permission.
type Need string

// What a request can lack.
const (
	NeedFactor            Need = "factor"
	NeedPhishingResistant Need = "phishing_resistant"
	NeedStepUp            Need = "step_up"
	NeedApproval          Need = "approval"
)

// Decision is the answer.
type Decision struct {
	Allowed bool `json:"allowed"`
	// Policies that decided: for a permission those that permit, for a refusal those that forbid; empty where none permits.
	Policies []string `json:"policies,omitempty"`
	Reason   string   `json:"reason"`
	// Remedy is what would pass, where the policy says so (@remedy).
	Remedy string `json:"remedy,omitempty"`
	// RecordSession says that one of the policies that permit wants the session recorded (@record("session")).
	RecordSession bool `json:"record_session,omitempty"`
	// Needs is set on a refusal that would be a permission with them.
	Needs  []Need   `json:"needs,omitempty"`
	Errors []string `json:"errors,omitempty"`
	// PolicyVersion is the digest of the policies that it could come from, and PolicySets the versions of the custom ones
	// among them, by tenant. The map is shared: nobody changes it.
	PolicyVersion string           `json:"policy_version,omitempty"`
	PolicySets    map[string]int64 `json:"policy_sets,omitempty"`
}

// Policies are a version of a tenant's custom policies.
type Policies struct {
	Tenant    string       `json:"tenant"`
	Version   int64        `json:"version"`
	Files     []PolicyFile `json:"files"`
	Author    string       `json:"author"`
	Note      string       `json:"note,omitempty"`
	Created   time.Time    `json:"created"`
	Digest    string       `json:"digest"`    // SHA-256 of the canonical JSON (RFC 8785) of tenant, version and files
	Signature string       `json:"signature"` // signed note over the digest
	// Approver is who approved the proposal that it comes from, where it comes from one.
	Approver string `json:"approver,omitempty"`
	Proposal string `json:"proposal,omitempty"`
}

// PolicyFile is NAME.cedar with policies, or NAME.test.yaml with example requests.
type PolicyFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// ProposalState is where a proposal of policies stands.
type ProposalState string

// The states of a proposal. It is superseded when another version came in between.
const (
	ProposalPending    ProposalState = "pending"
	ProposalApproved   ProposalState = "approved"
	ProposalRejected   ProposalState = "rejected"
	ProposalWithdrawn  ProposalState = "withdrawn"
	ProposalSuperseded ProposalState = "superseded"
)

// Proposal is a draft of a tenant's policies that a second person puts into force.
type Proposal struct {
	ID       string        `json:"id"`
	Tenant   string        `json:"tenant"`
	Base     int64         `json:"base"` // the version that was in force
	Files    []PolicyFile  `json:"files"`
	Note     string        `json:"note"`
	Author   string        `json:"author"`
	State    ProposalState `json:"state"`
	Check    []byte        `json:"check,omitempty"` // what was found when it was made, JSON
	Approver string        `json:"approver,omitempty"`
	Reason   string        `json:"reason,omitempty"` // what the approver said
	Version  int64         `json:"version,omitempty"`
	Created  time.Time     `json:"created"`
	Ended    time.Time     `json:"ended,omitzero"`
}

// AccessState is where a request for access stands.
type AccessState string

// The states of a request for access.
const (
	AccessPending  AccessState = "pending"
	AccessApproved AccessState = "approved"
	AccessDenied   AccessState = "denied"
	AccessRevoked  AccessState = "revoked"
	AccessExpired  AccessState = "expired"
)

// Access is a request for one action on one object for a time, and what became of it.
type Access struct {
	ID       string        `json:"id"`
	Tenant   string        `json:"tenant"` // of the object
	User     string        `json:"user"`
	Action   string        `json:"action"`
	Resource Ref           `json:"resource"`
	Reason   string        `json:"reason"`
	Duration time.Duration `json:"duration"`
	State    AccessState   `json:"state"`
	Approver string        `json:"approver,omitempty"`
	Note     string        `json:"note,omitempty"`
	Created  time.Time     `json:"created"`
	Decided  time.Time     `json:"decided,omitzero"`
	Expires  time.Time     `json:"expires"`
}
