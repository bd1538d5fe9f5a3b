package authz

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// custom makes n policies as administrators write them: for groups, users and tenants, on hosts and containers.
func custom(t testing.TB, n int) *Engine {
	t.Helper()
	var sets []model.Policies
	var b strings.Builder
	flush := func(tenant string) {
		if b.Len() > 0 {
			sets[len(sets)-1].Files = append(sets[len(sets)-1].Files, model.PolicyFile{Name: fmt.Sprintf("f%d.cedar", len(sets[len(sets)-1].Files)), Text: b.String()})
			b.Reset()
		}
		_ = tenant
	}
	sets = append(sets, model.Policies{Tenant: "system"})
	for i := range n {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "@id(\"p%d\") permit (principal in Bulkhead::Group::\"g%d\", action in Bulkhead::Action::\"EngineRead\", resource in Bulkhead::Tenant::\"t%d\");\n", i, i, i%100)
		case 1:
			fmt.Fprintf(&b, "@id(\"p%d\") permit (principal == Bulkhead::User::\"u%d\", action == Bulkhead::Action::\"ContainerExec\", resource) when { context.mfa };\n", i, i)
		case 2:
			fmt.Fprintf(&b, "@id(\"p%d\") forbid (principal, action in [Bulkhead::Action::\"EngineChange\", Bulkhead::Action::\"WorkloadChange\"], resource == Bulkhead::Container::\"c%d\") unless { context.fresh_factor };\n", i, i)
		case 3:
			fmt.Fprintf(&b, "@id(\"p%d\") permit (principal in Bulkhead::Group::\"g%d\", action, resource in Bulkhead::Host::\"h%d\") when { resource has owner };\n", i, i-3, i)
		}
		if b.Len() > 200<<10 {
			flush("system")
		}
	}
	flush("system")
	e := newEngine(t, Options{})
	if err := e.Load(sets); err != nil {
		t.Fatal(err)
	}
	return e
}

func benchRequest() model.Request {
	p := user("u5", "acme", model.RoleDeveloper)
	p.Groups = []string{"g8", "g12"}
	o := on("Container", "c2", "acme")
	o.Attrs = map[string]any{"owner": model.Ref{Type: "User", ID: "u5"}, "host": model.Ref{Type: "Host", ID: "h3"}, "name": "web", "privileged": false}
	return request(p, "ContainerExec", o)
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		e := custom(b, n)
		r := benchRequest()
		if d := e.Decide(context.Background(), r); !d.Allowed {
			b.Fatal(d)
		}
		b.Run(fmt.Sprintf("index/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(context.Background(), r)
			}
		})
		s := e.now.Load()
		b.Run(fmt.Sprintf("cedar/%d", n), func(b *testing.B) {
			for b.Loop() {
				plainWalk(s, &r)
			}
		})
	}
}
