package report

import (
	"io"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// FleetSchema names the version of the report's JSON form, which others script against.
const FleetSchema = "bulkhead.report/v1"

// Fleet is a report for an auditor: where a part of the fleet stood at a time, why, what is lived with, what happened before, and what is
// not known.
type Fleet struct {
	Schema  string     `json:"schema"`
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Product string     `json:"product"` // version of Bulkhead that made it
	Author  Author     `json:"author"`
	Created time.Time  `json:"created"`
	AsOf    time.Time  `json:"as_of"`
	Since   time.Time  `json:"since"`
	Scope   FleetScope `json:"scope"`
	// Summary counts requirements by the worst status over the nodes, SummaryBefore the same at Since.
	Summary       map[model.Status]int `json:"summary"`
	SummaryBefore map[model.Status]int `json:"summary_before"`
	NodesAssessed int                  `json:"nodes_assessed"`
	Requirements  []FleetRequirement   `json:"requirements"`
	Exceptions    []FleetException     `json:"exceptions"`
	Findings      FleetFindings        `json:"findings"`
	Changes       FleetChanges         `json:"changes"`
	Drills        []FleetDrill         `json:"drills"`
	Controls      []FleetControl       `json:"controls"`
	// NotKnown says, for people, what the report can't tell and why.
	NotKnown []model.Text `json:"not_known"`
	Nodes    []FleetNode  `json:"nodes"`
	Audit    []AuditPlace `json:"audit"`
}

// Author is who had the report made.
type Author struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// FleetScope is what a report is about. Empty lists take all.
type FleetScope struct {
	Tenant       string            `json:"tenant"` // "" for all
	Nodes        []string          `json:"nodes"`
	Pool         string            `json:"pool"`
	Labels       map[string]string `json:"labels"`
	Requirements []string          `json:"requirements"`
	Words        model.Text        `json:"words"`
}

// FleetRequirement is a requirement over all nodes.
type FleetRequirement struct {
	ID      string        `json:"id"`
	Section string        `json:"section"`
	Keyword model.Keyword `json:"keyword"`
	Title   model.Text    `json:"title"`
	// Status is the worst of the nodes', Before what it was at Since, "" where nothing was known.
	Status   model.Status         `json:"status"`
	Before   model.Status         `json:"before"`
	Nodes    map[model.Status]int `json:"nodes"`
	Excepted int                  `json:"excepted"` // nodes of which every failure is covered by an exception
	Reason   model.Text           `json:"reason"`   // of a node with the worst status
	Controls []string             `json:"controls"`
	Checks   []FleetCheck         `json:"checks"` // those that did not pass on some node
}

// FleetCheck is a check that did not pass on some node.
type FleetCheck struct {
	ID          string                    `json:"id"`
	Title       model.Text                `json:"title"`
	Severity    model.Severity            `json:"severity"`
	Essential   bool                      `json:"essential"`
	References  []string                  `json:"references"`
	Remediation model.Text                `json:"remediation"`
	Nodes       map[model.CheckStatus]int `json:"nodes"`
	Evidence    []FleetEvidence           `json:"evidence"`
	LeftOut     int                       `json:"left_out"` // pieces of evidence for which there was no room
}

// FleetEvidence is a piece of evidence with its node.
type FleetEvidence struct {
	Node      string            `json:"node"`
	Subject   string            `json:"subject"`
	Status    model.CheckStatus `json:"status"`
	Text      model.Text        `json:"text"`
	Exception *model.Exception  `json:"exception,omitempty"`
}

// FleetNode is a node with its own statuses.
type FleetNode struct {
	ID     string            `json:"id"`
	Tenant string            `json:"tenant"`
	Name   string            `json:"name"`
	Pool   string            `json:"pool"`
	Labels map[string]string `json:"labels"`
	Host   string            `json:"host"`
	// Health is as of when the report was made; "" for a node that is not in the fleet (any more).
	Health       model.Health `json:"health"`
	HealthReason string       `json:"health_reason"`
	HealthSince  time.Time    `json:"health_since,omitzero"`
	// Assessment is the id of its newest assessment at AsOf, "" for none; Digest the SHA-256 of its document.
	Assessment string                  `json:"assessment"`
	Digest     string                  `json:"digest"`
	Facts      time.Time               `json:"facts,omitzero"`
	Published  time.Time               `json:"published,omitzero"`
	Statuses   map[string]model.Status `json:"statuses"`
	Failing    []string                `json:"failing"` // ids of checks
	Gaps       int                     `json:"gaps"`
}

// FleetException is an exception in force at AsOf.
type FleetException struct {
	model.Exception
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"`
	Node     string    `json:"node"` // name, "" for all
	Creator  string    `json:"creator"`
	Approver string    `json:"approver"`
	Created  time.Time `json:"created"`
}

// FleetFindings are what was open at AsOf: how many by severity, and the gravest of them.
type FleetFindings struct {
	Counts  map[model.Severity]int `json:"counts"`
	List    []FleetFinding         `json:"list"`
	LeftOut int                    `json:"left_out"`
}

// FleetFinding is something that was wrong on a node.
type FleetFinding struct {
	Node        string         `json:"node"`
	Kind        string         `json:"kind"`
	Requirement string         `json:"requirement"`
	Severity    model.Severity `json:"severity"`
	Subject     string         `json:"subject"`
	Text        model.Text     `json:"text"`
	First       time.Time      `json:"first"`
	Excepted    bool           `json:"excepted"`
}

// FleetChanges are what happened from Since to AsOf: how many by kind, and the newest.
type FleetChanges struct {
	Counts  map[string]int `json:"counts"`
	Worse   int            `json:"worse"` // changes of a requirement's status
	Better  int            `json:"better"`
	List    []FleetEvent   `json:"list"`
	LeftOut int            `json:"left_out"`
}

// FleetEvent is something that happened to a node.
type FleetEvent struct {
	Time        time.Time  `json:"time"`
	Node        string     `json:"node"`
	Kind        string     `json:"kind"`
	Severity    string     `json:"severity"`
	Requirement string     `json:"requirement"`
	Before      string     `json:"before"`
	After       string     `json:"after"`
	Text        model.Text `json:"text"`
}

// FleetDrill is the newest result of a drill on a machine.
type FleetDrill struct {
	Drill       string        `json:"drill"`
	Requirement string        `json:"requirement"`
	Node        string        `json:"node"`
	Verdict     model.Verdict `json:"verdict"`
	Why         string        `json:"why"`
	Ran         time.Time     `json:"ran"`
	Version     string        `json:"version"`
}

// FleetControl is a control with the modes that it had when the report was made.
type FleetControl struct {
	Name         string   `json:"name"`
	Requirements []string `json:"requirements"`
	There        bool     `json:"there"` // whether this version has it
	Enforce      int      `json:"enforce"`
	Observe      int      `json:"observe"`
	Missing      int      `json:"missing"`
}

// AuditPlace is how far an audit log was when the report was made. A log that later is not a continuation of it has lost records.
type AuditPlace struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   string `json:"root"` // hexadecimal
	Note   string `json:"note"` // the signed checkpoint
}

// Label is a node's name as it stands beside evidence: names are unique in a tenant only.
func (f *Fleet) Label(tenant, name string) string {
	if f.Scope.Tenant == "" && tenant != "" {
		return tenant + "/" + name
	}
	return name
}

// FleetJSON writes the report in its contract's form: indented, the same bytes for the same report.
func FleetJSON(w io.Writer, f *Fleet) error { return WriteJSON(w, f) }
