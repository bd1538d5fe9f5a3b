package model

import "time"

// AgentStatus is how the agent of this machine says it does, for whoever asks on the machine itself.
type AgentStatus struct {
	Schema  string `json:"schema"`
	Node    string `json:"node"` // id
	Name    string `json:"name"`
	Tenant  string `json:"tenant"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
	// Running is found out by who reads it: the agent holds a lock.
	Running bool      `json:"running"`
	Started time.Time `json:"started"`
	Written time.Time `json:"written"` // when this was written

	Connected   bool      `json:"connected"`
	Server      string    `json:"server,omitempty"` // the one that answered last
	LastContact time.Time `json:"last_contact,omitzero"`
	Error       string    `json:"error,omitempty"` // why the server was not reached, or not understood

	Policies   int64 `json:"policies"` // versions in force, 0 for none
	Settings   int64 `json:"settings"`
	Assignment int64 `json:"assignment"`

	// Refused are documents that were refused since the last good one, by kind, with why.
	Refused map[BundleKind]string `json:"refused,omitempty"`

	Pool        string            `json:"pool,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Sensitivity string            `json:"sensitivity,omitempty"`
	Cordoned    bool              `json:"cordoned,omitempty"`
	Drained     bool              `json:"drained,omitempty"`
	Maintenance *Maintenance      `json:"maintenance,omitempty"`

	CollectEvery    string    `json:"collect_every"`
	LastCollect     time.Time `json:"last_collect,omitzero"`
	Spooled         int64     `json:"spooled"` // bytes that wait
	Dropped         int64     `json:"dropped"`
	SpoolError      string    `json:"spool_error,omitempty"`
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
	ClockSkew       string    `json:"clock_skew,omitempty"` // of this machine against the server
}

// AgentStatusSchema names the version of AgentStatus' JSON form.
const AgentStatusSchema = "bulkhead.agent-status/v1"

// AgentPart is a part of the agent, and whether this machine has what it needs.
type AgentPart struct {
	Part  string `json:"part"`
	Needs string `json:"needs"`
	Works bool   `json:"works"`
	// Needed says that the agent is of no use without it; another part's absence only means that something is not seen.
	Needed bool   `json:"needed"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}
