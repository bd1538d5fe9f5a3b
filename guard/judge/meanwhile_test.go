package judge

import (
	"strings"
	"testing"
)

// TestMeanwhilePanics: what falls over while the engine works is an error of the call, and of nothing else.
func TestMeanwhilePanics(t *testing.T) {
	wait := meanwhile(func() error { panic("a nil log") })
	for range 2 {
		if err := wait(); err == nil || !strings.Contains(err.Error(), "a nil log") {
			t.Error(err)
		}
	}
}
