//go:build e2e

package plane

import (
	"maps"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// objects has something to see on the pages of containers: one that may do whatever it likes, and one with labels that want to be more
// than text.
func (w *consoleWorld) objects(t *testing.T, host *sim.Host) *sim.Host {
	t.Helper()
	if err := host.Endanger("batch-worker"); err != nil {
		t.Fatal(err)
	}
	if err := host.Alter(hostileNames[0], func(c *model.Container) {
		labels := map[string]string{"org.example/" + hostileNames[0]: hostileNames[1], "org.example/turned": hostileNames[3] + "\a\x1b[2J\u200b"}
		maps.Copy(labels, c.Workload.Labels)
		c.Workload.Labels = labels
	}); err != nil {
		t.Fatal(err)
	}
	return host
}
