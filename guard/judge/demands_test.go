package judge_test

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestDemand: what is demanded of calls counts from the next one on.
func TestDemand(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := judge.New(judge.Parts{Decider: e, Log: &log{}, Workloads: given{}, Tenant: "acme", Host: "h1", Profile: "baseline"})
	run := func() error {
		a := ask(t, dev("dev"), "POST", "/containers/create?name=web")
		a.Object = &call.Object{Kind: route.Container, Name: "web", New: true}
		a.Workload = &model.Workload{Privileged: true}
		return j.Judge(t.Context(), a)
	}
	exec := func() error {
		a := ask(t, dev("dev"), "POST", "/containers/c1/exec")
		a.Object, a.Workload = of(route.Container, "c1", "acme", "dev"), &model.Workload{}
		return j.Judge(t.Context(), a)
	}
	pull := func() error {
		a := ask(t, dev("dev"), "POST", "/images/create?fromImage=elsewhere.example/x&tag=1")
		a.Object = &call.Object{Kind: route.Image, Name: "elsewhere.example/x:1", New: true}
		return j.Judge(t.Context(), a)
	}
	for _, c := range []struct {
		name            string
		d               judge.Demands
		run, exec, pull bool
	}{
		{"at first", judge.Demands{Mode: judge.Enforce}, false, true, true},
		{"observed", judge.Demands{Mode: judge.Observe}, true, true, true},
		{"no mode is the strict one", judge.Demands{}, false, true, true},
		{"a second person", judge.Demands{Mode: judge.Observe, FourEyes: []string{"ContainerExec"}}, true, false, true},
		{"a second factor", judge.Demands{Mode: judge.Observe, StepUp: []string{"ContainerExec"}}, true, false, true},
		{"registries", judge.Demands{Mode: judge.Observe, Registries: []string{"docker.io"}}, true, true, false},
		{"as it was", judge.Demands{Mode: judge.Enforce}, false, true, true},
	} {
		if c.name != "at first" {
			j.Demand(c.d)
		}
		for what, got := range map[string]struct {
			want bool
			err  error
		}{"run": {c.run, run()}, "exec": {c.exec, exec()}, "pull": {c.pull, pull()}} {
			if (got.err == nil) != got.want {
				t.Errorf("%s, %s: %v", c.name, what, got.err)
			}
		}
		if j.Observes() != (c.d.Mode == judge.Observe) {
			t.Errorf("%s: observes %v", c.name, j.Observes())
		}
	}
}
