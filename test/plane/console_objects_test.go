//go:build e2e

package plane

import (
	"fmt"
	"maps"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// manyProcesses is a container that runs more than fits on a page.
const manyProcesses = "redis-cache"

// objects has something to see on the pages of containers: one that may do whatever it likes, one with labels that want to be more
// than text, and one in which much runs.
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
	if err := host.Alter(manyProcesses, func(c *model.Container) {
		for i := range 240 {
			c.Processes = append(c.Processes, model.ContainerProcess{PID: 70_000 + i, User: "redis", Command: fmt.Sprintf("redis-worker --shard %d", i)})
		}
	}); err != nil {
		t.Fatal(err)
	}
	return host
}
