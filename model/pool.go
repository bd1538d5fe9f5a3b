package model

import "time"

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
