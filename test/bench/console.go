package main

import "context"

// consoleLines measures the console in Chromium beside a fleet of 1,000 hosts with 50,000 containers that works, and the same first page
// of a server without any.
func consoleLines(ctx context.Context, bin string) ([]line, error) {
	f, err := goBench(ctx, "./test/plane", "^BenchmarkConsole$", "1x", "BULKHEAD_BIN="+bin)
	if err != nil {
		return nil, err
	}
	get := func(unit string) float64 {
		v, gerr := f.get("Console", unit)
		if err == nil {
			err = gerr
		}
		return v
	}
	first, empty := get("first-page-ms"), get("first-page-empty-ms")
	lines := []line{{
		Name: "console, first page from a cold cache, 1,000 hosts and 50,000 containers", Unit: "ms", Ours: first, Other: empty, What: "no host",
		Ratio: empty / first, Target: "< 1500 ms", Met: first < 1500,
	}}
	for _, table := range []string{"nodes", "containers"} {
		lines = append(lines, line{Name: "console, " + table + ", all rows there", Unit: "ms", Ours: get(table + "-all-rows-ms"), Met: true})
		for _, act := range []string{"filter", "sort", "group", "scroll"} {
			ms := get(table + "-" + act + "-ms")
			lines = append(lines, line{Name: "console, " + table + ", " + act, Unit: "ms", Ours: ms, Target: "< 100 ms", Met: ms < 100})
		}
		lines = append(lines, line{Name: "console, " + table + ", memory of the page", Unit: "MB", Ours: get(table + "-heap-MB"), Met: true})
	}
	return lines, err
}
