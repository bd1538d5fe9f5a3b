package fleet

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// NodeStore keeps the nodes.
type NodeStore interface {
	Node(ctx context.Context, id string) (*model.Member, error)
	Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error)
	CountNodes(ctx context.Context, tenant string) (map[string]int, error)
}

// HealthStore keeps who was heard of.
type HealthStore interface {
	TouchNodes(ctx context.Context, contacts []model.Contact) error
	// LockNodes lets nobody else change the nodes before the transaction ends. Whoever locks many does so in one order.
	LockNodes(ctx context.Context, ids []string) error
	SetHealth(ctx context.Context, h model.HealthChange) (bool, error)
	QuietNodes(ctx context.Context, before time.Time, limit int) ([]model.Member, error)
}

// FactStore keeps what nodes say of themselves.
type FactStore interface {
	FactDigests(ctx context.Context, node string) (map[string]string, error)
	Facts(ctx context.Context, node string) (map[string]model.Fact, error)
	// NodesWithFacts are the nodes of a tenant ("" for all) that are not revoked and have any of some facts, with others of their facts.
	NodesWithFacts(ctx context.Context, tenant string, any, keys []string) ([]model.Member, map[string]map[string][]byte, error)
	ApplyFacts(ctx context.Context, node string, u *model.FactsUpdate, received time.Time) error
	// FillObjects makes the summaries of objects of nodes that have facts and not them, and says of how many nodes.
	FillObjects(ctx context.Context, limit int, now time.Time) (int, error)
	// NoteObjects tells whoever watches that objects of tenants changed.
	NoteObjects(ctx context.Context, tenants []string) error
}

// AssessmentStore keeps what was made of the facts.
type AssessmentStore interface {
	NodesToAssess(ctx context.Context, before time.Time, limit int) ([]model.Member, error)
	SetAssessed(ctx context.Context, node, digest string, when time.Time) error
	// SettleAssessed does so for many, each where its newest assessment is still the one that was before, and says for which it did.
	SettleAssessed(ctx context.Context, all []model.Assessed) (map[string]bool, error)
	CreateAssessment(ctx context.Context, p *model.Published) error
	Assessment(ctx context.Context, id string) (*model.Published, error)
	Assessments(ctx context.Context, q model.Query) ([]model.Published, string, error)
}

// FindingStore keeps what is wrong, what is lived with, and what happened.
type FindingStore interface {
	PutFindings(ctx context.Context, all []model.Finding) error
	OpenFindings(ctx context.Context, node, source string) ([]model.Finding, error)
	Findings(ctx context.Context, q model.Query) ([]model.Finding, string, error)
	ExceptionsOf(ctx context.Context, tenant string) ([]model.StoredException, error)
}

// EventStore keeps what happened.
type EventStore interface {
	AddEvents(ctx context.Context, all []model.Event) error
	Events(ctx context.Context, q model.Query) ([]model.Event, string, error)
}

// BundleStore keeps what nodes take.
type BundleStore interface {
	PutBundle(ctx context.Context, b *model.Bundle, sign func(*model.Bundle) error) error
	LatestBundle(ctx context.Context, kind model.BundleKind, scope string) (*model.Bundle, error)
	Bundle(ctx context.Context, kind model.BundleKind, scope string, version int64) (*model.Bundle, error)
}

// RolloutStore keeps pools and the roll-outs of their settings.
type RolloutStore interface {
	Pool(ctx context.Context, id string) (*model.Pool, error)
	CreateRollout(ctx context.Context, r *model.Rollout) error
	Rollout(ctx context.Context, id string) (*model.Rollout, error)
	UpdateRollout(ctx context.Context, r *model.Rollout) error
	OpenRollouts(ctx context.Context) ([]model.Rollout, error)
}

// ChangeStore knows what changed.
type ChangeStore interface {
	ChangesAfter(ctx context.Context, tenant string, seq int64, limit int) ([]model.Change, error)
	LastChange(ctx context.Context) (int64, error)
}

// TransferStore has recordings that are on their way.
type TransferStore interface {
	Transfer(ctx context.Context, id string) (*model.Transfer, error)
	Awaited(ctx context.Context, node string) ([]model.Transfer, error)
	FailTransfer(ctx context.Context, id, why string) error
}

// Store is all that is kept of the fleet.
type Store interface {
	TransferStore
	NodeStore
	HealthStore
	FactStore
	AssessmentStore
	FindingStore
	EventStore
	BundleStore
	RolloutStore
	ChangeStore
	// InTx runs f in a transaction; inside of another one, what f did is undone if it fails, and the outer one may go on.
	InTx(ctx context.Context, f func(context.Context) error) error
}

// PeopleSource has accounts, groups and what was approved for a time.
type PeopleSource interface {
	Accounts(ctx context.Context, q model.Query) ([]model.Account, string, error)
	Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error)
	Accesses(ctx context.Context, q model.Query) ([]model.Access, string, error)
}

// PolicySource has the newest policies of every tenant.
type PolicySource interface {
	AllPolicies(ctx context.Context) ([]model.Policies, error)
}
