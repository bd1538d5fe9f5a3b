//go:build fakeclock

// Package clock is the time of this process, which both programs decide by. It may do nothing else.
package clock

import (
	"os"
	"strings"
	"time"
)

// Now is off by what the file named in FAKE_CLOCK says now, e.g. "8760h": for tests of a clock that steps, without
// touching the machine's. It is in no program that anybody is given. The name has no BULKHEAD_: settings that are unknown are refused.
func Now() time.Time {
	b, err := os.ReadFile(os.Getenv("FAKE_CLOCK"))
	if err != nil {
		return time.Now()
	}
	off, err := time.ParseDuration(strings.TrimSpace(string(b)))
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(off)
}
