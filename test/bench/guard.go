package main

import (
	"context"
	"fmt"
)

// guardLines measures the door to the engine beside the engine alone and beside HAProxy, which filters paths and does nothing else. Added is
// what a way takes more than none.
func guardLines(ctx context.Context) ([]line, error) {
	f, err := goBench(ctx, "./test/guard", "^BenchmarkGuard$", "1x")
	if err != nil {
		return nil, err
	}
	get := func(unit string) float64 {
		v, gerr := f.get("Guard", unit)
		if err == nil {
			err = gerr
		}
		return v
	}
	var lines []line
	for _, x := range []struct {
		call, name, quantile string
		most                 float64
	}{
		{"list", "GET /containers/json", "p50", 250},
		{"list", "GET /containers/json", "p99", 2000},
		{"create", "create", "p50", 250},
		{"create", "create", "p99", 2000},
	} {
		unit := x.call + "-" + x.quantile + "-µs-"
		direct := get(unit + "direct")
		ours, other := get(unit+"guard")-direct, get(unit+"haproxy")-direct
		lines = append(lines, compared(fmt.Sprintf("guard: added to %s, %s", x.name, x.quantile), "µs", ours, other, "HAProxy, paths only",
			fmt.Sprintf("< %g µs", x.most), ours < x.most))
	}
	for _, verb := range []string{"load", "save"} {
		ours, direct := get(verb+"-MB/s-guard"), get(verb+"-MB/s-direct")
		lines = append(lines,
			line{Name: "guard: " + verb + " of 1 GB", Unit: "MB/s", Ours: ours, Other: direct, What: "directly", Ratio: ours / direct, Target: ">= 90 % of direct", Met: ours >= 0.9*direct},
			line{Name: "guard: " + verb + " of 1 GB, beside HAProxy", Unit: "MB/s", Ours: ours, Other: get(verb + "-MB/s-haproxy"), What: "HAProxy, paths only", Ratio: ours / get(verb+"-MB/s-haproxy"), Met: true})
	}
	memory := get("MiB-guard")
	return append(lines, line{Name: "guard: peak memory", Unit: "MiB", Ours: memory, Target: "under 40 MB", Met: memory*1.048576 < 40}), err
}
