package model

import (
	"context"
	"time"
)

// Outcome is how an action ended.
type Outcome string

// The outcomes.
const (
	OutcomeAllowed Outcome = "allowed"
	OutcomeRefused Outcome = "refused"
	OutcomeFailed  Outcome = "failed" // it was allowed and then did not work
)

// Record is what the audit log keeps of an action. identity/audit writes it as an OCSF event.
type Record struct {
	// ID is a UUIDv7 given by the writer, so that a record that was written twice can be told.
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Actor     string    `json:"actor,omitempty"` // user's or node's id; empty before sign-in
	ActorName string    `json:"actor_name,omitempty"`
	Tenant    string    `json:"tenant"` // that it concerns
	Action    string    `json:"action"`
	Resource  Ref       `json:"resource"`
	Outcome   Outcome   `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	Policies  []string  `json:"policies,omitempty"`
	// PolicyVersion and PolicySets say which policies it was decided by, as in Decision. Older records don't.
	PolicyVersion string           `json:"policy_version,omitempty"`
	PolicySets    map[string]int64 `json:"policy_sets,omitempty"`
	// Address and UserAgent say from where and with what; Credential names session or token; AMR how it was shown.
	Address    string   `json:"address,omitempty"`
	UserAgent  string   `json:"user_agent,omitempty"`
	Credential string   `json:"credential,omitempty"`
	AMR        []string `json:"amr,omitempty"`
	// Of is the id of the record that this one continues, e.g. the decision of an action that then failed.
	Of string `json:"of,omitempty"`
	// Request is what was decided, so that it can be explained and decided again.
	Request *Request `json:"request,omitempty"`
	// Digest is the SHA-256 of the request's body; Changes says in short what was asked for, without secrets.
	Digest  string            `json:"digest,omitempty"`
	Changes map[string]string `json:"changes,omitempty"`
}

// LogRecord is a record with its place.
type LogRecord struct {
	Origin string `json:"origin"`
	Index  uint64 `json:"index"`
	Record Record `json:"record"`
	// Event is the entry as it stands in the log.
	Event []byte `json:"-"`
}

// Checkpoint is what a log said of itself at a time, kept by others.
type Checkpoint struct {
	Origin string    `json:"origin"`
	Size   uint64    `json:"size"`
	Root   []byte    `json:"root"`
	Note   string    `json:"note"` // signed
	Keeper string    `json:"keeper"`
	Time   time.Time `json:"time"`
}

// Consistency is a proof (RFC 6962) that the first entries of a log are the ones that were there at another size.
type Consistency struct {
	From uint64   `json:"from"`
	Path [][]byte `json:"path"`
}

// LogRange is what is left of a Merkle log's entries when only the tree over them counts: the hashes of a compact range from the first
// entry on, from which any larger tree can be built.
type LogRange struct {
	Size   uint64   `json:"size"`
	Hashes [][]byte `json:"hashes"`
}

// NodeLogs begins the origin of every node's audit log. The name of a replica has no slash, so its log has another one.
const NodeLogs = "bulkhead/node/"

// LogState is a log with what was found wrong with it.
type LogState struct {
	Origin     string     `json:"origin"`
	PublicKey  string     `json:"public_key"` // verifier key of signed notes
	Checkpoint Checkpoint `json:"checkpoint"`
	// Proofs show that Checkpoint continues what the log said earlier, for those who keep that.
	Proofs   []Consistency `json:"proofs,omitempty"`
	Problems []string      `json:"problems"`
	Verified time.Time     `json:"verified,omitzero"`
}

// Published is an assessment that was sent to the control plane.
type Published struct {
	ID        string            `json:"id"`
	Tenant    string            `json:"tenant"`
	Node      string            `json:"node"`
	NodeName  string            `json:"node_name"`
	Time      time.Time         `json:"time"`
	Published time.Time         `json:"published"`
	Publisher string            `json:"publisher"`
	Statuses  map[string]Status `json:"statuses"`
	Document  []byte            `json:"-"` // bulkhead.assessment/v1
}

// Job is work in the background.
type Job struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	Attempt   int       `json:"attempt"`
	Error     string    `json:"error,omitempty"`
	Result    Text      `json:"result,omitzero"` // what it did, for people
	Created   time.Time `json:"created"`
	Attempted time.Time `json:"attempted,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
}

// Change says that something was made, changed or deleted.
type Change struct {
	Seq       int64     `json:"seq"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"` // "created", "updated", "deleted"
	Object    Ref       `json:"object"`
	Tenant    string    `json:"tenant"`
}

// Query picks a part of a list.
type Query struct {
	Tenant string      // empty for all
	Where  []Condition // joined by and
	Size   int         // at most; 0 means 50
	Token  string      // from the page before
	// Since and Until bound the time of records, the first inclusive.
	Since, Until time.Time
	// Oldest gives the oldest first; otherwise records, assessments and jobs come newest first, and all else by name or id.
	Oldest bool
}

// Condition compares a field, by its name in the API, with a value.
type Condition struct {
	Field string
	Op    string // "=", "!=", "<", "<=", ">", ">="
	Value string
}

// Answer is what was answered to a request with an idempotency key. It is kept in the transaction of the change itself.
type Answer struct {
	Key     string    `json:"key"`    // hash of caller, method and key
	Digest  []byte    `json:"digest"` // SHA-256 of the request; another one under the same key is an error
	Body    []byte    `json:"-"`
	Created time.Time `json:"created"`
}

// Retention says how long each kind is kept in the store.
type Retention struct {
	AuditIndex, Assessments, Sessions, Tokens, Changes, Jobs, Answers time.Duration
	Events, Findings, Rollouts, Proposals                             time.Duration // findings, roll-outs and proposals that are over
	Objects                                                           time.Duration // that are gone
	Reports                                                           time.Duration
}

// Worker is a kind of background work. Run says in a sentence what it did.
type Worker struct {
	Kind  string
	Title string
	Every time.Duration // 0 for on demand only
	Run   func(ctx context.Context) (Text, error)
	// RunWith, in place of Run, gets what was put with the job. Many run at once; a failure is tried again for about a day.
	RunWith func(ctx context.Context, args []byte) (Text, error)
}

// RecordScan picks records that have to be looked through, since no index finds them: a part of the audit index is read, and not more.
type RecordScan struct {
	Query
	// Log is the origin of the records' log, or its beginning where it ends with a slash; empty for all logs.
	Log string
	// Actions that the records have.
	Actions []string
	// Refusals are records of what was refused, or would have been; only these are looked at, and an index finds them.
	Refusals bool
	// Any are alternatives of which one has to hold; none means that nothing more has to.
	Any []RecordMatch
	// Most is how many records of the index are looked at.
	Most int
}

// WouldRefuse is what records say in their changes of what would have been refused, by the names of the rules.
const WouldRefuse = "would_refuse"

// RecordMatch is a condition on a record. What is empty does not matter.
type RecordMatch struct {
	Outcome Outcome
	Actions []string
	// Text is in the record as it is kept, as JSON.
	Text string
}

// RecordsScanned is what was found in a part of the index.
type RecordsScanned struct {
	Records []LogRecord
	// Next is the token of the next part; empty where there is none.
	Next string
	// Seen is how many records were looked at.
	Seen int64
	// Until is the time of the last one that was looked at.
	Until time.Time
}
