package judge_test

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/registry"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// log keeps records in memory, or nothing when it is broken.
type log struct {
	mu      sync.Mutex
	records []model.Record
	err     error
}

func (l *log) Append(_ context.Context, r model.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.records = append(l.records, r)
	}
	return l.err
}

func (l *log) Later(ctx context.Context, r model.Record) error { return l.Append(ctx, r) }

// plain runs nothing out of the ordinary.
type plain struct{}

func (plain) Harden(context.Context, *call.Ask) ([]string, error)      { return nil, nil }
func (plain) Facts(context.Context, *call.Ask) (map[string]any, error) { return nil, nil }

func newJudge(t *testing.T, l *log) *judge.Judge {
	t.Helper()
	return judgeWith(t, l, nil)
}

func judgeWith(t *testing.T, l *log, images judge.Images) *judge.Judge {
	t.Helper()
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return judge.New(judge.Parts{Decider: e, Log: l, Workloads: plain{}, Images: images, Tenant: model.SystemTenant, Host: "h1"})
}

func dev(id string) *call.Subject {
	return &call.Subject{
		Principal: model.Principal{
			Ref: model.Ref{Type: "User", ID: id}, Name: id, Tenant: "acme", Roles: []string{model.RoleDeveloper},
			Credential: model.Ref{Type: "Session", ID: "peer:1000"},
		},
		Address: "unix:pid=7,uid=1000,gid=1000",
	}
}

func ask(t *testing.T, who *call.Subject, method, target string) *call.Ask {
	t.Helper()
	c, err := route.New().Match(method, target)
	if err != nil {
		t.Fatal(err)
	}
	return &call.Ask{Subject: who, Call: c, Body: call.BodyOf(c.Route)}
}

func of(kind route.Object, id, tenant, owner string) *call.Object {
	o := &call.Object{Kind: kind, ID: id, Name: id, Tenant: tenant, Owner: owner, Labels: map[string]string{}}
	if owner != "" {
		o.Labels[call.LabelTenant], o.Labels[call.LabelOwner] = tenant, owner
	}
	return o
}

func TestOwnAndOthers(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		object               *call.Object
		allowed, hidden      bool
	}{
		{"hello", "GET", "/_ping", nil, true, false},
		{"a list, of which each entry is asked about", "GET", "/containers/json", nil, true, false},
		{"own", "POST", "/containers/c1/stop", of(route.Container, "c1", "acme", "dev"), true, false},
		{"a colleague's", "POST", "/containers/c1/stop", of(route.Container, "c1", "acme", "other"), false, true},
		{"another tenant's", "GET", "/containers/c1/json", of(route.Container, "c1", "globex", "victor"), false, true},
		{"one that was made past the guard", "POST", "/containers/c1/stop", of(route.Container, "c1", "", ""), false, true},
		{"export of an own one, which takes more", "GET", "/containers/c1/export", of(route.Container, "c1", "acme", "dev"), false, false},
		{"the swarm's tokens", "GET", "/swarm", nil, false, false},
		{"plugins", "POST", "/plugins/p/enable", nil, false, false},
		{"own volume", "DELETE", "/volumes/v", of(route.Volume, "v", "acme", "dev"), true, false},
		{"another's volume", "GET", "/volumes/v", of(route.Volume, "v", "globex", "victor"), false, true},
		{"the bridge that all have", "GET", "/networks/bridge", of(route.Network, "bridge", "", ""), true, false},
		{"an image of the host", "GET", "/images/busybox/json", of(route.Image, "busybox", "", ""), true, false},
		{"removing it", "DELETE", "/images/busybox", of(route.Image, "busybox", "", ""), false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &log{}
			a := ask(t, dev("dev"), c.method, c.target)
			a.Object = c.object
			err := newJudge(t, l).Judge(t.Context(), a)
			var no *call.Refusal
			if c.allowed != (err == nil) || err != nil && (!errors.As(err, &no) || no.Hidden != c.hidden || no.Record == "") {
				t.Fatalf("%v", err)
			}
			if len(l.records) != 1 || (l.records[0].Outcome == model.OutcomeAllowed) != c.allowed || l.records[0].Actor != "dev" {
				t.Errorf("%+v", l.records)
			}
		})
	}
}

// What the body names is asked about, too.
func TestUses(t *testing.T) {
	l := &log{}
	a := ask(t, dev("dev"), "POST", "/containers/create?name=web")
	a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
	a.Uses = []call.Use{{Object: *of(route.Volume, "theirs", "globex", "victor"), Action: "VolumeMount", Field: "/HostConfig/Binds/0"}}
	err := newJudge(t, l).Judge(t.Context(), a)
	var no *call.Refusal
	if !errors.As(err, &no) || !strings.HasPrefix(no.Why, "/HostConfig/Binds/0: ") || l.records[0].Resource.Type != "Volume" {
		t.Fatalf("%v %+v", err, l.records)
	}
}

// owned says whose images are, by id.
type owned map[string]string

func (o owned) Of(i *call.Object, _ *model.Principal) (tenant, owner string, err error) {
	if of := o[i.ID]; of != "" {
		return of, "id-of-" + of, nil
	}
	return "", "", nil
}

// A container is started by whoever may run the image that it really is made of; the host's own is for all, with a name or without.
func TestImageOfAContainer(t *testing.T) {
	for id, want := range map[string]bool{"sha256:hosts": true, "sha256:own": true, "sha256:theirs": false} {
		l := &log{}
		a := ask(t, dev("dev"), "POST", "/containers/x/start")
		a.Object = of(route.Container, "c1", "acme", "dev")
		a.Uses = []call.Use{{Object: call.Object{Kind: route.Image, ID: id, Name: "app:1", ByID: true, Had: true}, Action: "ImageRun", Field: "/Image"}}
		err := judgeWith(t, l, owned{"sha256:own": "acme", "sha256:theirs": "globex"}).Judge(t.Context(), a)
		var no *call.Refusal
		if (err == nil) != want || err != nil && (!errors.As(err, &no) || !no.Hidden || no.Kind != route.Image || no.Name != "app:1" || no.Field != "/Image") {
			t.Errorf("%s: %v %+v", id, err, no)
		}
	}
}

func TestLabels(t *testing.T) {
	j := newJudge(t, &log{})
	a := ask(t, dev("dev"), "POST", "/containers/create")
	a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
	body := &container.CreateRequest{Config: &container.Config{Labels: map[string]string{"app": "web"}}}
	a.Body = body
	if err := j.Judge(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if body.Labels[call.LabelTenant] != "acme" || body.Labels[call.LabelOwner] != "dev" || body.Labels["app"] != "web" {
		t.Errorf("%v", body.Labels)
	}
	for _, k := range []string{call.LabelOwner, "IO.bulkhead.owner", " io.bulkhead.x"} {
		a := ask(t, dev("dev"), "POST", "/containers/create")
		a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
		a.Body = &container.CreateRequest{Config: &container.Config{Labels: map[string]string{k: "victor"}}}
		if err := j.Judge(t.Context(), a); err == nil || !strings.Contains(err.Error(), "the guard's") {
			t.Errorf("%q: %v", k, err)
		}
	}
}

func TestPruneIsNarrowed(t *testing.T) {
	a := ask(t, dev("dev"), "POST", "/containers/prune")
	if err := newJudge(t, &log{}).Judge(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got := a.Call.Query.Filters["label"]; !slices.Contains(got, call.LabelOwner+"=dev") {
		t.Errorf("%v", got)
	}
	a = ask(t, dev("dev"), "POST", "/images/prune")
	if err := newJudge(t, &log{}).Judge(t.Context(), a); err != nil || !a.OneByOne {
		t.Errorf("images of others can be pruned: %v", err)
	}
}

func TestNothingIsDoneUnrecorded(t *testing.T) {
	l := &log{err: errors.New("the disk is full")}
	a := ask(t, dev("dev"), "POST", "/containers/c1/stop")
	a.Object = of(route.Container, "c1", "acme", "dev")
	if err := newJudge(t, l).Judge(t.Context(), a); err == nil || !strings.Contains(err.Error(), "not made") {
		t.Error(err)
	}
	// A create may begin meanwhile, and is taken back by who waits for the record.
	a = ask(t, dev("dev"), "POST", "/containers/create")
	a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
	if err := newJudge(t, l).Judge(t.Context(), a); err != nil || a.Recorded == nil || a.Recorded() == nil {
		t.Errorf("%v: a create is as good as recorded", err)
	}
}

// Every call of the table has a question, and each question an action of the schema.
func TestEveryCallIsAsked(t *testing.T) {
	j := newJudge(t, &log{})
	root := dev("root")
	root.Principal.Roles, root.Principal.Tenant = []string{model.RoleAdministrator}, model.SystemTenant
	root.Principal.Auth.MFA = true
	root.FreshFactor = true
	for _, r := range slices.Concat(route.Table(), route.Services()) {
		a := &call.Ask{Subject: root, Call: &route.Call{Route: &r, Name: "x"}, Body: call.BodyOf(&r), Object: &call.Object{Kind: r.On, ID: "x", Name: "x"}}
		if r.On == route.Exec {
			a.Object.Container = of(route.Container, "c", "", "")
		}
		if err := j.Judge(t.Context(), a); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
		}
	}
}

func TestSees(t *testing.T) {
	a := ask(t, dev("dev"), "GET", "/containers/json")
	got, err := newJudge(t, &log{}).Sees(t.Context(), a, []call.Object{
		*of(route.Container, "c1", "acme", "dev"), *of(route.Container, "c2", "globex", "victor"), *of(route.Network, "bridge", "", ""), *of(route.Volume, "v", "", ""),
	})
	if err != nil || !slices.Equal(got, []bool{true, false, true, false}) {
		t.Errorf("%v %v", got, err)
	}
	if newJudge(t, &log{}).Whole(t.Context(), a) {
		t.Error("a developer sees the whole host")
	}
}

// approvals are of one action on one container.
type approvals string

func (a approvals) Approved(user, action string, on model.Ref, _ time.Time) bool {
	return user == "dev" && action == "ContainerExec" && on == model.Ref{Type: "Container", ID: string(a)}
}

// An action that takes a second person says how to ask one, and is done once it was approved, for that container alone.
func TestFourEyesAndStepUp(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := judge.Parts{Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1", FourEyes: []string{"ContainerExec"}}
	exec := func(id string) error {
		a := ask(t, dev("dev"), "POST", "/containers/"+id+"/exec")
		a.Object = of(route.Container, id, "acme", "dev")
		return judge.New(p).Judge(t.Context(), a)
	}
	var no *call.Refusal
	if err := exec("c1"); !errors.As(err, &no) || !strings.Contains(no.Remedy, "bulkhead access request ContainerExec Container::c1") || no.Hidden {
		t.Errorf("%v", err)
	}
	p.Approvals = approvals("c1")
	if err := exec("c1"); err != nil {
		t.Error(err)
	}
	if err := exec("c2"); err == nil {
		t.Error("an approval is for one container")
	}
	p.FourEyes, p.StepUp = nil, []string{"ContainerExec"}
	if err := exec("c1"); !errors.As(err, &no) || !strings.Contains(no.Remedy, "bulkhead approve") {
		t.Errorf("%v", err)
	}
}

func TestNoBuild(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := judge.Parts{Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1"}
	build := func() error {
		a := ask(t, dev("dev"), "POST", "/build?t=app")
		a.Object = &call.Object{Kind: route.Image, Name: "app:latest", New: true}
		return judge.New(p).Judge(t.Context(), a)
	}
	if err := build(); err != nil {
		t.Error(err)
	}
	p.NoBuild = true
	if err := build(); err == nil || !strings.Contains(err.Error(), "guard.build") {
		t.Error(err)
	}
}

// some runs something.
type some struct{ plain }

func (some) Facts(context.Context, *call.Ask) (map[string]any, error) {
	return map[string]any{"kind": "container"}, nil
}

// A profile of which no rule is in force is no hole, whoever calls and whatever the mode.
func TestProfileWithoutRules(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	has := false
	p := judge.Parts{
		Decider: e, Log: &log{}, Workloads: some{}, Tenant: model.SystemTenant, Host: "h1", Profile: "custom", Mode: judge.Observe,
		HasProfile: func() bool { return has },
	}
	create := func() error {
		a := ask(t, dev("dev"), "POST", "/containers/create")
		a.Object = of(route.Container, "", "acme", "dev")
		a.Object.New = true
		return judge.New(p).Judge(t.Context(), a)
	}
	if err := create(); err == nil || !strings.Contains(err.Error(), "no rule of the profile custom") {
		t.Error(err)
	}
	has = true
	if err := create(); err != nil {
		t.Error(err)
	}
}

// Where the host's registries are listed, nobody has the engine call another address.
func TestRegistries(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := judge.New(judge.Parts{
		Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1", Registries: []string{"docker.io", "registry.example:5000"},
	})
	for _, c := range []struct {
		method, target string
		body           any
		allowed        bool
	}{
		{"POST", "/auth", &registry.AuthConfig{ServerAddress: "https://index.docker.io/v1/"}, true},
		{"POST", "/auth", &registry.AuthConfig{ServerAddress: "http://127.0.0.1:8080"}, false},
		{"POST", "/auth", &registry.AuthConfig{ServerAddress: "127.0.0.1:8080"}, false},
		{"GET", "/distribution/localhost/x/json", nil, false},
		{"GET", "/distribution/registry.example:5000/x/json", nil, true},
		{"GET", "/images/search?term=127.0.0.1:8080/x", nil, false},
		{"GET", "/images/search?term=nginx", nil, true},
		{"POST", "/images/create?fromImage=library/nginx&tag=1", nil, true},
		{"POST", "/images/create?fromImage=Host/nginx&tag=1", nil, false},
		{"POST", "/images/create?fromImage=169.254.169.254/latest&tag=1", nil, false},
	} {
		a := ask(t, dev("dev"), c.method, c.target)
		a.Body, a.Named = c.body, a.Call.Name
		a.Object = &call.Object{Kind: route.Image, Name: "x:1", New: true}
		if err := j.Judge(t.Context(), a); (err == nil) != c.allowed {
			t.Errorf("%s %s: %v", c.method, c.target, err)
		}
	}
}

// inside knows where registries are.
type inside map[string]string

func (i inside) Inside(_ context.Context, registry string) (string, error) {
	if why, ok := i[registry]; ok {
		return why, nil
	}
	return "", errors.New("no such host")
}

// Where nobody listed them, the engine goes to no address of the host for a developer.
func TestRegistriesInside(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := judge.New(judge.Parts{
		Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1",
		Addresses: inside{"127.0.0.1:5000": "is this host itself", "registry.example.com": ""},
	})
	for _, c := range []struct {
		method, target string
		body           any
		allowed        bool
	}{
		{"POST", "/auth", &registry.AuthConfig{ServerAddress: "http://127.0.0.1:5000"}, false},
		{"POST", "/auth", &registry.AuthConfig{ServerAddress: "registry.example.com"}, true},
		{"POST", "/auth", &registry.AuthConfig{}, true},
		{"GET", "/images/search?term=127.0.0.1:5000/x", nil, false},
		{"GET", "/images/search?term=nginx", nil, true},
		{"POST", "/images/create?fromImage=127.0.0.1:5000/x&tag=1", nil, false},
		{"POST", "/images/create?fromImage=nowhere.example.com/x&tag=1", nil, false},
		{"POST", "/images/create?fromImage=registry.example.com/x&tag=1", nil, true},
	} {
		a := ask(t, dev("dev"), c.method, c.target)
		a.Body, a.Named = c.body, a.Call.Name
		a.Object = &call.Object{Kind: route.Image, Name: "x:1", New: true}
		if err := j.Judge(t.Context(), a); (err == nil) != c.allowed {
			t.Errorf("%s %s: %v", c.method, c.target, err)
		}
	}
}

// What a build by BuildKit says beside its file is from registries of the host, and what comes from the caller is no registry.
func TestRegistriesOfBuilds(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := judge.New(judge.Parts{
		Decider: e, Log: &log{}, Workloads: plain{}, Tenant: model.SystemTenant, Host: "h1", Registries: []string{"docker.io", "registry.example:5000"},
	})
	for target, allowed := range map[string]bool{
		"/build?version=2&remote=client-session":                                                                               true,
		"/build?version=2&remote=upload-request":                                                                               true,
		"/build?version=2&remote=upload-request.example":                                                                       false,
		"/build?remote=upload-request":                                                                                         false,
		"/build?version=2&cachefrom=%5B%22app:1%22,%22registry.example:5000/x%22%5D":                                           true,
		"/build?version=2&cachefrom=%5B%22evil.example/x%22%5D":                                                                false,
		"/build?version=2&cachefrom=%5B%22app:1,evil.example/x%22%5D":                                                          false,
		"/build?version=2&cachefrom=%7B%7D":                                                                                    false,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_SYNTAX":"registry.example:5000/f x","A":null}`):            true,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_SYNTAX":" evil.example/f:1 x"}`):                           false,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_ATTEST_SBOM":"","BUILDKIT_ATTEST_PROVENANCE":"mode=max"}`): true,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_ATTEST_sBoM":"a=b,generator=evil.example/f"}`):             false,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_ATTEST_SBOM":"\"generator=evil.example/f\""}`):             false,
		"/build?version=2&buildargs=" + url.QueryEscape(`{"BUILDKIT_ATTEST_SBOM":"\"generator=x"}`):                            false,
		"/build?version=2&buildargs=x":                                                                                         false,
	} {
		a := ask(t, dev("dev"), "POST", target)
		a.Object = &call.Object{Kind: route.Image, Name: "x:1", New: true}
		if err := j.Judge(t.Context(), a); (err == nil) != allowed {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// A network of a developer's has the addresses that the engine gives it.
func TestAddressesOfNetworks(t *testing.T) {
	j := newJudge(t, &log{})
	for what, c := range map[string]struct {
		ipam    *network.IPAM
		allowed bool
	}{
		"none":      {nil, true},
		"default":   {&network.IPAM{Driver: "default", Config: []network.IPAMConfig{}}, true},
		"a subnet":  {&network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.MustParsePrefix("169.254.169.0/24")}}}, false},
		"a gateway": {&network.IPAM{Config: []network.IPAMConfig{{Gateway: netip.MustParseAddr("192.0.2.1")}}}, false},
		"others":    {&network.IPAM{Config: []network.IPAMConfig{{AuxAddress: map[string]netip.Addr{"a": netip.MustParseAddr("192.0.2.1")}}}}, false},
	} {
		a := ask(t, dev("dev"), "POST", "/networks/create")
		b := &call.NetworkCreate{}
		b.Name, b.IPAM = "n", c.ipam
		a.Body, a.Object = b, &call.Object{Kind: route.Network, ID: "n", Name: "n", New: true}
		if err := j.Judge(t.Context(), a); (err == nil) != c.allowed {
			t.Errorf("%s: %v", what, err)
		}
	}
}
