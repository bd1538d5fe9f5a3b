package model

import "time"

// SnapshotSchema names the version of the snapshot's JSON form. A reader refuses any other major version.
const SnapshotSchema = "bulkhead.snapshot/v1"

// Snapshot holds the facts of one node (or of one cluster) at one moment. It carries no judgement: assessing the same
// snapshot with the same settings gives the same answer anywhere.
//
// Lists are sorted by the collector that fills them, so that the JSON form is deterministic. A part that could not be
// read has an entry in Gaps whose Path is the JSON pointer of the part; a part that is absent without a gap does not
// exist on the node.
type Snapshot struct {
	Schema     string      `json:"schema"`
	Node       Node        `json:"node"`
	Taken      time.Time   `json:"taken"`
	Host       *Host       `json:"host,omitempty"`
	Engine     *Engine     `json:"engine,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	Images     []Image     `json:"images,omitempty"`
	Networks   []Network   `json:"networks,omitempty"`
	Firewall   *Firewall   `json:"firewall,omitempty"`
	Registries []Registry  `json:"registries,omitempty"`
	Swarm      *Swarm      `json:"swarm,omitempty"`
	Kubernetes *Kubernetes `json:"kubernetes,omitempty"`
	// Controls lists the parts of Bulkhead that run on the node and what they enforce.
	Controls []Control `json:"controls,omitempty"`
	// Guard is what the guard that runs before the engine says of itself; nil where none runs.
	Guard *GuardStatus `json:"guard,omitempty"`
	// Maintenance is what the node's agent does to keep workloads away from nodes; nil without an agent, or with nothing to say.
	Maintenance *Maintenance `json:"maintenance,omitempty"`
	Gaps        []Gap        `json:"gaps,omitempty"`
}

// Node says whose facts these are and with which eyes they were seen.
type Node struct {
	Name string `json:"name"`
	// ID is a salted digest of the machine id; it is stable and does not reveal the machine id.
	ID string `json:"id,omitempty"`
	// Version is the version of the collector.
	Version string `json:"version,omitempty"`
	// UID is the effective user that collected; 0 sees everything.
	UID int `json:"uid"`
	// Capabilities are the effective Linux capabilities of the collector, e.g. "CAP_SYS_PTRACE"; empty where not read.
	Capabilities []string `json:"capabilities,omitempty"`
}

// GapReason is the machine-readable cause of a gap.
type GapReason string

// The causes of a gap.
const (
	GapPermission  GapReason = "permission"  // the collector may not read it
	GapAbsent      GapReason = "absent"      // the source does not exist here (no engine, no systemd)
	GapTimeout     GapReason = "timeout"     // the source did not answer within the deadline
	GapMalformed   GapReason = "malformed"   // the source answered something that is not understood
	GapLimit       GapReason = "limit"       // a size or count limit was reached
	GapUnsupported GapReason = "unsupported" // this engine or kernel has no such fact
	GapSkipped     GapReason = "skipped"     // needs a flag that was not given
	GapFailed      GapReason = "failed"      // anything else; Detail says what
)

// Gap is a fact that could not be read, and why. Path is the JSON pointer of the part (RFC 6901); it covers everything
// below it.
type Gap struct {
	Path      string    `json:"path"`
	Collector string    `json:"collector"`
	Reason    GapReason `json:"reason"`
	Detail    string    `json:"detail,omitempty"`
	// Remedy is what the user can do to close the gap, if anything.
	Remedy string `json:"remedy,omitempty"`
}

// FileFact is what stat says about a path. Exists is false when there is no such file.
type FileFact struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	Mode   string `json:"mode,omitempty"` // octal with setuid bits, e.g. "0644"
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Owner  string `json:"owner,omitempty"`
	Group  string `json:"group,omitempty"`
	// Type is one of "file", "dir", "socket", "symlink", "device", "other".
	Type string `json:"type,omitempty"`
	// Purpose says why the file is of interest, e.g. "docker.socket", "daemon.json", "tls-key", "registry-ca".
	Purpose string `json:"purpose,omitempty"`
	// Package is the installed package that owns the file; it is looked up for programs of engines only.
	Package string `json:"package,omitempty"`
}

// SecretSighting is the place of a secret. The secret itself is never stored: Digest is a keyed digest under a key
// that is made anew for each snapshot, so that equal secrets in one snapshot can be told to be equal and nothing else.
type SecretSighting struct {
	Place  string `json:"place"` // e.g. "env:DB_PASSWORD", "history:3", "arg:2", "label:token", "file:/root/.ssh/id_rsa"
	Kind   string `json:"kind"`  // e.g. "password", "private-key", "aws-access-key", "jwt", "url-credentials"
	Digest string `json:"digest,omitempty"`
}
