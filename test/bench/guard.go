package main

import (
	"context"
	"fmt"
)

// guardLines measures the guard, as users run it, beside the engine alone and beside HAProxy, which filters paths and does nothing else. Added is
// what a way takes more than none; what a proxy of Go's own library adds that looks at nothing is the hop alone.
func guardLines(ctx context.Context, bin string) ([]line, error) {
	f, err := goBench(ctx, "./test/guard", "^BenchmarkGuard$", "1x", "BULKHEAD_BIN="+bin)
	if err != nil {
		return nil, err
	}
	var lines []line
	for _, engine := range []string{"current", "debian"} {
		get := func(part, unit string) float64 {
			v, gerr := f.get("Guard/"+engine+"/"+part, unit)
			if err == nil {
				err = gerr
			}
			return v
		}
		lines = append(lines, guardLatency(engine, get)...)
		lines = append(lines, guardStreams(engine, get)...)
		for _, m := range []struct{ unit, name string }{{"VmRSS", "memory"}, {"RssAnon", "memory of its own"}} {
			v := get("streams", "MiB-"+m.unit)
			lines = append(lines, line{Name: fmt.Sprintf("guard, %s: %s (%s)", engine, m.name, m.unit), Unit: "MiB", Ours: v, Target: "under 40 MB", Met: v*1.048576 < 40})
		}
	}
	return lines, err
}

func guardLatency(engine string, get func(part, unit string) float64) []line {
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
		unit := x.quantile + "-µs-"
		direct := get(x.call, unit+"direct")
		ours, other := get(x.call, unit+"guard")-direct, get(x.call, unit+"haproxy")-direct
		lines = append(lines, compared(fmt.Sprintf("guard, %s: added to %s, %s", engine, x.name, x.quantile), "µs", ours, other, "HAProxy, paths only",
			fmt.Sprintf("< %g µs", x.most), ours < x.most))
		if hop := get(x.call, unit+"hop") - direct; x.quantile == "p50" {
			lines = append(lines, compared(fmt.Sprintf("guard, %s: added to %s, %s, beside the hop alone", engine, x.name, x.quantile), "µs", ours, hop, "a Go proxy that looks at nothing", "-", true))
		}
	}
	return lines
}

func guardStreams(engine string, get func(part, unit string) float64) []line {
	var lines []line
	for _, verb := range []string{"load", "save"} {
		rate := func(way string) float64 { return get("streams", verb+"-MB/s-"+way) }
		ours, direct, other := rate("guard"), rate("direct"), rate("haproxy")
		name := fmt.Sprintf("guard, %s: %s of 1 GB", engine, verb)
		lines = append(lines,
			line{Name: name, Unit: "MB/s", Ours: ours, Other: direct, What: "directly", Ratio: ours / direct, Target: ">= 90 % of direct", Met: ours >= 0.9*direct},
			line{Name: name + ", beside HAProxy", Unit: "MB/s", Ours: ours, Other: other, What: "HAProxy, paths only", Ratio: ours / other, Target: "-", Met: true})
	}
	return lines
}
