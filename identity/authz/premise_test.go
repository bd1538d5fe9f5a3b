package authz

import (
	"math/rand/v2"
	"testing"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestPremises holds that a policy is left out only where Cedar would say of it, without an error, that it does not hold.
func TestPremises(t *testing.T) {
	r := source{rand.New(rand.NewPCG(7, 7))}
	e := newEngine(t, Options{})
	s := e.now.Load()
	var out, kept int
	for range 20000 {
		text := `permit (principal, action, resource) ` + r.premise() + ";"
		list, err := cedar.NewPolicyListFromBytes("a", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		q := request(user("u1", "acme"), "ContainerExec", on("Container", "c1", "acme"))
		q.Principal.Auth.MFA, q.Principal.Auth.AMR = true, nil
		q.Facts = map[string]any{"workload": r.workload(), "door": r.pick("a", "b"), "amr": []string{"b"}}
		if r.IntN(4) > 0 {
			q.Facts["profile"] = r.pick("a", "baseline")
		}
		act := s.schema.actions[q.Action]
		facts, err := s.context(&q, act, Assume{}, readsAll)
		checked := s.checkFacts(&q)
		if (err == nil) != (checked == nil) {
			t.Fatalf("%v: made %v, and checked %v", q.Facts, err, checked)
		}
		if err != nil {
			continue
		}
		w, err := s.schema.newWorld(&q, act)
		if err != nil {
			t.Fatal(err)
		}
		set := cedar.NewPolicySet()
		set.Add("a", list[0])
		got, why := cedar.Authorize(set, w, cedar.Request{Principal: w.principal.UID, Action: act.uid, Resource: w.resource.UID, Context: facts})
		holds := got == cedar.Allow || len(why.Errors) > 0
		switch fails := premiseOf((*ast.Policy)(list[0].AST())).fails(q.Facts); {
		case fails && holds:
			t.Fatalf("%s is left out, and Cedar says %v %v, of %v", text, got, why, q.Facts)
		case fails:
			out++
		case !holds:
			kept++
		}
	}
	t.Logf("of policies that do not hold, %d were left out, and %d not", out, kept)
	if out < 1000 {
		t.Errorf("only %d policies were left out", out)
	}
}

// BenchmarkProfile is a decision about a workload that asks for nothing special, under the shipped profiles.
func BenchmarkProfile(b *testing.B) {
	e := newEngine(b, Options{})
	for _, action := range []string{"ContainerCreate", "ImageRun"} {
		q := request(user("u1", "acme", model.RoleDeveloper), action, on(map[string]string{"ContainerCreate": "Container", "ImageRun": "Image"}[action], "c1", "acme"))
		q.Resource.Attrs = map[string]any{"owner": q.Principal.Ref, "name": "web", "privileged": false}
		q.Facts = map[string]any{"profile": "baseline", "door": "engine", "address": "unix:pid=1", "workload": map[string]any{"log_local": true, "runtime_configured": true, "kind": "container"}}
		e.Schema().complete(q.Facts, action)
		if d := e.Decide(b.Context(), q); !d.Allowed {
			b.Fatal(d)
		}
		b.Run(action, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(b.Context(), q)
			}
		})
	}
}
