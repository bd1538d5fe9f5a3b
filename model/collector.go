package model

import (
	"context"
	"time"
)

// Part puts a collector's facts into a snapshot. It is called once and never at the same time as another.
type Part = func(*Snapshot)

// Collector reads one part of a node. Adapters offer them, the agent runs them.
type Collector struct {
	// Name is shown in gaps and logs: "host.packages".
	Name string
	// Paths are the JSON pointers of what it fills. When it panics or misses its deadline, each becomes a gap.
	Paths []string
	// Deadline bounds the collector; zero means the caller's default.
	Deadline time.Duration
	// Collect reads, honours ctx, and returns the facts with the gaps it met. Either may be nil.
	Collect func(ctx context.Context) (Part, []Gap)
}
