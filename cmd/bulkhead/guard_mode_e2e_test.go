//go:build e2e

package main

import (
	"strings"
	"syscall"
	"testing"
)

// TestGuardModeAtReload: a guard that runs begins to observe, and to enforce again, with the next reload, and the log says so.
func TestGuardModeAtReload(t *testing.T) {
	p := newProgram(t)
	p.change("  limits:", "  mode: enforce\n  limits:")
	cmd := p.start()
	p.answers()
	privileged := func() (string, error) { return p.try("run", "--rm", "--privileged", "lab/up:1", "true") }
	refused := func(when string) {
		t.Helper()
		if out, err := privileged(); err == nil || !strings.Contains(out, "profile_baseline/privileged") {
			t.Errorf("%s: %v %s", when, err, out)
		}
	}
	reload := func(says string) {
		t.Helper()
		before := strings.Count(p.said.String(), says)
		must(t, cmd.Process.Signal(syscall.SIGHUP))
		p.eventually("it says "+says, func() bool { return strings.Count(p.said.String(), says) > before })
	}
	refused("at first")
	p.change("mode: enforce", "mode: lenient")
	reload("the configuration was not taken")
	refused("with a mode that is none")
	p.change("mode: lenient", "mode: observe\n  four_eyes: [ContainerExec]")
	reload("guard.four_eyes is set")
	refused("with a demand that nobody could meet")
	p.change("\n  four_eyes: [ContainerExec]", "")
	reload("what the guard demands of calls changed")
	if out, err := privileged(); err != nil || !strings.Contains(out, "enforcement would refuse this") {
		t.Errorf("while it observes: %v %s", err, out)
	}
	p.change("mode: observe", "mode: enforce")
	reload("what the guard demands of calls changed")
	refused("at last")
	must(t, syscall.Kill(p.pid(), syscall.SIGTERM))
	must(t, cmd.Wait())
	var said []string
	for _, r := range p.verify() {
		if r.Action == "GuardUpdate" {
			said = append(said, r.Changes["guard.mode"]+" by "+r.Changes["file_owner"]+" in "+r.Changes["file"])
		}
	}
	if at := " by uid 0 in " + p.path("guard.yaml"); len(said) != 2 || said[0] != "enforce -> observe"+at || said[1] != "observe -> enforce"+at {
		t.Errorf("the log says %q", said)
	}
}
