package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

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
	end := docsEnd(t, p)
	want := []string{
		"update Tenant acme", "create Group acme/night-shift", "create Pool acme/web", "update Node n-1", "create Exception acme n-1 " + end,
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
		"an exception for no node": {
			pool + apiDoc("Exception", "tenant: acme", "check: c, node: web-9, owner: o, reason: r, expires: 2030-01-01"),
			"there is no node web-9", ExitError,
		},
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

// docsEnd is the last day of the only exception, which is some 180 days ahead.
func docsEnd(t *testing.T, p *fleetPlane) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.exceptions {
		if end := x.GetExpires(); len(p.exceptions) == 1 && end > inMonths(5) && end < inMonths(7) {
			return end
		}
	}
	t.Fatalf("%v", p.exceptions)
	return ""
}

func inMonths(n int) string { return time.Now().UTC().AddDate(0, n, 0).Format(time.DateOnly) }

// TestApplyExceptionsFor: an end that is given as days is one day from the recording on, and not another one each day.
func TestApplyExceptionsFor(t *testing.T) {
	p := withNode(t)
	p.tenants["acme"] = &bulkheadv1.Tenant{Id: "acme", Name: "Acme", Version: 2}
	s := p.shell(t)
	file := p.write(t, apiDoc("Exception", "tenant: acme", "check: 8.1.c, owner: o, reason: r, expires: 90d"))
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	for name, x := range map[string]struct {
		end  string
		same bool
	}{
		"recorded today": {day(90), true}, "recorded before": {day(30), true}, "the last day": {day(0), true},
		"over": {day(-1), false}, "for longer": {day(92), false},
	} {
		p.exceptions = map[string]*bulkheadv1.Exception{
			"x-1": {Id: "x-1", Tenant: "acme", Check: "8.1.c", Owner: "o", Reason: "r", Expires: x.end},
		}
		code, out, errs := s.run(t, "apply", "-f", file, "--dry-run")
		if want := map[bool]int{true: ExitOK, false: ExitNo}[x.same]; code != want {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
		if !x.same && !strings.Contains(out, "+expires: \""+day(90)+"\"") {
			t.Errorf("%s: %s", name, out)
		}
	}
	// The server says in the dry run what it would say later.
	p.latest = day(366)
	late := p.write(t, apiDoc("Exception", "tenant: acme", "check: 8.1.c, node: web-1, owner: o, reason: r, expires: 2098-01-01"))
	for _, how := range []string{"--dry-run", "--yes"} {
		code, out, errs := s.run(t, "apply", "-f", late, how)
		if code != ExitError || !strings.Contains(errs, "more than 366 days ahead") || !strings.Contains(errs, ".yaml:") || len(p.took()) != 0 {
			t.Errorf("%s: exit %d: %s%s", how, code, out, errs)
		}
	}
}

func TestDays(t *testing.T) {
	now := time.Date(2026, 12, 31, 23, 30, 0, 0, time.FixedZone("", 3600*-5)) // the next day by UTC
	for in, want := range map[string]string{
		"0d": "2027-01-01", "90d": "2027-04-01", "366d": "2028-01-02", "": "", "d": "", "-1d": "", "+1d": "", "1000d": "", "9": "", "2027-01-01": "", "1h": "", "1dd": "",
	} {
		if got, ok := inDays(in, now); got != want || ok != (want != "") {
			t.Errorf("%q: %q", in, got)
		}
	}
}
