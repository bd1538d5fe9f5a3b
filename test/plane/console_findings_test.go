//go:build e2e

package plane

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// findings gives what the pages of findings and events show: processes whose arguments want to be more than text, and findings that
// somebody triaged.
func (w *consoleWorld) findings(t *testing.T) {
	t.Helper()
	h, err := sim.ReadHost("../../framework/assess/testdata/cases/swarm.txtar", len(hostileNames), hostileNames...)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Runs("", model.Process{PID: 3900, PPID: 1, Name: "containerd-shim", Command: []string{"/usr/bin/containerd-shim-runc-v2", "-namespace", "moby"}}); err != nil {
		t.Fatal(err)
	}
	if err := h.Runs("web-frontend",
		model.Process{PID: 4001, PPID: 3900, UID: 10001, Name: "web", Command: []string{"/app/web", "--listen", ":8080"}},
		model.Process{PID: 4101, PPID: 4001, UID: 10001, Name: "sh", Command: []string{"sh", "-c", hostileNames[0], "\u202egpj.sh"}},
		model.Process{PID: 4102, PPID: 4101, UID: 10001, Name: "nc", Command: []string{"nc", "-lvp", "4444"}},
		model.Process{PID: 4103, PPID: 4001, UID: 10001, Name: "worker", Command: []string{"/app/web", "--worker"}},
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web-frontend", hostileNames[0], "数据库-主"} {
		if err := h.Alter(name, func(c *model.Container) { c.Workload.Privileged = true }); err != nil {
			t.Fatal(err)
		}
	}
	w.agents["edge-02"].Become(w.objects(t, h))
	var some struct {
		Findings []struct{ ID, Node, Kind string }
	}
	eventually(t, "there are findings to triage", func() bool {
		w.owner.ask(&some, "findings", "list", "--node", "edge-02", "--open", "--limit", "5")
		return len(some.Findings) == 5
	})
	w.owner.must("findings", "triage", "edge-02", some.Findings[0].ID, some.Findings[1].ID, "--state", "in_progress", "--owner", "olga",
		"--comment", "new hosts on Monday; "+hostileNames[0])
	w.owner.must("findings", "triage", "edge-02", some.Findings[2].ID, "--state", "acknowledged", "--owner-name", "the vendor")
}

// flood makes a node find so many serious things, as fast as it can report them. What the last says ends in the number.
func (w *consoleWorld) flood(t *testing.T, count string) {
	t.Helper()
	var n, id int
	if _, err := fmt.Sscanf(count, "%d as %d", &n, &id); err != nil {
		t.Errorf("flood %q: %v", count, err)
		return
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("app-%02d: a program that is not of its image was started", i%100)
	}
	texts[n-1] = fmt.Sprintf("flood %d is over", id)
	began := time.Now()
	if err := w.agents["edge-01"].Find(t.Context(), texts); err != nil {
		t.Error(err)
	}
	t.Logf("%d events in %s", n, time.Since(began).Round(time.Millisecond))
}
