package main

import (
	"context"
	"fmt"
)

// flat is how much more an agent may cost in a fleet ten times the size.
const flat = 1.5

// fleetLines measures one replica with 100, 1,000 and 10,000 simulated agents, each of which keeps its stream open and sends a
// difference every 30 s. What the server needs without any is taken off before the cost is divided.
func fleetLines(ctx context.Context, bin string) ([]line, error) {
	f, err := goBench(ctx, "./test/plane", "^BenchmarkFleet$", "1x", "BULKHEAD_BIN="+bin)
	if err != nil {
		return nil, err
	}
	get := func(unit string) float64 {
		v, gerr := f.get("Fleet", unit)
		if err == nil {
			err = gerr
		}
		return v
	}
	cores, mib, policy := get("cores-10000"), get("MiB-10000"), get("policy-s-10000")
	lines := []line{
		{Name: "fleet of 10,000 agents at rest, CPU", Unit: "cores", Ours: cores, Target: "< 1 core", Met: cores < 1},
		{Name: "fleet of 10,000 agents at rest, memory", Unit: "MiB", Ours: mib, Target: "< 1024 MiB", Met: mib < 1024},
		{Name: "policy acknowledged by all of 10,000 agents", Unit: "s", Ours: policy, Target: "< 10 s", Met: policy < 10},
		{Name: "CPU of an agent among 100", Unit: "µcores", Ours: get("µcores/agent-100"), Met: true},
	}
	for _, x := range []struct{ n, less int }{{1000, 100}, {10000, 1000}} {
		ours, other := get(fmt.Sprintf("µcores/agent-%d", x.n)), get(fmt.Sprintf("µcores/agent-%d", x.less))
		lines = append(lines, line{
			Name: fmt.Sprintf("CPU of an agent among %d, beside one among %d", x.n, x.less), Unit: "µcores", Ours: ours, Other: other,
			What: fmt.Sprintf("among %d", x.less), Ratio: other / ours, Target: fmt.Sprintf("<= %.1f times", flat), Met: ours <= flat*other,
		})
	}
	return lines, err
}
