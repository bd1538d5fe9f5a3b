//go:build e2e

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// try runs a docker command of alice's, and gives what it said.
func (p *program) try(args ...string) (string, error) {
	p.t.Helper()
	out, err := p.docker(args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestGuardAndAnEngineThatRestarts: sessions end with the engine, who calls meanwhile is told, and the guard goes on by itself.
func TestGuardAndAnEngineThatRestarts(t *testing.T) {
	p := newProgram(t)
	p.start()
	p.answers()
	p.web()
	s := p.terminal("exec", "-i", "web", "cat")
	s.echo("before")
	p.engine.Kill()
	s.cut()
	if out, err := p.try("ps"); err == nil || !strings.Contains(out, "the engine at "+p.engine.Socket) {
		t.Errorf("without an engine: %v %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, p.engine.Restart(ctx))
	p.eventually("calls come through again", func() bool { _, err := p.try("ps"); return err == nil })
	if out, err := p.try("start", "web"); err != nil {
		t.Errorf("%v %s", err, out)
	}
	if out, err := p.try("exec", "web", "sh", "-c", "echo again"); err != nil || out != "again" {
		t.Errorf("%v %s", err, out)
	}
	p.ends()
}

// ends stops the guard and has its log verified.
func (p *program) ends() []model.Record {
	p.t.Helper()
	must(p.t, syscall.Kill(p.pid(), syscall.SIGTERM))
	must(p.t, p.started[len(p.started)-1].Wait())
	return p.verify()
}

// TestGuardWithoutRoomForItsLog: nothing is changed that can't be recorded, the caller is told why, and with room it goes on.
func TestGuardWithoutRoomForItsLog(t *testing.T) {
	p := newProgram(t)
	must(t, lab.SmallDisk(p.path("data"), 8<<20))
	t.Cleanup(func() { must(t, lab.UnmountDisk(p.path("data"))) })
	must(t, os.Chmod(p.path("data"), 0o700))
	p.start()
	p.answers()
	if out, err := p.try("volume", "create", "before"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	must(t, lab.Fill(p.path("data/fill")))
	// What the log's journal takes before it is known that the log can't be written is made, and recorded.
	var out, refused string
	var made []string
	p.eventually("changes are refused", func() bool {
		name := fmt.Sprint("meanwhile-", len(made))
		var err error
		if out, err = p.try("volume", "create", name); err != nil {
			refused = name
			return true
		}
		made = append(made, name)
		return false
	})
	if !strings.Contains(out, "can't be written") || !strings.Contains(out, "no space left") {
		t.Errorf("the caller is told %q", out)
	}
	direct, err := p.engine.Client()
	must(t, err)
	defer direct.Close()
	if _, err := direct.VolumeInspect(t.Context(), refused, client.VolumeInspectOptions{}); err == nil {
		t.Error("what could not be recorded was made")
	}
	must(t, os.Remove(p.path("data/fill")))
	p.eventually("changes are made again", func() bool { _, err := p.try("volume", "create", "after"); return err == nil })
	records := p.ends()
	for _, name := range append(made, "before", "after") {
		if !slices.ContainsFunc(records, func(r model.Record) bool {
			return r.Action == "VolumeCreate" && r.Resource.ID == "h1/"+name && r.Outcome == model.OutcomeAllowed
		}) {
			t.Errorf("the volume %s was made, and is not in the log", name)
		}
	}
}

// TestGuardReloadsWhatIsBroken: policies, accounts and the configuration as a whole stay as they were where what is read again is not sound.
func TestGuardReloadsWhatIsBroken(t *testing.T) {
	p := newProgram(t)
	must(t, os.Mkdir(p.path("policies"), 0o700))
	write := func(text string) {
		t.Helper()
		must(t, os.WriteFile(p.path("policies/own.cedar"), []byte(text), 0o600))
	}
	const sound = `@id("no-networks")
@reason("networks are made by the platform")
forbid (principal, action == Bulkhead::Action::"NetworkCreate", resource);
`
	write(sound)
	p.change("  limits:", "  policies: "+p.path("policies")+"\n  limits:")
	cmd := p.start()
	p.answers()
	refused := func(when string) {
		t.Helper()
		if out, err := p.try("network", "create", "one"); err == nil || !strings.Contains(out, "networks are made by the platform") {
			t.Errorf("%s: %v %s", when, err, out)
		}
	}
	refused("at first")
	reload := func(says string) {
		t.Helper()
		before := strings.Count(p.said.String(), says)
		must(t, cmd.Process.Signal(syscall.SIGHUP))
		p.eventually("it says "+says, func() bool { return strings.Count(p.said.String(), says) > before })
	}
	write("forbid (principal, action == Bulkhead::Action::\"NetworkCreat\", resource);\n")
	reload("what is not sound stays as it was")
	refused("with policies that name no action")
	write("permit (\n")
	reload("what is not sound stays as it was")
	refused("with policies that are none")
	must(t, os.Rename(p.path("policies"), p.path("elsewhere")))
	reload("what is not sound stays as it was")
	refused("without the directory of policies")
	must(t, os.Rename(p.path("elsewhere"), p.path("policies")))
	write(sound)
	p.change("mode: \"0666\"", "mode: [")
	reload("the configuration was not taken")
	refused("with a configuration that is none")
	p.change("mode: [", "mode: \"0666\"")
	write("// nothing is forbidden\n")
	before := p.said.String()
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	p.eventually("it is let through", func() bool { _, err := p.try("network", "create", "one"); return err == nil })
	if said := strings.TrimPrefix(p.said.String(), before); strings.Contains(said, "not sound") {
		t.Error(said)
	}

	// At a start what is not sound is an error: the guard does not run with less than it was told.
	p.ends()
	write("permit (\n")
	broken := p.start()
	if err := broken.Wait(); err == nil {
		t.Error("it runs with policies that are none")
	}
	p.says("guard.policies")
}
