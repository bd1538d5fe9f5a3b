// Package bundle is the form of what nodes take from the control plane: documents with a version and a signature. It is pure: it
// signs with what it is given and verifies with what it is given. It decides whether a document may replace the one that a
// node has; it does not know what is in force.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// MaxDocument bounds a document.
const MaxDocument = 4 << 20

// Schema names the version of the documents' JSON form.
const Schema = "bulkhead.bundle/v1"

// Policies is the document of a tenant's policies: its own sets and those of "system", each signed as it was applied.
type Policies struct {
	Schema string           `json:"schema"`
	Tenant string           `json:"tenant"`
	Sets   []model.Policies `json:"sets"`
}

// Accounts is the document of those who may come to the container engines of a tenant's nodes: its own accounts and those of "system",
// and for nodes of "system", which may serve all tenants, all. There are no secrets in it.
type Accounts struct {
	Schema   string    `json:"schema"`
	Tenant   string    `json:"tenant"`
	Accounts []Account `json:"accounts"`
	Grants   []Grant   `json:"grants"`
}

// Account is an account as a node knows it.
type Account struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Tenant string   `json:"tenant"`
	Roles  []string `json:"roles,omitempty"`  // own ones and those of groups
	Groups []string `json:"groups,omitempty"` // ids
	Hosts  []string `json:"hosts,omitempty"`
}

// Grant is something that an account may do until a time: approved by a second person, or, as ActionStepUp, a second factor that the
// account showed to the control plane.
type Grant struct {
	User     string    `json:"user"`
	Action   string    `json:"action"`
	Resource model.Ref `json:"resource"`
	Until    time.Time `json:"until"`
}

// Settings is the document of a pool's settings.
type Settings struct {
	Schema       string         `json:"schema"`
	Pool         string         `json:"pool"` // TENANT/NAME
	CollectEvery time.Duration  `json:"collect_every"`
	Assess       map[string]any `json:"assess,omitempty"`
}

// Assignment is the document of one node.
type Assignment struct {
	Schema      string            `json:"schema"`
	Node        string            `json:"node"`
	Tenant      string            `json:"tenant"`
	Pool        string            `json:"pool"` // name
	Labels      map[string]string `json:"labels,omitempty"`
	Sensitivity string            `json:"sensitivity,omitempty"`
	Cordoned    bool              `json:"cordoned,omitempty"`
	Drained     bool              `json:"drained,omitempty"`
}

// Maintenance is the document of a swarm: what its nodes should have. It is for its managers, which act on it; a node of the swarm that
// is not named is left as it is.
type Maintenance struct {
	Schema  string `json:"schema"`
	Tenant  string `json:"tenant"`
	Cluster string `json:"cluster"` // the swarm's id
	// Managers are the nodes of the fleet that it is for.
	Managers []string          `json:"managers"`
	Nodes    []MaintenanceNode `json:"nodes"`
}

// MaintenanceNode is one node of a swarm.
type MaintenanceNode struct {
	ID   string `json:"id"`             // the swarm's
	Name string `json:"name"`           // the fleet's, for people
	Want string `json:"want,omitempty"` // "cordon", "drain", or "" for neither
}

// Encode gives a document's bytes and their digest; equal documents give equal bytes.
func Encode(document any) (data []byte, digest string, err error) {
	if data, err = json.Marshal(document); err != nil {
		return nil, "", fmt.Errorf("encode a bundle: %w", err)
	}
	if len(data) > MaxDocument {
		return nil, "", fmt.Errorf("the bundle has %d bytes, more than %d", len(data), MaxDocument)
	}
	return data, digestOf(data), nil
}

// Sign sets the signature over kind, scope, version and digest.
func Sign(b *model.Bundle, s note.Signer) error {
	b.Digest = digestOf(b.Document)
	signed, err := note.Sign(&note.Note{Text: text(b)}, s)
	if err != nil {
		return fmt.Errorf("sign a bundle: %w", err)
	}
	b.Signature = string(signed)
	return nil
}

func text(b *model.Bundle) string {
	return fmt.Sprintf("%s\n%s\n%s\n%d\n%s\n", Schema, b.Kind, b.Scope, b.Version, b.Digest)
}

func digestOf(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// Errors of Accept; the text says the rest.
var (
	ErrSignature = errors.New("it is not signed by this control plane")
	ErrOlder     = errors.New("it is older than what is in force")
	ErrScope     = errors.New("it is for somebody else")
	ErrForm      = errors.New("it is not of a form that this version knows")
)

// Accept says whether a document may replace the version that is in force. One of the same version is older.
func Accept(b *model.Bundle, v note.Verifier, scope string, have int64) error {
	if len(b.Document) > MaxDocument {
		return fmt.Errorf("%w: it has %d bytes, more than %d", ErrForm, len(b.Document), MaxDocument)
	}
	if len(b.Signature) > 8<<10 {
		return fmt.Errorf("%w: the signature is too long", ErrSignature)
	}
	n, err := note.Open([]byte(b.Signature), note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	signed := *b
	signed.Digest = digestOf(b.Document)
	switch {
	case n.Text != text(&signed):
		return fmt.Errorf("%w: the signature is of another document", ErrSignature)
	case b.Scope != scope:
		return fmt.Errorf("%w: %.80q, not %q", ErrScope, b.Scope, scope)
	case b.Version <= have:
		return fmt.Errorf("%w: version %d, and %d is in force", ErrOlder, b.Version, have)
	}
	b.Digest = signed.Digest
	return nil
}

// Decode reads a document strictly.
func Decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there is more behind it", ErrForm)
	}
	return nil
}

// ScopeOfSwarm is TENANT/SWARM.
func ScopeOfSwarm(tenant, cluster string) string { return tenant + "/" + cluster }

// ScopeOfPool is TENANT/NAME.
func ScopeOfPool(tenant, pool string) string { return tenant + "/" + pool }

// SplitScope is the other way.
func SplitScope(scope string) (tenant, pool string, ok bool) { return strings.Cut(scope, "/") }
