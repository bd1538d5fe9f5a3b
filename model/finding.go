package model

import "time"

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
