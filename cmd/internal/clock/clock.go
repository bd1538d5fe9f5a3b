//go:build !fakeclock

// Package clock is the time of this process, which both programs decide by. It may do nothing else.
package clock

import "time"

// Now is the time. Tests build a program with another one; see clock_fake.go.
func Now() time.Time { return time.Now() }
