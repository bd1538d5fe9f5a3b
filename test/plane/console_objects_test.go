//go:build e2e

package plane

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/test/sim"
)

// objects has something to see on the pages of containers: one that may do whatever it likes.
func (w *consoleWorld) objects(t *testing.T, host *sim.Host) *sim.Host {
	t.Helper()
	if err := host.Endanger("batch-worker"); err != nil {
		t.Fatal(err)
	}
	return host
}
