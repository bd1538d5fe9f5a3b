package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// GuardStore has what nodes say of their guards, and the index of what these wrote.
type GuardStore interface {
	Node(ctx context.Context, id string) (*model.Member, error)
	Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error)
	// FactsOf are some facts of some nodes, by node and key.
	FactsOf(ctx context.Context, nodes, keys []string) (map[string]map[string][]byte, error)
	Findings(ctx context.Context, q model.Query) ([]model.Finding, string, error)
	LatestAssessments(ctx context.Context, tenant string) ([]model.Published, error)
	ScanRecords(ctx context.Context, sc model.RecordScan) (model.RecordsScanned, error)
	CountRecords(ctx context.Context, log string, actions []string, q model.Query) (int64, error)
}

// RuleSources tells what policies say of themselves; *authz.Engine does.
type RuleSources interface {
	Sources(ids []string) []authz.Source
}

// Guards implements GuardService.
type Guards struct {
	Store GuardStore
	Rules RuleSources
	// Actions are those that records of guards can have, Recorded is that of records of recorded terminals.
	Actions  []string
	Recorded string
	Now      func() time.Time
}

// Facts of a node that tell of its guard.
const (
	factEngine  = "engine"
	factGuard   = "guard"
	factSockets = "engine/sockets"
	factTCP     = "engine/tcp"
)

// requirementOfGuard is the clause that a guard is there for.
const requirementOfGuard = "8.1.c"

// How the engine's sockets are.
const (
	lockLocked  = "locked"
	lockOpen    = "open"
	lockUnknown = "unknown"
)

// mostGuardFindings are told with one guard.
const mostGuardFindings = 20

// ListGuards implements GuardService.
func (s *Guards) ListGuards(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListGuardsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "name", "pool", "health"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	nodes, next, err := s.Store.Nodes(ctx, q)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(nodes))
	for i := range nodes {
		ids[i] = nodes[i].ID
	}
	facts, err := s.Store.FactsOf(ctx, ids, []string{factEngine, factGuard, factSockets, factTCP})
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListGuardsResponse{NextPage: next}
	for i := range nodes {
		if facts[nodes[i].ID][factEngine] != nil && nodes[i].Health != model.HealthRevoked {
			out.Guards = append(out.Guards, guardOut(&nodes[i], facts[nodes[i].ID]))
		}
	}
	if err := s.lock(ctx, q.Tenant, facts, out.GetGuards()); err != nil {
		return nil, err
	}
	return out, gate.MaskAll(out.GetGuards(), r.GetPage().GetReadMask())
}

// guardOut is a node with what its guard says of itself. A fact that can't be read says nothing.
func guardOut(m *model.Member, facts map[string][]byte) *bulkheadv1.Guard {
	out := &bulkheadv1.Guard{
		Node: m.ID, NodeName: m.Name, Tenant: m.Tenant, Up: m.Health == model.HealthUp, Seen: stamp(m.LastSeen), Lock: lockUnknown,
	}
	g, err := model.ParseGuardStatus(facts[factGuard])
	if err != nil {
		return out
	}
	out.Mode, out.Profile, out.Policies, out.Engine, out.Socket = string(g.Mode), g.Profile, g.Policies, g.Engine, g.Socket
	out.Tls, out.Version, out.Started = g.TLS, g.Version, stamp(g.Started)
	out.Lock = lockOf(facts)
	return out
}

// lockOf says whether the engine's own sockets are the guard's alone, by the facts.
func lockOf(facts map[string][]byte) string {
	var sockets []model.EngineSocket
	if json.Unmarshal(facts[factSockets], &sockets) != nil {
		return lockUnknown
	}
	var tcp []model.EngineTCP
	if raw := facts[factTCP]; raw != nil && json.Unmarshal(raw, &tcp) != nil {
		return lockUnknown
	}
	if len(tcp) > 0 {
		return lockOpen
	}
	for i := range sockets {
		if e := &sockets[i]; e.Exists && e.Engine != model.EngineGuard && !e.Guarded {
			return lockOpen
		}
	}
	return lockLocked
}

// lock adds what was assessed and found of the engines' sockets.
func (s *Guards) lock(ctx context.Context, tenant string, facts map[string]map[string][]byte, guards []*bulkheadv1.Guard) error {
	if len(guards) == 0 {
		return nil
	}
	statuses, err := s.Store.LatestAssessments(ctx, tenant)
	if err != nil {
		return err
	}
	of := make(map[string]string, len(statuses))
	for i := range statuses {
		of[nodeKey(statuses[i].Tenant, statuses[i].Node)] = string(statuses[i].Statuses[requirementOfGuard])
	}
	found, err := s.findings(ctx, tenant, facts)
	if err != nil {
		return err
	}
	for _, g := range guards {
		g.Status, g.Findings = of[nodeKey(g.GetTenant(), g.GetNode())], found[g.GetNode()]
		if len(g.GetFindings()) > 0 {
			g.Lock = lockOpen
		}
	}
	return nil
}

// findings are the open ones about engines' sockets, by node. A fleet has few.
func (s *Guards) findings(ctx context.Context, tenant string, nodes map[string]map[string][]byte) (map[string][]*bulkheadv1.GuardFinding, error) {
	out := map[string][]*bulkheadv1.GuardFinding{}
	q := model.Query{Tenant: tenant, Size: 1000, Where: []model.Condition{
		{Field: "kind", Op: ">=", Value: "guard/"}, {Field: "kind", Op: "<", Value: "guard0"}, is("over", "false"),
	}}
	for range 20 { // pages
		found, next, err := s.Store.Findings(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range found {
			f := &found[i]
			if nodes[f.Node] != nil && len(out[f.Node]) < mostGuardFindings {
				out[f.Node] = append(out[f.Node], &bulkheadv1.GuardFinding{
					Id: f.ID, Kind: f.Kind, Severity: string(f.Severity), Text: f.Text.EN, TextZh: f.Text.ZH, LastSeen: stamp(f.Last),
				})
			}
		}
		if next == "" {
			break
		}
		q.Token = next
	}
	return out, nil
}
