package main

import (
	"context"
	"fmt"
	"slices"
)

// planeBench measures the control plane: decisions beside cedar-go's own walk and OPA, audited decisions, the API, a fleet that grows, and the
// console beside one.
func planeBench(ctx context.Context, bin string) ([]line, error) {
	decisions, err := decisionLines(ctx)
	if err != nil {
		return nil, err
	}
	api, err := apiLines(ctx, bin)
	if err != nil {
		return nil, err
	}
	fleet, err := fleetLines(ctx, bin)
	if err != nil {
		return nil, err
	}
	console, err := consoleLines(ctx, bin)
	return slices.Concat(decisions, api, fleet, console), err
}

func decisionLines(ctx context.Context) ([]line, error) {
	f, err := goBench(ctx, "./identity/authz", "^BenchmarkDecide$", "1s")
	if err != nil {
		return nil, err
	}
	opa, err := opaDecisions(ctx, "1000", "10000")
	if err != nil {
		return nil, err
	}
	var lines []line
	for n, most := range map[string]float64{"1000": 10, "10000": 30} {
		ours, err := f.get("Decide/index/"+n, "ns/op")
		if err != nil {
			return nil, err
		}
		walk, err := f.get("Decide/cedar/"+n, "ns/op")
		if err != nil {
			return nil, err
		}
		target := fmt.Sprintf("< %.0f µs", most)
		for what, other := range map[string]float64{"cedar-go's walk": walk, "OPA": opa[n]} {
			lines = append(lines, line{
				Name: fmt.Sprintf("decision with %s policies, beside %s", n, what), Unit: "µs", Ours: ours / 1000, Other: other / 1000, What: what,
				Ratio: other / ours, Target: target, Met: ours/1000 < most,
			})
		}
	}
	return sorted(lines), nil
}

func apiLines(ctx context.Context, bin string) ([]line, error) {
	f, err := goBench(ctx, "./test/plane", "^Benchmark(AuditedDecisions|API)$", "1x", "BULKHEAD_BIN="+bin)
	if err != nil {
		return nil, err
	}
	rate, err := f.get("AuditedDecisions", "decisions/s")
	if err != nil {
		return nil, err
	}
	done, err := f.get("API", "requests/s")
	if err != nil {
		return nil, err
	}
	lines := []line{{Name: "audited decisions, sustained for 10 s", Unit: "/s", Ours: rate, Target: ">= 3000 /s", Met: rate >= 3000}}
	for _, part := range []struct{ metric, what, target string }{
		{"p99-ms", "all", "< 20 ms at 500 /s"}, {"read-p99-ms", "reads", ""}, {"change-p99-ms", "changes", ""},
	} {
		p99, err := f.get("API", part.metric)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{
			Name: fmt.Sprintf("API on SQLite at %.0f requests/s, 99th percentile of %s", done, part.what), Unit: "ms", Ours: p99,
			Target: part.target, Met: part.target == "" || p99 < 20 && done >= 490,
		})
	}
	return lines, nil
}
