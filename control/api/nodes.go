package api

import (
	"context"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// NodeStore keeps nodes.
type NodeStore interface {
	Node(ctx context.Context, id string) (*model.Member, error)
	Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error)
	UpdateNode(ctx context.Context, m *model.Member) error
	RevokeNode(ctx context.Context, id, reason string, when time.Time) error
	DeleteNode(ctx context.Context, id string) error
}

// FactStore keeps what nodes said of themselves.
type FactStore interface {
	Facts(ctx context.Context, node string) (map[string]model.Fact, error)
}

// Newest are the newest assessments.
type Newest interface {
	Assessments(ctx context.Context, q model.Query) ([]model.Published, string, error)
	LatestAssessments(ctx context.Context, tenant string) ([]model.Published, error)
}

// Bundles are what nodes take.
type Bundles interface {
	LatestBundle(ctx context.Context, kind model.BundleKind, scope string) (*model.Bundle, error)
}

// Targets says which versions a node should have. A roll-out that is on its way gives some nodes newer settings than others.
type Targets interface {
	Target(ctx context.Context, m *model.Member) (policies, settings int64, err error)
}

// Upkeep says of nodes how it stands with cordon and drain; of those of which there is nothing to say it says nothing.
type Upkeep interface {
	Maintenance(ctx context.Context, of []model.Member) (map[string]*maintenance.Told, error)
}

// Teller tells of what happened to a node.
type Teller interface {
	Event(ctx context.Context, e model.Event) error
}

// Nodes implements NodeService.
type Nodes struct {
	Store       NodeStore
	Joins       JoinTokenStore
	Events      EventStore
	Facts       FactStore
	Assessments Newest
	Bundles     Bundles
	Pools       PoolReader
	Catalogue   *catalogue.Catalogue
	Targets     Targets                // nil: the newest is for all
	Upkeep      Upkeep                 // nil: nothing is said of it
	Tell        Teller                 // nil: nobody is told
	JoinURL     func() string          // the public URL, with the fingerprint of the own CA; nil: none is given
	SPIFFE      func(id string) string // a node's SPIFFE ID; nil: none is given
	Now         func() time.Time
}

// ListNodes implements NodeService.
func (s *Nodes) ListNodes(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListNodesResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"id", "name", "pool", "sensitivity", "health", "cordoned"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	nodes, next, err := s.Store.Nodes(ctx, q)
	if err != nil {
		return nil, err
	}
	latest, err := s.latest(ctx, r.GetPage(), q.Tenant, nodes)
	if err != nil {
		return nil, err
	}
	targets := s.targets()
	out := &bulkheadv1.ListNodesResponse{NextPage: next}
	for i := range nodes {
		n, err := s.node(ctx, &nodes[i], latest[nodeKey(nodes[i].Tenant, nodes[i].ID)], targets)
		if err != nil {
			return nil, err
		}
		out.Nodes = append(out.Nodes, n)
	}
	if wants(r.GetPage(), "maintenance") {
		if err := s.upkeep(ctx, nodes, out.GetNodes()...); err != nil {
			return nil, err
		}
	}
	return out, gate.MaskAll(out.GetNodes(), r.GetPage().GetReadMask())
}

// latest are the newest assessments of a page of nodes; none are read where nobody wants them.
func (s *Nodes) latest(ctx context.Context, p *bulkheadv1.Page, tenant string, nodes []model.Member) (map[string]*model.Published, error) {
	if len(nodes) == 0 || !wants(p, "statuses") && !wants(p, "assessed") {
		return nil, nil
	}
	all, err := s.Assessments.LatestAssessments(ctx, tenant)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*model.Published, len(all))
	for i := range all {
		out[nodeKey(all[i].Tenant, all[i].Node)] = &all[i]
	}
	return out, nil
}

// nodeKey has the tenant, since an assessment can be published in one tenant under the id of another one's node.
func nodeKey(tenant, id string) string { return tenant + "/" + id }

// wants says whether a page's mask keeps a field.
func wants(p *bulkheadv1.Page, field string) bool {
	paths := p.GetReadMask().GetPaths()
	for _, path := range paths {
		if path == field || path == "*" {
			return true
		}
	}
	return len(paths) == 0
}

// GetNode implements NodeService.
func (s *Nodes) GetNode(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Node, error) {
	m, err := s.Store.Node(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	out, newest, err := s.shown(ctx, m)
	if err != nil {
		return nil, err
	}
	have, err := s.Facts.Facts(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	ran := containers(have)
	for i := range ran {
		out.Workloads = append(out.Workloads, workloadOut(&ran[i]))
	}
	if m.Health == model.HealthSilent || m.Health == model.HealthStopped {
		if out.Losses, err = s.losses(ctx, m, newest, ran); err != nil {
			return nil, err
		}
	}
	return out, s.upkeep(ctx, []model.Member{*m}, out)
}

// shown is a node with its newest assessment.
func (s *Nodes) shown(ctx context.Context, m *model.Member) (*bulkheadv1.Node, *model.Published, error) {
	newest, err := s.newestOf(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	out, err := s.node(ctx, m, newest, s.targets())
	return out, newest, err
}

// newestOf is a node's newest assessment, nil for none.
func (s *Nodes) newestOf(ctx context.Context, m *model.Member) (*model.Published, error) {
	list, _, err := s.Assessments.Assessments(ctx, model.Query{
		Tenant: m.Tenant, Where: []model.Condition{{Field: "node", Op: "=", Value: m.ID}}, Size: 1,
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// GetNodeFacts implements NodeService.
func (s *Nodes) GetNodeFacts(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.NodeFacts, error) {
	m, err := s.Store.Node(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	have, err := s.Facts.Facts(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, &model.Error{
			Code: model.CodeNotFound, Message: "the node has not sent any facts yet", Remedy: "Look again when the node has reported; `bulkhead nodes get` says when it did.",
		}
	}
	snapshot, err := facts.Join(have, m.FactsTaken)
	if err != nil { // in the middle of a large snapshot, which comes in parts
		return nil, &model.Error{
			Code: model.CodeUnavailable, Message: "the node's facts are not complete at the moment", Remedy: "The node is sending them; try again in a moment.", Err: err,
		}
	}
	b, err := json.Marshal(snapshot)
	out := &bulkheadv1.NodeFacts{Node: m.ID, Snapshot: &structpb.Struct{}, Received: stamp(m.FactsReceived)}
	if err == nil {
		err = protojson.Unmarshal(b, out.GetSnapshot())
	}
	if err != nil {
		return nil, &model.Error{Code: model.CodeInternal, Message: "the node's facts can't be read", Err: err}
	}
	return out, nil
}

// targets are those of the roll-outs, or what is newest, read once for each tenant and pool.
func (s *Nodes) targets() Targets {
	if s.Targets != nil {
		return s.Targets
	}
	return &newestTargets{bundles: s.Bundles, known: map[string]int64{}}
}

// newestTargets gives every node the newest. It is for one call.
type newestTargets struct {
	bundles Bundles
	known   map[string]int64
}

// Target implements Targets.
func (t *newestTargets) Target(ctx context.Context, m *model.Member) (policies, settings int64, err error) {
	if policies, err = t.version(ctx, model.BundlePolicies, m.Tenant); err != nil {
		return 0, 0, err
	}
	settings, err = t.version(ctx, model.BundleSettings, poolID(m.Tenant, m.Pool))
	return policies, settings, err
}

func (t *newestTargets) version(ctx context.Context, kind model.BundleKind, scope string) (int64, error) {
	key := string(kind) + "/" + scope
	if v, ok := t.known[key]; ok {
		return v, nil
	}
	v, err := newestVersion(ctx, t.bundles, kind, scope)
	if err == nil {
		t.known[key] = v
	}
	return v, err
}

// newestVersion is 0 where there is none yet.
func newestVersion(ctx context.Context, bundles Bundles, kind model.BundleKind, scope string) (int64, error) {
	b, err := bundles.LatestBundle(ctx, kind, scope)
	switch {
	case model.CodeOf(err) == model.CodeNotFound:
		return 0, nil
	case err != nil:
		return 0, err
	}
	return b.Version, nil
}
