// Package rosetta stands in for the module of that name, which tells whether a program of another architecture is translated on an Apple
// machine: module proxies don't serve it, and on Linux it says no. It decides nothing else.
package rosetta

import "runtime"

// Enabled says whether the program is translated.
func Enabled() bool { return false }

// Available says whether the machine could translate one.
func Available() bool { return false }

// NativeArch is the machine's architecture.
func NativeArch() string { return runtime.GOARCH }
