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
