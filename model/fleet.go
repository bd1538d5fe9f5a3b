package model

import "time"

// Health is whether a node is heard of.
type Health string

// The states of a node.
const (
	HealthUp      Health = "up"
	HealthStopped Health = "stopped" // it said so
	HealthSilent  Health = "silent"
	HealthRevoked Health = "revoked"
)

// Why a node is not up, as far as it can be told.
const (
	ReasonSaidSo      = "said so"
	ReasonProcessGone = "process gone"
	ReasonHostGone    = "host gone"
	ReasonNetworkCut  = "network cut"
	ReasonUnknown     = "unknown"
	ReasonAsking      = "asking" // peers are being asked
)

// DefaultPool is in every tenant, whether it was made or not.
const DefaultPool = "default"

// Member is a node of the fleet, as the control plane knows it.
type Member struct {
	ID     string
	Tenant string
	Name   string // unique in the tenant
	// Machine is the salted digest of the machine id; cloned machines share it.
	Machine     string
	Pool        string // name, in the tenant
	Labels      map[string]string
	Sensitivity string
	Cordoned    bool // no new workloads
	Drained     bool // workloads are moved away, too

	KeyHash []byte // SHA-256 of the public key's SPKI; fixed at the join
	// Serial is the newest certificate, Previous the one before it until Serial was used once.
	Serial, Previous string
	CertificateEnds  time.Time
	Joined           time.Time
	Revoked          time.Time
	RevokedReason    string

	Health        Health
	HealthSince   time.Time
	HealthReason  string
	Flapping      bool
	LastSeen      time.Time
	AgentVersion  string
	Addresses     []string
	Run           string // of the agent that was heard of last
	Policies      int64  // versions that it said are in force
	Settings      int64
	Assignment    int64
	Spooled       int64
	Dropped       int64
	FactsDigest   string // "" for none
	FactsTaken    time.Time
	FactsReceived time.Time
	// Assessed is the digest of the facts that the newest assessment is of; AssessedAt when it was made.
	Assessed   string
	AssessedAt time.Time
	LogKey     string // verifier key of the node's audit log
	Version    int64  // counts changes of what people decide: pool, labels, sensitivity, cordon, drain, revocation
}

// Contact is what a replica heard of a node. Zero values leave what was known as it is.
type Contact struct {
	Node  string
	Seen  time.Time
	Run   string
	State *AgentState
}

// AgentState is how an agent says it does.
type AgentState struct {
	Version    string
	Addresses  []string
	Policies   int64
	Settings   int64
	Assignment int64
	Spooled    int64
	Dropped    int64
	Started    time.Time
	Stopping   bool
}

// JoinToken lets one machine join, once.
type JoinToken struct {
	ID          string
	Tenant      string
	Name        string
	SecretHash  []byte // SHA-256
	Pool        string
	Labels      map[string]string
	Sensitivity string
	Replaces    string // node's id
	Creator     string
	Created     time.Time
	Expires     time.Time
	Used        time.Time
	UsedBy      string
	Revoked     time.Time
}

// FactsUpdate is a difference of a node's facts.
type FactsUpdate struct {
	Base    string // digest that it starts from, "" for nothing
	Digest  string // that comes out
	Set     []Fact
	Removed []string
	More    bool // more of the same snapshot follows
	Taken   time.Time
}

// Fact is a part of a snapshot, as JSON.
type Fact struct {
	Key    string
	Digest string // SHA-256 of Data, in hexadecimal
	Data   []byte
}

// Finding is something that is wrong on a node.
type Finding struct {
	ID          string
	Tenant      string
	Node        string
	NodeName    string
	Kind        string // a check's id, or e.g. "node/bundle-refused"
	Requirement string
	Severity    Severity
	Subject     string
	Text        Text
	First, Last time.Time
	Over        time.Time // zero while it is not
	Count       int64
	Source      string // "node" or "server"
	Exception   string // id of the one that covers it

	// What people made of it. Reports of it change none of this, but that one that comes back is open again.
	State    FindingState
	Owner    FindingOwner
	Triaged  time.Time // zero where nobody did anything
	Comment  string    // the last
	Comments int64
	Version  int64 // counts what people did
}

// FindingState is what people made of a finding. That it is over says nobody but what found it.
type FindingState string

// States of findings.
const (
	FindingOpen          FindingState = "open" // nobody said anything, or it came back
	FindingAcknowledged  FindingState = "acknowledged"
	FindingInProgress    FindingState = "in_progress"
	FindingFalsePositive FindingState = "false_positive"
)

// FindingOwner is who sees to a finding: an account, or somebody who has none.
type FindingOwner struct {
	User string // id of the account
	Name string
}

// FindingRef names a finding as somebody saw it.
type FindingRef struct {
	Node, ID string
	Version  int64 // AnyVersion where that does not matter
}

// AnyVersion is the version of whatever there is.
const AnyVersion = -1

// Triage is what somebody makes of findings.
type Triage struct {
	Tenant     string
	Time       time.Time
	Author     string // id of the account
	AuthorName string
	State      FindingState  // empty: as it is
	Owner      *FindingOwner // nil: as it is
	Comment    string
}

// FindingNote is something that was done with a finding.
type FindingNote struct {
	ID            string // UUIDv7
	Tenant        string
	Node, Finding string
	Time          time.Time
	Author        string // id of the account; empty where it came back
	AuthorName    string
	WasState      FindingState
	State         FindingState
	WasOwner      string
	Owner         string
	Comment       string
}

// Where findings come from.
const (
	SourceNode   = "node"
	SourceServer = "server"
)

// Event is something that happened to a node.
type Event struct {
	ID            string // UUIDv7
	Tenant        string
	Node          string
	NodeName      string
	Time          time.Time
	Kind          string
	Severity      string // "info" or a Severity
	Requirement   string
	Before, After string
	Text          Text
}

// Kinds of events.
const (
	EventJoined   = "joined"
	EventRevoked  = "revoked"
	EventSilent   = "silent"
	EventStopped  = "stopped"
	EventBack     = "back"
	EventFlapping = "flapping"
	EventSteady   = "steady"
	EventStatus   = "status"  // a requirement's status changed
	EventFinding  = "finding" // of the node itself
	EventChanged  = "changed" // what changed while it was away
	EventReuse    = "reuse"   // an old certificate was shown
	EventClock    = "clock"
	EventJoinFail = "join-refused"
	EventRollout  = "rollout"
)

// StoredException is an Exception that the control plane keeps.
type StoredException struct {
	ID      string
	Tenant  string
	Node    string // "" for all of the tenant
	Creator string
	Created time.Time
	// Approver is the second person who approved what Creator asked for; "" where Creator recorded it.
	Approver string
	Exception
}

// BundleKind is what a bundle is about.
type BundleKind string

// The kinds of bundles.
const (
	BundlePolicies   BundleKind = "policies"   // of a tenant
	BundleAccounts   BundleKind = "accounts"   // of a tenant: who may come to its engines, and what was approved
	BundleSettings   BundleKind = "settings"   // of a pool
	BundleAssignment BundleKind = "assignment" // of a node
	// BundleMaintenance is what the nodes of a swarm should have, for those of its managers that are nodes of the tenant.
	BundleMaintenance BundleKind = "maintenance"
)

// Bundle is a signed document for nodes. Versions are from one counter, except an assignment's, which is its node's.
type Bundle struct {
	Kind      BundleKind
	Scope     string // tenant, TENANT/POOL, node, or TENANT/SWARM
	Version   int64
	Digest    string // SHA-256 of Document, in hexadecimal
	Document  []byte
	Signature string // signed note
	Author    string
	Created   time.Time
}

// Pool is a set of nodes with the same settings.
type Pool struct {
	ID          string // TENANT/NAME
	Tenant      string
	Name        string
	Description string
	Settings    PoolSettings
	Plan        RolloutPlan
	Windows     []Window
	Created     time.Time
	Version     int64
}

// PoolSettings are what a pool's nodes follow.
type PoolSettings struct {
	CollectEvery time.Duration  `json:"collect_every,omitempty"`
	Assess       map[string]any `json:"assess,omitempty"` // as in the configuration file
}

// RolloutPlan stages a change of settings.
type RolloutPlan struct {
	Steps        []int         `json:"steps,omitempty"` // percent
	Soak         time.Duration `json:"soak,omitempty"`
	MostFindings int           `json:"most_findings,omitempty"` // percent of the nodes that have it
	MostFailures int           `json:"most_failures,omitempty"`
	RollBack     bool          `json:"roll_back,omitempty"`
}

// Window is a time that comes again.
type Window struct {
	Begins string        `json:"begins"` // cron(5)
	Lasts  time.Duration `json:"lasts"`
	Zone   string        `json:"zone,omitempty"`
}

// RolloutState is where a roll-out stands.
type RolloutState string

// The states of a roll-out.
const (
	RolloutRunning    RolloutState = "running"
	RolloutWaiting    RolloutState = "waiting" // for a window
	RolloutHalted     RolloutState = "halted"
	RolloutDone       RolloutState = "done"
	RolloutRolledBack RolloutState = "rolled_back"
	RolloutSuperseded RolloutState = "superseded"
)

// Rollout is a change of a pool's settings on its way.
type Rollout struct {
	ID        string
	Tenant    string
	Pool      string // id
	From, To  int64  // versions of the settings
	State     RolloutState
	Share     int
	Step      int
	StepSince time.Time
	Reason    string
	Nodes     int
	Applied   int
	Failed    int
	Findings  int
	Author    string
	Created   time.Time
	Ended     time.Time
	Version   int64
}

// Assessed says that a node was assessed: by the facts with that digest, when, and when it had been before (zero for never).
type Assessed struct {
	Node, Digest string
	When, Was    time.Time
}

// HealthChange is a change of a node's health that counts only where the node is still as it was.
type HealthChange struct {
	Node    string
	Was, Is Health
	Reason  string
	When    time.Time
	// UnseenSince demands that nothing was heard of the node after it; zero demands nothing.
	UnseenSince time.Time
	Flapping    bool
}
