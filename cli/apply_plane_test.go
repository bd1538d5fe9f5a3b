package cli

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// fleetPlane is a control plane in memory: it holds what `bulkhead apply` changes, and counts up versions as the real one does.
type fleetPlane struct {
	bulkheadv1connect.UnimplementedTenantServiceHandler
	bulkheadv1connect.UnimplementedGroupServiceHandler
	bulkheadv1connect.UnimplementedPoolServiceHandler
	bulkheadv1connect.UnimplementedNodeServiceHandler
	bulkheadv1connect.UnimplementedFindingServiceHandler
	bulkheadv1connect.UnimplementedPolicyServiceHandler

	url, ca string

	mu         sync.Mutex
	n          int
	tenants    map[string]*bulkheadv1.Tenant
	groups     map[string]*bulkheadv1.Group
	pools      map[string]*bulkheadv1.Pool
	nodes      map[string]*bulkheadv1.Node
	exceptions map[string]*bulkheadv1.Exception
	policies   map[string]*bulkheadv1.PolicySet
	log        []string // changes
	problem    string   // of every draft of policies
	deny       string   // change that is refused
	latest     string   // end of an exception
}

func newFleetPlane(t *testing.T) *fleetPlane {
	t.Helper()
	p := &fleetPlane{
		tenants: map[string]*bulkheadv1.Tenant{}, groups: map[string]*bulkheadv1.Group{}, pools: map[string]*bulkheadv1.Pool{},
		nodes: map[string]*bulkheadv1.Node{}, exceptions: map[string]*bulkheadv1.Exception{}, policies: map[string]*bulkheadv1.PolicySet{},
		latest: "2099-12-31",
	}
	mux := http.NewServeMux()
	add := func(path string, h http.Handler) { mux.Handle(path, h) }
	add(bulkheadv1connect.NewTenantServiceHandler(p))
	add(bulkheadv1connect.NewGroupServiceHandler(p))
	add(bulkheadv1connect.NewPoolServiceHandler(p))
	add(bulkheadv1connect.NewNodeServiceHandler(p))
	add(bulkheadv1connect.NewFindingServiceHandler(p))
	add(bulkheadv1connect.NewPolicyServiceHandler(p))
	s := httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	chain, ca := testChain(t)
	s.TLS = chain
	s.StartTLS()
	t.Cleanup(s.Close)
	p.url, p.ca = s.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}))
	return p
}

func (p *fleetPlane) shell(t *testing.T) *shell {
	t.Helper()
	s := newShell(t)
	a := &App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}
	if err := a.keepSession(p.url, session{CA: p.ca, Secret: "bhs_first", Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	return s
}

// changes is for handlers: it checks the request as the gate does, and writes down what is done.
func (p *fleetPlane) changes(req proto.Message, what string) error {
	if err := protovalidate.Validate(req); err != nil {
		return fail(connect.CodeInvalidArgument, model.CodeInvalid, err.Error(), "")
	}
	if p.deny != "" && strings.HasPrefix(what, p.deny) {
		return fail(connect.CodePermissionDenied, model.CodeDenied, "no policy permits it", "ask")
	}
	p.log = append(p.log, what)
	p.n++
	return nil
}

func gone(what string) error {
	return fail(connect.CodeNotFound, model.CodeNotFound, "there is no "+what, "")
}

// merge puts the fields of a mask into what there is.
func merge(to, from proto.Message, mask *fieldmaskpb.FieldMask, was, sent int64) error {
	if sent != was {
		return fail(connect.CodeAborted, model.CodeConflict, "it was changed in between", "")
	}
	if len(mask.GetPaths()) == 0 || !mask.IsValid(to) {
		return fail(connect.CodeInvalidArgument, model.CodeInvalid, "the mask is wrong", "")
	}
	for _, path := range mask.GetPaths() {
		f := to.ProtoReflect().Descriptor().Fields().ByName(protoName(path))
		if to.ProtoReflect().Clear(f); from.ProtoReflect().Has(f) {
			to.ProtoReflect().Set(f, from.ProtoReflect().Get(f))
		}
	}
	return nil
}

// page gives one object at a time, so that lists have pages.
func page[T any](all map[string]T, in func(T) bool, r *bulkheadv1.ListInTenantRequest) ([]T, string) {
	var keys []string
	for k, v := range all {
		if in(v) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	i := 0
	_, _ = fmt.Sscan(r.GetPage().GetToken(), &i)
	if i >= len(keys) {
		return nil, ""
	}
	next := ""
	if i+1 < len(keys) {
		next = fmt.Sprint(i + 1)
	}
	return []T{all[keys[i]]}, next
}

func (p *fleetPlane) GetTenant(_ context.Context, r *bulkheadv1.Id) (*bulkheadv1.Tenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tenants[r.GetId()]; t != nil {
		return t, nil
	}
	return nil, gone("tenant")
}

func (p *fleetPlane) CreateTenant(_ context.Context, r *bulkheadv1.CreateTenantRequest) (*bulkheadv1.Tenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := r.GetTenant()
	p.tenants[t.GetId()] = t
	t.Version = 1
	return t, p.changes(r, "create Tenant "+t.GetId())
}

func (p *fleetPlane) UpdateTenant(_ context.Context, r *bulkheadv1.UpdateTenantRequest) (*bulkheadv1.Tenant, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.tenants[r.GetTenant().GetId()]
	if err := merge(have, r.GetTenant(), r.GetUpdateMask(), have.GetVersion(), r.GetTenant().GetVersion()); err != nil {
		return nil, err
	}
	have.Version++
	return have, p.changes(r, "update Tenant "+have.GetId())
}

func (p *fleetPlane) ListGroups(_ context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListGroupsResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	items, next := page(p.groups, func(g *bulkheadv1.Group) bool { return g.GetTenant() == r.GetTenant() }, r)
	return &bulkheadv1.ListGroupsResponse{Groups: items, NextPage: next}, nil
}

func (p *fleetPlane) CreateGroup(_ context.Context, r *bulkheadv1.CreateGroupRequest) (*bulkheadv1.Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := r.GetGroup()
	if err := p.changes(r, "create Group "+g.GetTenant()+"/"+g.GetName()); err != nil {
		return nil, err
	}
	g.Id, g.Version = fmt.Sprint("g", p.n), 1
	slices.Sort(g.Roles)
	p.groups[g.GetId()] = g
	return g, nil
}

func (p *fleetPlane) UpdateGroup(_ context.Context, r *bulkheadv1.UpdateGroupRequest) (*bulkheadv1.Group, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.groups[r.GetGroup().GetId()]
	if err := merge(have, r.GetGroup(), r.GetUpdateMask(), have.GetVersion(), r.GetGroup().GetVersion()); err != nil {
		return nil, err
	}
	have.Version++
	return have, p.changes(r, "update Group "+have.GetTenant()+"/"+have.GetName())
}

func (p *fleetPlane) DeleteGroup(_ context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.groups, r.GetId())
	return &bulkheadv1.Empty{}, p.changes(r, "delete Group "+r.GetId())
}

func (p *fleetPlane) ListPools(_ context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPoolsResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	items, next := page(p.pools, func(x *bulkheadv1.Pool) bool { return x.GetTenant() == r.GetTenant() }, r)
	return &bulkheadv1.ListPoolsResponse{Pools: items, NextPage: next}, nil
}

func (p *fleetPlane) CreatePool(_ context.Context, r *bulkheadv1.CreatePoolRequest) (*bulkheadv1.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := r.GetPool()
	x.Id, x.Version = x.GetTenant()+"/"+x.GetName(), 1
	if err := p.changes(r, "create Pool "+x.GetId()); err != nil {
		return nil, err
	}
	p.pools[x.GetId()] = x
	return x, nil
}

func (p *fleetPlane) UpdatePool(_ context.Context, r *bulkheadv1.UpdatePoolRequest) (*bulkheadv1.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.pools[r.GetPool().GetId()]
	if err := merge(have, r.GetPool(), r.GetUpdateMask(), have.GetVersion(), r.GetPool().GetVersion()); err != nil {
		return nil, err
	}
	have.Version++
	return have, p.changes(r, "update Pool "+have.GetId())
}

func (p *fleetPlane) DeletePool(_ context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pools, r.GetId())
	return &bulkheadv1.Empty{}, p.changes(r, "delete Pool "+r.GetId())
}

func (p *fleetPlane) ListNodes(_ context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListNodesResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	items, next := page(p.nodes, func(x *bulkheadv1.Node) bool { return x.GetTenant() == r.GetTenant() }, r)
	return &bulkheadv1.ListNodesResponse{Nodes: items, NextPage: next}, nil
}

func (p *fleetPlane) UpdateNode(_ context.Context, r *bulkheadv1.UpdateNodeRequest) (*bulkheadv1.Node, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have := p.nodes[r.GetNode().GetId()]
	if p.pools[have.GetTenant()+"/"+r.GetNode().GetPool()] == nil {
		return nil, gone("pool")
	}
	if err := merge(have, r.GetNode(), r.GetUpdateMask(), have.GetVersion(), r.GetNode().GetVersion()); err != nil {
		return nil, err
	}
	have.Version++
	return have, p.changes(r, "update Node "+have.GetId())
}

func (p *fleetPlane) ListExceptions(_ context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListExceptionsResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	items, next := page(p.exceptions, func(x *bulkheadv1.Exception) bool { return x.GetTenant() == r.GetTenant() }, r)
	return &bulkheadv1.ListExceptionsResponse{Exceptions: items, NextPage: next}, nil
}

func (p *fleetPlane) CreateException(_ context.Context, r *bulkheadv1.CreateExceptionRequest) (*bulkheadv1.Exception, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := r.GetException()
	if x.GetNode() != "" && p.nodes[x.GetNode()] == nil {
		return nil, gone("node")
	}
	if err := p.changes(r, "create Exception "+x.GetTenant()+" "+x.GetNode()+" "+x.GetExpires()); err != nil {
		return nil, err
	}
	x.Id = fmt.Sprintf("x%03d", p.n)
	p.exceptions[x.GetId()] = x
	return x, nil
}

// PreviewException refuses what the server refuses.
func (p *fleetPlane) PreviewException(_ context.Context, r *bulkheadv1.CreateExceptionRequest) (*bulkheadv1.Exception, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := r.GetException()
	if x.GetNode() != "" && p.nodes[x.GetNode()] == nil {
		return nil, gone("node")
	}
	if x.GetExpires() > p.latest {
		return nil, fail(connect.CodeInvalidArgument, model.CodeInvalid, "exception.expires: that is more than 366 days ahead", "Take an earlier day and decide again then.")
	}
	return x, nil
}

func (p *fleetPlane) DeleteException(_ context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.exceptions, r.GetId())
	return &bulkheadv1.Empty{}, p.changes(r, "delete Exception "+r.GetId())
}

func (p *fleetPlane) GetPolicies(_ context.Context, r *bulkheadv1.GetPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.policies[r.GetTenant()]; s != nil {
		return s, nil
	}
	return &bulkheadv1.PolicySet{Tenant: r.GetTenant()}, nil
}

func (p *fleetPlane) PreviewPolicies(_ context.Context, r *bulkheadv1.PreviewPoliciesRequest) (*bulkheadv1.PolicyPreview, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &bulkheadv1.PolicyPreview{Replayed: 7, NewlyRefused: 2}
	if p.tenants[r.GetTenant()] == nil {
		return nil, gone("tenant")
	}
	if p.problem != "" {
		out.Problems = []*bulkheadv1.PolicyProblem{{File: "a.cedar", Line: 3, Message: p.problem}}
	}
	return out, nil
}

func (p *fleetPlane) ApplyPolicies(_ context.Context, r *bulkheadv1.ApplyPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.policies[r.GetTenant()].GetVersion()
	if r.GetBaseVersion() != was {
		return nil, fail(connect.CodeAborted, model.CodeConflict, "another version is in force", "")
	}
	if err := p.changes(r, fmt.Sprintf("apply PolicySet %s: %d files, %s", r.GetTenant(), len(r.GetFiles()), r.GetNote())); err != nil {
		return nil, err
	}
	p.policies[r.GetTenant()] = &bulkheadv1.PolicySet{Tenant: r.GetTenant(), Version: was + 1, Files: r.GetFiles()}
	return p.policies[r.GetTenant()], nil
}

func (p *fleetPlane) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.log
	p.log = nil
	return out
}
