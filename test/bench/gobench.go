package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// results are a benchmark's by its name and unit, e.g. results["Decide/index/1000"]["ns/op"].
type results map[string]map[string]float64

// goBench runs the Go benchmarks of a package: the figures of `make bench` are those that a developer sees.
func goBench(ctx context.Context, pkg, pattern, atLeast string, env ...string) (results, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-tags", "e2e", "-run", "^$", "-bench", pattern, "-benchtime", atLeast, "-count", "1", "-timeout", "60m", pkg)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("benchmarks %s of %s: %w: %s%s", pattern, pkg, err, &out, &errs)
	}
	found := results{}
	for r := benchfmt.NewReader(&out, pkg); r.Scan(); {
		res, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := string(res.Name)
		if i := strings.LastIndex(name, "-"); i > 0 {
			name = name[:i] // the count of processors
		}
		found[name] = map[string]float64{}
		for _, v := range res.Values {
			value, unit := v.Value, v.Unit
			if v.OrigUnit != "" {
				value, unit = v.OrigValue, v.OrigUnit
			}
			found[name][unit] = value
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("benchmarks %s of %s: there are none", pattern, pkg)
	}
	return found, nil
}

// get is a figure that has to be there.
func (f results) get(name, unit string) (float64, error) {
	v, ok := f[name][unit]
	if !ok {
		return 0, fmt.Errorf("the benchmark %s has no figure in %s", name, unit)
	}
	return v, nil
}

// opaDecisions runs the same number of policies in Open Policy Agent, a module of its own.
func opaDecisions(ctx context.Context, counts ...string) (map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "."}, counts...)...)
	cmd.Dir = "test/opa"
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("run OPA beside the product: %w", err)
	}
	ns := map[string]float64{}
	if err := json.Unmarshal(out, &ns); err != nil {
		return nil, fmt.Errorf("figures of OPA: %w", err)
	}
	return ns, nil
}
