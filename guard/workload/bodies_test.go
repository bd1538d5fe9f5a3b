package workload_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

var update = flag.Bool("update", false, "write testdata/expected.txt anew")

// recorded are the commands and bodies of testdata/bodies.txt.
func recorded(t testing.TB) [][2]string {
	t.Helper()
	var out [][2]string
	lines := strings.Split(read(t, "testdata/bodies.txt"), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "$ ") {
			out = append(out, [2]string{l, lines[i+1]})
		}
	}
	if len(out) < 50 {
		t.Fatalf("%d bodies", len(out))
	}
	return out
}

// What the command line sends becomes these facts, and these rules of the shipped profiles refuse it.
func TestRecordedBodies(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# What becomes of bodies.txt: the facts that are not empty, and the rules that refuse it. Written by `go test ./guard/workload -update`.\n")
	for _, c := range recorded(t) {
		action, w := "ContainerCreate", model.Workload{}
		if strings.Contains(c[0], "docker service") {
			action = "ServiceCreate"
			var spec swarm.ServiceSpec
			decode(t, c[1], &spec)
			w = reader().FromService(context.Background(), &spec)
		} else {
			var body container.CreateRequest
			decode(t, c[1], &body)
			w = reader().FromCreate(context.Background(), &body)
		}
		fmt.Fprintf(&b, "\n%s\n", c[0])
		facts := workload.Facts(&w, workload.Extra{Defaults: defaults(), Tenant: "acme"})
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			if v := reflect.ValueOf(facts[name]); v.Kind() == reflect.Slice && v.Len() > 0 || v.Kind() != reflect.Slice && !v.IsZero() {
				fmt.Fprintf(&b, "  %s: %v\n", name, facts[name])
			}
		}
		for _, profile := range []string{"baseline", "restricted"} {
			d := decide(t, e, action, profile, &w)
			fmt.Fprintf(&b, "  %s refuses by: %s\n", strings.ToUpper(profile), rules(d))
			if d.Allowed == (d.Remedy != "") {
				t.Errorf("%s: %+v", c[0], d)
			}
		}
	}
	const golden = "testdata/expected.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, golden); b.String() != want {
		t.Errorf("other than expected; see the difference with -update and git diff:\n%s", b.String())
	}
}

func rules(d model.Decision) string {
	if d.Allowed {
		return "nothing"
	}
	if len(d.Errors) > 0 {
		return fmt.Sprint("ERRORS ", d.Errors)
	}
	var out []string
	for _, p := range d.Policies {
		_, name, _ := strings.Cut(p, "/")
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
