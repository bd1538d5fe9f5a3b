package guarded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// kept are records in memory, or why there are none.
type kept struct {
	list []model.Record
	err  error
}

func (k *kept) Append(_ context.Context, r model.Record) error {
	if k.err == nil {
		k.list = append(k.list, r)
	}
	return k.err
}

func (k *kept) Later(ctx context.Context, r model.Record) error { return k.Append(ctx, r) }

// TestModeAtReload: what is demanded of calls counts from the reload on, is recorded before and told in the status file; what is not sound, or
// can't be recorded, stays as it was.
func TestModeAtReload(t *testing.T) {
	h := stoodUp(t)
	g, log := h.g, &kept{}
	g.records, g.tenant, g.host = log, "system", "h1"
	g.at = filepath.Join(t.TempDir(), "guard.json")
	g.file = filepath.Join(t.TempDir(), "guard.yaml")
	g.status = model.GuardStatus{PID: os.Getpid(), Mode: "enforce", Engine: "/run/docker.sock", Version: "1"}
	fine(t, os.WriteFile(g.file, []byte("guard: {mode: observe}\n"), 0o600))
	c := config.Default()
	g.was = c.Guard

	c.Guard.Mode = "observe"
	fine(t, g.Rights(c, nil))
	if !g.engine.judge.Observes() {
		t.Error("the mode does not count")
	}
	if s, err := lock.ReadStatus(g.at); os.Geteuid() == 0 && (err != nil || s.Mode != "observe") {
		t.Errorf("the status says %q: %v", s.Mode, err)
	}
	if len(log.list) != 1 {
		t.Fatalf("records: %+v", log.list)
	}
	r := log.list[0]
	if r.Action != "GuardUpdate" || r.Actor != "local" || r.Resource.ID != "h1" || r.Changes["guard.mode"] != "enforce -> observe" ||
		r.Changes["file"] != g.file || r.Changes["file_owner"] == "" || len(r.Changes["file_sha256"]) != 64 || r.Changes["guard.registries"] != "" {
		t.Errorf("%+v", r)
	}
	fine(t, g.Rights(c, nil)) // nothing changed
	if len(log.list) != 1 {
		t.Errorf("%+v", log.list[1:])
	}

	// What is bad changes nothing, also beside what is good.
	for why, change := range map[string]func(*config.Guard){
		"no action":             func(g *config.Guard) { g.FourEyes = []string{"ContainerExecute"} },
		"without a control pla": func(g *config.Guard) { g.StepUp = []string{"ContainerExec"} },
	} {
		bad := config.Default()
		change(&bad.Guard)
		if err := g.Rights(bad, nil); err == nil || !strings.Contains(err.Error(), why) || !g.engine.judge.Observes() {
			t.Errorf("%s: %v", why, err)
		}
	}
	log.err = errors.New("the disk is full")
	if err := g.Rights(config.Default(), nil); err == nil || !strings.Contains(err.Error(), "stay as they were") || !g.engine.judge.Observes() {
		t.Errorf("without a record: %v", err)
	}
	log.err = nil
	fine(t, g.Rights(config.Default(), nil)) // the same again, when the log is there
	if g.engine.judge.Observes() || len(log.list) != 2 {
		t.Errorf("%+v", log.list)
	}
	c.Guard.Profile, c.Guard.Harden.PIDs = "restricted", 100
	if got := g.later(&c.Guard); len(got) != 2 || got[0] != "guard.harden" || got[1] != "guard.profile" {
		t.Errorf("what takes a start: %v", got)
	}
}

// A configuration that came through a pipe is named, and nobody waits at the pipe for what was in it.
func TestOfAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := ofFile(pipe); said["file"] != pipe || len(said) != 1 {
		t.Errorf("%v", said)
	}
}
