// Command opa measures how long Open Policy Agent takes for the decisions that the product's benchmark makes, so that
// both stand in one run. It is a module of its own: the product does not depend on OPA.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
)

func main() {
	figures := map[string]float64{}
	for _, arg := range os.Args[1:] {
		n, err := strconv.Atoi(arg)
		if err == nil {
			figures[arg], err = measure(n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "opa:", err)
			os.Exit(1)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(figures); err != nil {
		fmt.Fprintln(os.Stderr, "opa:", err)
		os.Exit(1)
	}
}

// measure gives nanoseconds per decision with n policies, each for one user, action and tenant: what OPA's rule index is
// made for.
func measure(n int) (float64, error) {
	var text strings.Builder
	text.WriteString("package bulkhead\n\ndefault allow := false\n")
	for i := range n {
		fmt.Fprintf(&text, "allow if { input.principal == %q; input.action == \"ContainerStart\"; input.resource.tenant == %q }\n",
			fmt.Sprintf("user%d", i), fmt.Sprintf("tenant%d", i%100))
	}
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.bulkhead.allow"), rego.Module("bulkhead.rego", text.String())).PrepareForEval(ctx)
	if err != nil {
		return 0, fmt.Errorf("prepare %d policies: %w", n, err)
	}
	inputs := make([]map[string]any, 64)
	for i := range inputs {
		user := i * n / len(inputs)
		inputs[i] = map[string]any{
			"principal": fmt.Sprintf("user%d", user), "action": "ContainerStart",
			"resource": map[string]any{"tenant": fmt.Sprintf("tenant%d", user%100)},
		}
	}
	var failed error
	res := testing.Benchmark(func(b *testing.B) {
		for i := range b.N {
			out, err := query.Eval(ctx, rego.EvalInput(inputs[i%len(inputs)]))
			if err != nil || !out.Allowed() {
				failed = fmt.Errorf("decision %d of %d policies: %v, %w", i, n, out, err)
				b.FailNow()
			}
		}
	})
	return float64(res.NsPerOp()), failed
}
