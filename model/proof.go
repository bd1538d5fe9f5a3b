package model

import "time"

// ExceptionState is what became of a request for an exception.
type ExceptionState string

// The states of a request for an exception. One that nobody decided until its last day is over.
const (
	ExceptionPending   ExceptionState = "pending"
	ExceptionApproved  ExceptionState = "approved"
	ExceptionRejected  ExceptionState = "rejected"
	ExceptionWithdrawn ExceptionState = "withdrawn"
	ExceptionOver      ExceptionState = "expired"
)

// ExceptionRequest asks a second person for an exception. It is none before that.
type ExceptionRequest struct {
	ID        string
	Tenant    string
	Node      string // "" for all of the tenant
	Requester string
	Created   time.Time
	State     ExceptionState
	Decider   string
	Note      string // why, of who decided
	Decided   time.Time
	Stored    string // id of the exception that came of it
	Exception
}

// DrillOutcome is the result of a drill on a machine, as it was published.
type DrillOutcome struct {
	ID          string
	Tenant      string
	Requirement string
	Node        string // name of the machine
	Version     string // of the product that ran it
	Ran         time.Time
	Published   time.Time
	Publisher   string
	Result      DrillResult // its ID is the drill's
}

// ReportState is how far a report is.
type ReportState string

// The states of a report.
const (
	ReportWaiting ReportState = "waiting"
	ReportRunning ReportState = "running"
	ReportReady   ReportState = "ready"
	ReportFailed  ReportState = "failed"
)

// Formats of a report, which are the names of its files.
const (
	ReportJSON   = "json"
	ReportOSCAL  = "oscal"
	ReportHTML   = "html"
	ReportHTMLZH = "html-zh"
)

// ReportScope is what a report is about. Empty lists take all.
type ReportScope struct {
	Tenant       string            `json:"tenant"` // "" for all
	Nodes        []string          `json:"nodes,omitempty"`
	Pool         string            `json:"pool,omitempty"` // its name
	Labels       map[string]string `json:"labels,omitempty"`
	Requirements []string          `json:"requirements,omitempty"` // ids of requirements or clauses
}

// ReportFile is a rendered report.
type ReportFile struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Report is a report for an auditor with how far it is.
type Report struct {
	ID         string
	Tenant     string // whose people may read it
	AllTenants bool   // it is about all, and Tenant is the provider's
	Title      string
	Scope      ReportScope
	AsOf       time.Time // as it was then
	Since      time.Time // what happened from then on to AsOf
	Author     string
	AuthorName string
	Created    time.Time
	State      ReportState
	Done       int // of Total nodes
	Total      int
	Error      string
	Finished   time.Time
	Summary    map[Status]int // requirements by status
	Nodes      int            // with an assessment
	Signature  string         // signed note of the files' digests
	Key        string         // to verify it with
	Files      map[string]ReportFile
}
