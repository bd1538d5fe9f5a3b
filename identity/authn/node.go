package authn

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/model"
)

// NodeStore knows the nodes.
type NodeStore interface {
	Node(ctx context.Context, id string) (*model.Member, error)
	// UseCertificate forgets the certificate before serial, where serial is the node's newest.
	UseCertificate(ctx context.Context, id, serial string) error
}

// NodeVerifier reads a certificate of the nodes' CA. One that is over for less than grace is given as Expired.
type NodeVerifier interface {
	Verify(certificate []byte, now time.Time, grace time.Duration) (model.NodeCertificate, error)
}

// NodeOptions are what telling nodes stands on. All but Reused and Clock are needed.
type NodeOptions struct {
	Store     NodeStore
	Authority NodeVerifier
	// Grace is how long an expired certificate is good for its renewal.
	Grace time.Duration
	// Reused is told of a certificate that was shown after a newer one was used: the node was restored from an old copy, or its key
	// was stolen. It is told once in an hour of each certificate. The context is that of the call.
	Reused func(ctx context.Context, m *model.Member, serial string)
	Clock  func() time.Time
}

const (
	toldAgain = time.Hour
	mostTold  = 4096
)

// Nodes tells nodes by their certificates. It keeps no answers: a revoked node, and an older certificate, are refused with the
// next call on every replica.
type Nodes struct {
	o    NodeOptions
	mu   sync.Mutex
	told *lru.Cache[string, time.Time]
}

// NewNodes makes one.
func NewNodes(o NodeOptions) (*Nodes, error) {
	if o.Store == nil || o.Authority == nil {
		return nil, errors.New("telling nodes needs a store and their CA")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Reused == nil {
		o.Reused = func(context.Context, *model.Member, string) {}
	}
	told, err := lru.New[string, time.Time](mostTold)
	if err != nil {
		return nil, fmt.Errorf("telling nodes: %w", err)
	}
	return &Nodes{o: o, told: told}, nil
}

// AuthenticateNode gives the node whose certificate was shown; that the caller has its key was proved in the handshake. expiredToo
// takes a certificate that ended within the grace, for a renewal. Where it refuses a node that is known, the node is given with
// the error.
func (n *Nodes) AuthenticateNode(ctx context.Context, certificate []byte, expiredToo bool) (model.Principal, *model.Member, error) {
	now := n.o.Clock()
	c, err := n.o.Authority.Verify(certificate, now, n.o.Grace)
	if err != nil {
		return model.Principal{}, nil, errNode("the certificate is not good: "+err.Error(), err)
	}
	m, err := n.o.Store.Node(ctx, c.ID)
	switch {
	case missing(err):
		return model.Principal{}, nil, errNode("there is no node "+c.ID+" any more", err)
	case err != nil:
		return model.Principal{}, nil, coded(err, "looking up a node")
	}
	if err := n.current(ctx, m, c, expiredToo); err != nil {
		return model.Principal{}, m, err
	}
	return model.Principal{
		Ref: model.Ref{Type: "Node", ID: m.ID}, Name: m.Name, Tenant: m.Tenant, Roles: []string{model.RoleNode}, Hosts: []string{m.ID},
		Credential: model.Ref{Type: "Certificate", ID: c.Serial},
		Auth:       model.Strength{AMR: []string{"pop"}, Time: now}, // possession of a key (RFC 8176)
	}, m, nil
}

// current says whether the certificate is one that the node still has.
func (n *Nodes) current(ctx context.Context, m *model.Member, c model.NodeCertificate, expiredToo bool) error {
	switch {
	case !m.Revoked.IsZero() || m.Health == model.HealthRevoked:
		reason := m.RevokedReason
		if reason != "" {
			reason = ": " + reason
		}
		return errNode("the node "+m.Name+" was revoked on "+m.Revoked.UTC().Format(time.RFC3339)+reason, nil)
	case subtle.ConstantTimeCompare(m.KeyHash, c.KeyHash) != 1:
		return errNode("the certificate is for another key than that of the node "+m.Name, nil)
	case c.Serial == "" || c.Serial != m.Serial && c.Serial != m.Previous:
		if n.first(m.ID + " " + c.Serial) {
			n.o.Reused(ctx, m, c.Serial)
		}
		return errNode("the node "+m.Name+" has a newer certificate than this one (serial "+c.Serial+"), and has used it", nil)
	case c.Expired && !expiredToo:
		return &model.Error{
			Code: model.CodeUnauthenticated, Message: "the certificate ended on " + c.Ends.UTC().Format(time.RFC3339),
			Remedy: "The agent renews it by itself (AgentService.Renew), for as long as server.nodes.grace says.",
		}
	case c.Serial != m.Serial || m.Previous == "":
		return nil
	}
	// The newest is used for the first time: the one before it counts no more.
	if err := n.o.Store.UseCertificate(ctx, m.ID, c.Serial); err != nil {
		return coded(err, "keeping that a certificate is in use")
	}
	m.Previous = ""
	return nil
}

// first says whether something was not told within the last hour.
func (n *Nodes) first(what string) bool {
	now := n.o.Clock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, ok := n.told.Get(what); ok && now.Sub(at) < toldAgain {
		return false
	}
	n.told.Add(what, now)
	return true
}

func errNode(message string, err error) error {
	return &model.Error{
		Code: model.CodeUnauthenticated, Message: message, Err: err,
		Remedy: "An operator makes a join token (`bulkhead nodes join-token --replaces ID`), with which the machine joins anew.",
	}
}
