//go:build !fakeclock

package main

import "time"

// clock is the time of this process. Tests build a program with another one; see clock_fake.go.
func clock() func() time.Time { return time.Now }
