//go:build fakeclock

package main

import (
	"os"
	"strings"
	"time"
)

// clock is off by what the file named in FAKE_CLOCK says now, e.g. "8760h": for tests of a clock that steps, without
// touching the machine's. It is in no program that anybody is given. The name has no BULKHEAD_: settings that are unknown are refused.
func clock() func() time.Time {
	path := os.Getenv("FAKE_CLOCK")
	return func() time.Time {
		b, err := os.ReadFile(path)
		if err != nil {
			return time.Now()
		}
		off, err := time.ParseDuration(strings.TrimSpace(string(b)))
		if err != nil {
			return time.Now()
		}
		return time.Now().Add(off)
	}
}
