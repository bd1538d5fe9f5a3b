package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

// Many is a large fleet that is written into a store at once, as if it had joined and reported long ago: nodes that stopped, so that
// nobody asks where they are, with containers of all sorts.
type Many struct {
	Tenant     string
	Nodes      int
	Containers int   // of each node
	Host       *Host // what the nodes are like
	// Assess judges a node's snapshot; nil leaves them without assessments.
	Assess func(*model.Snapshot) model.Assessment
	Now    time.Time
}

// ManyStore is a store that is filled.
type ManyStore interface {
	InTx(ctx context.Context, f func(context.Context) error) error
	CreateNode(ctx context.Context, m *model.Member) error
	ApplyFacts(ctx context.Context, node string, u *model.FactsUpdate, received time.Time) error
	CreateAssessment(ctx context.Context, p *model.Published) error
	SetAssessed(ctx context.Context, node, digest string, when time.Time) error
}

// nodesAtOnce are written in one transaction.
const nodesAtOnce = 50

// Fill writes the fleet. Facts of a node have to fit into what the server takes of one.
func (m Many) Fill(ctx context.Context, s ManyStore) error {
	for first := 0; first < m.Nodes; first += nodesAtOnce {
		err := s.InTx(ctx, func(ctx context.Context) error {
			for i := first; i < min(first+nodesAtOnce, m.Nodes); i++ {
				if err := m.node(ctx, s, i); err != nil {
					return fmt.Errorf("node %d of a large fleet: %w", i, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func digestOf(of ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprintln(of...)))
	return hex.EncodeToString(sum[:])
}

func (m Many) node(ctx context.Context, s ManyStore, i int) error {
	id := digestOf(m.Tenant, i)[:32]
	n := &model.Member{
		ID: id, Tenant: m.Tenant, Name: fmt.Sprintf("host-%04d", i), Machine: id, Pool: model.DefaultPool, KeyHash: []byte(id), Serial: "1",
		CertificateEnds: m.Now.Add(30 * 24 * time.Hour), Joined: m.Now, Health: model.HealthStopped, HealthSince: m.Now, LastSeen: m.Now,
		HealthReason: model.ReasonSaidSo, AgentVersion: "simulated",
	}
	if err := s.CreateNode(ctx, n); err != nil {
		return err
	}
	set, snap, err := m.facts(i)
	if err != nil {
		return err
	}
	digest := facts.Digest(set.Digests())
	u := &model.FactsUpdate{Digest: digest, Taken: m.Now}
	for _, f := range set {
		u.Set = append(u.Set, f)
	}
	if err := s.ApplyFacts(ctx, id, u, m.Now); err != nil {
		return err
	}
	if m.Assess != nil {
		if err := m.assess(ctx, s, n, snap); err != nil {
			return err
		}
	}
	return s.SetAssessed(ctx, id, digest, m.Now)
}

func (m Many) assess(ctx context.Context, s ManyStore, n *model.Member, snap *model.Snapshot) error {
	snap.Node.ID, snap.Node.Name = n.ID, n.Name
	a := m.Assess(snap)
	doc, err := json.Marshal(&a)
	if err != nil {
		return err
	}
	statuses := map[string]model.Status{}
	for i := range a.Requirements {
		statuses[a.Requirements[i].ID] = a.Requirements[i].Status
	}
	return s.CreateAssessment(ctx, &model.Published{
		ID: digestOf(n.ID)[:32], Tenant: n.Tenant, Node: n.ID, NodeName: n.Name, Time: m.Now, Published: m.Now, Publisher: "node",
		Statuses: statuses, Document: doc,
	})
}

// facts are those of the host with containers of its own.
func (m Many) facts(node int) (facts.Set, *model.Snapshot, error) {
	snap, err := facts.Join(m.Host.Facts(), m.Now)
	if err != nil {
		return nil, nil, err
	}
	snap.Containers = nil
	for i := range m.Containers {
		snap.Containers = append(snap.Containers, m.container(node, i))
	}
	set, err := facts.Split(snap)
	return set, snap, err
}

// container is one of a kind that a real fleet has: most run, a few stopped, a few may do more than they should.
func (m Many) container(node, i int) model.Container {
	c := m.Host.containers[i%len(m.Host.containers)]
	app := (node*7 + i) % 40
	c.ID = digestOf("container", node, i)
	c.Name = fmt.Sprintf("shop-%02d-%s-%d", app, []string{"api", "web", "worker", "db", "cache"}[i%5], i)
	c.PID, c.Restarts = 1000+i, i%4
	c.Workload.Image.Ref = fmt.Sprintf("registry.example.net/shop/app-%02d:1.%d.0", app, node%3)
	if i%10 == 9 {
		c.State, c.PID, c.Health = "exited", 0, ""
	}
	c.Workload.Privileged = i%25 == 0
	c.Workload.Root = i%6 == 0
	if i%5 == 1 {
		c.Workload.Ports = []model.PortMap{{HostPort: 8000 + i, ContainerPort: 8080, Protocol: "tcp"}}
	}
	return c
}
