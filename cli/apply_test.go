package cli

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
}

func newFleetPlane(t *testing.T) *fleetPlane {
	t.Helper()
	p := &fleetPlane{
		tenants: map[string]*bulkheadv1.Tenant{}, groups: map[string]*bulkheadv1.Group{}, pools: map[string]*bulkheadv1.Pool{},
		nodes: map[string]*bulkheadv1.Node{}, exceptions: map[string]*bulkheadv1.Exception{}, policies: map[string]*bulkheadv1.PolicySet{},
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

// withNode is a plane with one node, which nothing but the node itself can make.
func withNode(t *testing.T) *fleetPlane {
	p := newFleetPlane(t)
	p.nodes["n-1"] = &bulkheadv1.Node{Id: "n-1", Tenant: "acme", Name: "web-1", Pool: "default", Version: 4, Labels: map[string]string{"rack": "a1"}}
	return p
}

const exampleDir = "../docs/examples/apply"

func TestApplyExample(t *testing.T) {
	p := withNode(t)
	p.tenants["acme"] = &bulkheadv1.Tenant{Id: "acme", Name: "Acme", Version: 2}
	s := p.shell(t)
	code, out, errs := s.run(t, "apply", "-f", exampleDir, "--dry-run")
	if code != ExitNo || len(p.took()) != 0 || !strings.Contains(errs, "6 differences") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, want := range []string{
		"~ Tenant acme\n", "    -name: Acme\n", "    +name: Acme SE\n", "+ Pool acme/web\n", "    +description: What customers reach\n", "    +  soak: 600s\n",
		"~ Node acme/web-1\n", "     labels:\n", "    -pool: default\n    +pool: web\n", "+ Exception acme/8.1.c/socket-mode of legacy-* on node web-1\n",
		"+ PolicySet acme\n", "4 to create, 2 to change, 0 to delete, 0 unchanged",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	code, out, errs = s.run(t, "apply", "-f", exampleDir)
	if code != ExitError || !strings.Contains(errs, "--yes") || len(p.took()) != 0 {
		t.Fatalf("without a terminal: exit %d: %s%s", code, out, errs)
	}
	s.ask = &script{"no"}
	if code, _, errs = s.run(t, "apply", "-f", exampleDir); code != ExitNo || len(p.took()) != 0 {
		t.Fatalf("no: exit %d: %s", code, errs)
	}
	s.ask = &script{"yes"}
	code, out, errs = s.run(t, "apply", "-f", exampleDir)
	if code != ExitOK || out != "changed Tenant acme\ncreated Group acme/night-shift\ncreated Pool acme/web\nchanged Node acme/web-1\n"+
		"created Exception acme/8.1.c/socket-mode of legacy-* on node web-1\ncreated PolicySet acme\n" {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	want := []string{
		"update Tenant acme", "create Group acme/night-shift", "create Pool acme/web", "update Node n-1", "create Exception acme n-1 2030-06-30",
		"apply PolicySet acme: 2 files, owners have passkeys",
	}
	if got := p.took(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	// Again there is nothing to do, and nobody is asked.
	s.ask = &script{}
	if code, out, errs = s.run(t, "apply", "-f", exampleDir, "--prune"); code != ExitOK || len(p.took()) != 0 || !strings.Contains(errs, "0 to create, 0 to change, 0 to delete, 6 unchanged") {
		t.Errorf("again: exit %d: %s%s", code, out, errs)
	}
	if code, out, _ = s.run(t, "apply", "-f", exampleDir, "--dry-run"); code != ExitOK {
		t.Errorf("exit %d: %s", code, out)
	}
}

func (p *fleetPlane) write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func apiDoc(kind, meta, spec string) string {
	return applyHead + "kind: " + kind + "\nmetadata: {" + meta + "}\nspec: {" + spec + "}\n---\n"
}

func TestApplyMakesATenantWithAll(t *testing.T) {
	p := newFleetPlane(t)
	p.problem = "must not be asked about a tenant that is not there"
	s := p.shell(t)
	// In the wrong order, without tenants of their own, from standard input.
	s.in = apiDoc("PolicySet", "", "files: [{name: a.cedar, text: x}]") + apiDoc("Pool", "name: web", "description: d") + apiDoc("Tenant", "name: beta", "")
	code, out, errs := s.run(t, "apply", "-f", "-", "--tenant", "beta", "--yes", "-o", "json")
	if code != ExitOK {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if got := p.took(); !slices.Equal(got, []string{"create Tenant beta", "create Pool beta/web", "apply PolicySet beta: 1 files, "}) {
		t.Errorf("%q", got)
	}
	var res struct {
		DryRun  bool `json:"dry_run"`
		Objects []step
	}
	if err := json.Unmarshal([]byte(out), &res); err != nil || len(res.Objects) != 3 || res.Objects[1].Name != "beta/web" || res.Objects[1].Operation != opCreate ||
		res.Objects[1].Outcome != outcomeDone || !strings.Contains(res.Objects[1].Difference, "+description: d") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestApplyLeavesOutWhatIsLeftOut(t *testing.T) {
	p := withNode(t)
	p.pools["acme/default"] = &bulkheadv1.Pool{Id: "acme/default", Tenant: "acme", Name: "default", Description: "kept", Version: 1}
	p.pools["acme/web"] = &bulkheadv1.Pool{Id: "acme/web", Tenant: "acme", Name: "web", Version: 1}
	s := p.shell(t)
	file := p.write(t, apiDoc("Pool", "name: default, tenant: acme", "plan: {steps: [10, 100]}")+apiDoc("Node", "name: web-1, tenant: acme", "labels: {}, pool: web"))
	if code, out, errs := s.run(t, "apply", "-f", file, "--yes"); code != ExitOK {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if x := p.pools["acme/default"]; x.GetDescription() != "kept" || len(x.GetPlan().GetSteps()) != 2 || x.GetVersion() != 2 {
		t.Errorf("%v", x)
	}
	if n := p.nodes["n-1"]; len(n.GetLabels()) != 0 || n.GetPool() != "web" || n.GetVersion() != 5 {
		t.Errorf("%v", n)
	}
}

func TestApplyPrune(t *testing.T) {
	p := withNode(t)
	p.tenants["acme"] = &bulkheadv1.Tenant{Id: "acme", Version: 1}
	for _, name := range []string{"default", "web", "old"} {
		for _, tenant := range []string{"acme", "other"} {
			p.pools[tenant+"/"+name] = &bulkheadv1.Pool{Id: tenant + "/" + name, Tenant: tenant, Name: name, Version: 1}
		}
	}
	p.groups["g-1"] = &bulkheadv1.Group{Id: "g-1", Tenant: "acme", Name: "kept", Roles: []string{"auditor", "operator"}, Version: 1}
	p.groups["g-2"] = &bulkheadv1.Group{Id: "g-2", Tenant: "acme", Name: "over", Version: 1}
	p.exceptions["x-1"] = &bulkheadv1.Exception{Id: "x-1", Tenant: "acme", Check: "8.1.c", Owner: "o", Reason: "r", Expires: "2030-01-01", Node: "n-1"}
	p.exceptions["x-2"] = &bulkheadv1.Exception{Id: "x-2", Tenant: "acme", Check: "8.1.d", Owner: "o", Reason: "r", Expires: "2030-01-01"}
	p.policies["acme"] = &bulkheadv1.PolicySet{Tenant: "acme", Version: 3, Files: []*bulkheadv1.PolicyFile{{Name: "a.cedar", Text: "x"}}}
	s := p.shell(t)
	file := p.write(t, apiDoc("Group", "name: kept, tenant: acme", "roles: [operator, auditor]")+apiDoc("Pool", "name: web, tenant: acme", "")+
		apiDoc("Exception", "tenant: acme", "check: 8.1.c, node: web-1, owner: o, reason: r, expires: 2031-01-01"))
	// Without --prune only what the files name is changed.
	if code, out, _ := s.run(t, "apply", "-f", file, "--dry-run"); code != ExitNo || !strings.Contains(out, "0 to create, 1 to change, 0 to delete, 2 unchanged") {
		t.Errorf("%s", out)
	}
	code, out, errs := s.run(t, "apply", "-f", file, "--prune", "--yes")
	if code != ExitOK || !strings.Contains(errs, "7 recorded decisions decided again: 2 would be refused now") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	want := []string{
		"create Exception acme n-1 2031-01-01", "delete Exception x-1", // one instead of the other
		"apply PolicySet acme: 0 files, bulkhead apply --prune", "delete Exception x-2", "delete Pool acme/old", "delete Group g-2",
	}
	if got := p.took(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if len(p.nodes) != 1 || len(p.tenants) != 1 || len(p.pools) != 5 {
		t.Error("more was deleted")
	}
	if code, out, errs = s.run(t, "apply", "-f", file, "--prune", "--dry-run"); code != ExitOK {
		t.Errorf("again: exit %d: %s%s", code, out, errs)
	}
}

func TestApplyStopsAtTheFirstError(t *testing.T) {
	p := withNode(t)
	p.deny = "create Pool acme/b"
	s := p.shell(t)
	file := p.write(t, apiDoc("Pool", "name: a, tenant: acme", "")+apiDoc("Pool", "name: b, tenant: acme", "")+apiDoc("Pool", "name: c, tenant: acme", ""))
	code, out, errs := s.run(t, "apply", "-f", file, "--yes")
	if code != ExitNo || out != "created Pool acme/a\n" || !strings.Contains(errs, "could not create Pool acme/b\n") || !strings.Contains(errs, "1 changes were not tried") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, _ = s.run(t, "apply", "-f", file, "--yes", "-o", "json")
	if code != ExitNo || !strings.Contains(out, `"outcome": "failed"`) || !strings.Contains(out, `"outcome": "not tried"`) || !strings.Contains(out, `"operation": "unchanged"`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if got := p.took(); !slices.Equal(got, []string{"create Pool acme/a"}) {
		t.Errorf("%q", got)
	}
}

func TestApplyChangesNothing(t *testing.T) {
	p := withNode(t)
	p.tenants["acme"] = &bulkheadv1.Tenant{Id: "acme", Version: 1}
	p.problem = "unknown action"
	pool := apiDoc("Pool", "name: a, tenant: acme", "")
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"a bad document behind a good one": {pool + apiDoc("Pool", "name: b, tenant: acme", "nodes: 3"), `unknown field "nodes"`, ExitError},
		"a node that is not there":         {pool + apiDoc("Node", "name: web-9, tenant: acme", "pool: a"), "there is no node web-9", ExitError},
		"an exception for no node": {pool + apiDoc("Exception", "tenant: acme", "check: c, node: web-9, owner: o, reason: r, expires: 2030-01-01"),
			"there is no node web-9", ExitError},
		"policies that are wrong": {pool + apiDoc("PolicySet", "tenant: acme", "files: [{name: a.cedar, text: x}]"), "a.cedar:3:0: unknown action\npolicies of acme: ", ExitNo},
	} {
		code, out, errs := p.shell(t).run(t, "apply", "-f", p.write(t, c.text), "--yes")
		if code != c.code || !strings.Contains(errs, c.want) || len(p.took()) != 0 {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
	if code, _, errs := p.shell(t).run(t, "apply"); code != ExitError || !strings.Contains(errs, "--file") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
