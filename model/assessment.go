package model

import "time"

// AssessmentSchema names the version of the assessment's JSON form, which others script against.
const AssessmentSchema = "bulkhead.assessment/v1"

// Keyword is the binding force of a requirement (X.1643 clause 5).
type Keyword string

// The keywords of clause 5.
const (
	Shall    Keyword = "shall"
	ShallNot Keyword = "shall_not"
	Should   Keyword = "should"
)

// Status is the state of a requirement, computed from its checks; docs/concepts.md has the rule.
type Status string

// The states of a requirement.
const (
	Met           Status = "met"
	PartlyMet     Status = "partly_met"
	NotMet        Status = "not_met"
	NotApplicable Status = "not_applicable"
	Unknown       Status = "unknown"
)

// CheckStatus is the result of one check.
type CheckStatus string

// The results of a check. Warn is a weakness that by itself does not break the clause.
const (
	CheckPass          CheckStatus = "pass"
	CheckFail          CheckStatus = "fail"
	CheckWarn          CheckStatus = "warn"
	CheckUnknown       CheckStatus = "unknown"
	CheckNotApplicable CheckStatus = "not_applicable"
)

// Severity orders checks by the harm that a failure allows.
type Severity string

// The severities of a check.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
)

// Assessment is where a node stands on every requirement, why, and what to do.
//
// Texts come in English in the plain field and in Chinese in the field with the suffix _zh.
type Assessment struct {
	Schema string `json:"schema"`
	Node   Node   `json:"node"`
	// Host says in a few words what the node is, e.g. "Debian GNU/Linux 12, kernel 6.1.0, Docker 28.5.2 with 20 containers".
	Host         string              `json:"host,omitempty"`
	Time         time.Time           `json:"time"` // when the snapshot was taken
	Summary      Summary             `json:"summary"`
	Requirements []RequirementResult `json:"requirements"`
	Gaps         []Gap               `json:"gaps"`
}

// Summary counts requirements by status, in all and by keyword.
type Summary struct {
	Total     int                     `json:"total"`
	ByStatus  map[Status]int          `json:"by_status"`
	ByKeyword map[Keyword]StatusTally `json:"by_keyword"`
	Checks    map[CheckStatus]int     `json:"checks"`
	// Excepted counts requirements whose every failure is covered by a valid exception.
	Excepted int `json:"excepted"`
}

// StatusTally counts by status.
type StatusTally map[Status]int

// RequirementResult is one requirement of clause 8 with its checks.
type RequirementResult struct {
	ID      string  `json:"id"` // "8.1.c"
	Keyword Keyword `json:"keyword"`
	Status  Status  `json:"status"`
	Title   string  `json:"title"`
	TitleZH string  `json:"title_zh"`
	// Reason says in a sentence why the status is what it is.
	Reason   string        `json:"reason"`
	ReasonZH string        `json:"reason_zh"`
	Excepted bool          `json:"excepted,omitempty"`
	Checks   []CheckResult `json:"checks"`
}

// CheckResult is one check with its evidence.
type CheckResult struct {
	ID       string      `json:"id"` // "8.1.c/socket-mode"
	Status   CheckStatus `json:"status"`
	Severity Severity    `json:"severity"`
	// Essential checks decide whether the clause is met at all; the others whether it is met in full.
	Essential     bool       `json:"essential"`
	Title         string     `json:"title"`
	TitleZH       string     `json:"title_zh"`
	References    []string   `json:"references"`
	Evidence      []Evidence `json:"evidence"`
	Remediation   string     `json:"remediation,omitempty"`
	RemediationZH string     `json:"remediation_zh,omitempty"`
}

// Evidence is one fact that a check looked at.
type Evidence struct {
	// Pointer is a JSON pointer into the snapshot (RFC 6901).
	Pointer string `json:"pointer"`
	// Subject names what it is about for a person: a container's, image's or file's name.
	Subject string      `json:"subject,omitempty"`
	Status  CheckStatus `json:"status"`
	Text    string      `json:"text"`
	TextZH  string      `json:"text_zh"`
	// Exception is set when a recorded exception covers this failure; an expired one is shown and covers nothing.
	Exception *Exception `json:"exception,omitempty"`
}

// Exception is a person's decision to live with a failure for a time. It never changes a status; it is shown with it,
// and --fail-on passes over what it covers.
type Exception struct {
	// Check is a check's id or a requirement's id; Subject a glob over Evidence.Subject, empty for all.
	Check   string `json:"check" yaml:"check"`
	Subject string `json:"subject,omitempty" yaml:"subject,omitempty"`
	Owner   string `json:"owner" yaml:"owner"`
	Reason  string `json:"reason" yaml:"reason"`
	// Expires is the last day on which it holds, YYYY-MM-DD.
	Expires string `json:"expires" yaml:"expires"`
	Expired bool   `json:"expired,omitempty" yaml:"-"`
}

// Text is a sentence in both languages of the product.
type Text struct {
	EN string `json:"en" yaml:"en"`
	ZH string `json:"zh" yaml:"zh"`
}

// In returns the text in the language ("zh", else English).
func (t Text) In(lang string) string {
	if lang == "zh" && t.ZH != "" {
		return t.ZH
	}
	return t.EN
}
