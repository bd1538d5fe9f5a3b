package cli

import (
	"context"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// applyClients are the services that hold what files can describe.
type applyClients struct {
	tenants  bulkheadv1connect.TenantServiceClient
	groups   bulkheadv1connect.GroupServiceClient
	pools    bulkheadv1connect.PoolServiceClient
	nodes    bulkheadv1connect.NodeServiceClient
	findings bulkheadv1connect.FindingServiceClient
	policies bulkheadv1connect.PolicyServiceClient
}

func newApplyClients(r *remote) *applyClients {
	return &applyClients{
		tenants:  bulkheadv1connect.NewTenantServiceClient(r.HTTP, r.URL),
		groups:   bulkheadv1connect.NewGroupServiceClient(r.HTTP, r.URL),
		pools:    bulkheadv1connect.NewPoolServiceClient(r.HTTP, r.URL),
		nodes:    bulkheadv1connect.NewNodeServiceClient(r.HTTP, r.URL),
		findings: bulkheadv1connect.NewFindingServiceClient(r.HTTP, r.URL),
		policies: bulkheadv1connect.NewPolicyServiceClient(r.HTTP, r.URL),
	}
}

// there is an object of the server.
type there struct {
	kind         *applyKind
	tenant, name string
	message      proto.Message
}

// applyState is what the server has of the kinds and tenants that matter.
type applyState struct {
	objects map[string][]there // by what document.key gives; only exceptions can be more than one
	order   []string           // of the keys, as the server lists them
	nodes   map[string]string  // TENANT/NAME or TENANT/ID to id
	names   map[string]string  // TENANT/ID to name
	missing map[string]bool    // tenants that do not exist yet
}

func (s *applyState) add(k *applyKind, tenant, name string, m proto.Message) {
	key := k.name + " " + k.label(m, tenant, name)
	if len(s.objects[key]) == 0 {
		s.order = append(s.order, key)
	}
	s.objects[key] = append(s.objects[key], there{k, tenant, name, m})
}

// applyState asks the server for what the documents are about. With prune it is every kind of each tenant that is named.
func (c *applyClients) state(ctx context.Context, docs []*document, prune bool) (*applyState, error) {
	s := &applyState{objects: map[string][]there{}, nodes: map[string]string{}, names: map[string]string{}, missing: map[string]bool{}}
	kinds := map[string]map[string]bool{} // tenant to kinds
	want := func(tenant, kind string) {
		if kinds[tenant] == nil {
			kinds[tenant] = map[string]bool{}
		}
		kinds[tenant][kind] = true
	}
	var tenants []string
	seen := map[string]bool{}
	for _, d := range docs {
		tenant := d.tenant
		if d.kind.ofNone {
			tenant = d.name
		}
		if !seen[tenant] {
			tenants = append(tenants, tenant)
		}
		seen[tenant] = true
		want(tenant, d.kind.name)
		if d.kind.name == "Exception" {
			want(tenant, "Node")
		}
	}
	for _, k := range applyKinds() {
		for _, tenant := range tenants {
			if !kinds[tenant][k.name] && (!prune || k.kept) || s.missing[tenant] {
				continue
			}
			if err := c.read(ctx, s, k, tenant); err != nil {
				return nil, fmt.Errorf("read each %s of %s: %w", k.name, tenant, remoteError(err))
			}
		}
	}
	return s, nil
}

// all reads a list to its end.
func all[T any](fetch func(*bulkheadv1.Page) ([]T, string, error)) ([]T, error) {
	items, _, err := pages(listFlags{limit: math.MaxInt32}, fetch)
	return items, err
}

func (c *applyClients) read(ctx context.Context, s *applyState, k *applyKind, tenant string) error {
	in := func(p *bulkheadv1.Page) *bulkheadv1.ListInTenantRequest {
		return &bulkheadv1.ListInTenantRequest{Tenant: tenant, Page: p}
	}
	switch k.name {
	case "Tenant":
		t, err := c.tenants.GetTenant(ctx, &bulkheadv1.Id{Id: tenant})
		if model.CodeOf(remoteError(err)) == model.CodeNotFound {
			s.missing[tenant] = true
			return nil
		}
		if err == nil {
			s.add(k, "", tenant, t)
		}
		return err
	case "Group":
		items, err := all(func(p *bulkheadv1.Page) ([]*bulkheadv1.Group, string, error) {
			res, err := c.groups.ListGroups(ctx, in(p))
			return res.GetGroups(), res.GetNextPage(), err
		})
		for _, g := range items {
			s.add(k, tenant, g.GetName(), g)
		}
		return err
	case "Pool":
		items, err := all(func(p *bulkheadv1.Page) ([]*bulkheadv1.Pool, string, error) {
			res, err := c.pools.ListPools(ctx, in(p))
			return res.GetPools(), res.GetNextPage(), err
		})
		for _, p := range items {
			s.add(k, tenant, p.GetName(), p)
		}
		return err
	case "Node":
		items, err := all(func(p *bulkheadv1.Page) ([]*bulkheadv1.Node, string, error) {
			res, err := c.nodes.ListNodes(ctx, in(p))
			return res.GetNodes(), res.GetNextPage(), err
		})
		for _, n := range items {
			s.add(k, tenant, n.GetName(), n)
			s.nodes[tenant+"/"+n.GetId()], s.names[tenant+"/"+n.GetId()] = n.GetId(), n.GetName()
		}
		for _, n := range items { // a name goes before an id
			s.nodes[tenant+"/"+n.GetName()] = n.GetId()
		}
		return err
	case "Exception":
		return c.readExceptions(ctx, s, k, tenant, in)
	case "PolicySet":
		set, err := c.policies.GetPolicies(ctx, &bulkheadv1.GetPoliciesRequest{Tenant: tenant})
		if err == nil && set.GetVersion() > 0 {
			s.add(k, tenant, "", set)
		}
		return err
	}
	return errors.New("nobody knows how to read a " + k.name)
}

// readExceptions names nodes instead of their ids, where they are known, as files do.
func (c *applyClients) readExceptions(ctx context.Context, s *applyState, k *applyKind, tenant string, in func(*bulkheadv1.Page) *bulkheadv1.ListInTenantRequest) error {
	items, err := all(func(p *bulkheadv1.Page) ([]*bulkheadv1.Exception, string, error) {
		res, err := c.findings.ListExceptions(ctx, in(p))
		return res.GetExceptions(), res.GetNextPage(), err
	})
	for _, e := range items {
		if name := s.names[tenant+"/"+e.GetNode()]; name != "" {
			e.Node = name
		}
		s.add(k, tenant, "", e)
	}
	return err
}
