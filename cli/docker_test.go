package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// fakeLock says what it is told to.
type fakeLock struct {
	plan     lock.Plan
	status   lock.Status
	err      error
	by       string
	unlocked int
	notes    []string
}

func (f *fakeLock) Plan(context.Context) (*lock.Plan, error) { return &f.plan, f.err }

func (f *fakeLock) Lock(_ context.Context, by string) (*lock.Plan, error) {
	f.by = by
	return &f.plan, f.err
}

func (f *fakeLock) Unlock(context.Context, string) (bool, []string, error) {
	f.unlocked++
	return f.unlocked == 1, f.notes, f.err
}

func (f *fakeLock) Status(context.Context) (*lock.Status, error) { return &f.status, f.err }

func runDocker(t *testing.T, f *fakeLock, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &App{
		EngineLock: func(config.Config) (EngineLock, error) { return f, nil },
		In:         strings.NewReader(""), Out: &o, Err: &e, Environ: []string{"SUDO_USER=ada"},
	}
	code = a.Run(t.Context(), append([]string{"docker"}, args...))
	return code, o.String(), e.String()
}

func planned() lock.Plan {
	return lock.Plan{
		Schema:   lock.PlanSchema,
		Sockets:  []lock.PlannedSocket{{Engine: "docker", Path: "/run/docker.sock", Now: "0660 root:docker", Then: "0600 root:root", KeptBy: "/etc/docker/daemon.json"}},
		Files:    []lock.PlannedFile{{Path: "/etc/docker/daemon.json", Why: "it is read", Before: "{}", After: `{"group":"root"}`}},
		Warnings: []string{"the group docker reaches it"}, Restart: []string{"dockerd listens on 0.0.0.0:2375"},
	}
}

func TestDockerLock(t *testing.T) {
	f := &fakeLock{plan: planned()}
	code, out, _ := runDocker(t, f, "lock", "--dry-run")
	for _, want := range []string{"/run/docker.sock", "0600 root:root", `+ {"group":"root"}`, "- {}", "the group docker reaches it", "0.0.0.0:2375"} {
		if !strings.Contains(out, want) {
			t.Errorf("the preview lacks %q:\n%s", want, out)
		}
	}
	if code != ExitOK || f.by != "" {
		t.Errorf("exit %d, locked by %q", code, f.by)
	}
	code, out, _ = runDocker(t, f, "lock", "--dry-run", "-o", "json")
	var p lock.Plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != ExitOK || p.Sockets[0].Then != "0600 root:root" {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
	if code, _, errs := runDocker(t, f, "lock"); code != ExitError || !strings.Contains(errs, "--yes") || f.by != "" {
		t.Errorf("without a terminal: exit %d, %q, locked by %q", code, errs, f.by)
	}
	if code, out, _ := runDocker(t, f, "lock", "--yes"); code != ExitOK || !strings.Contains(f.by, "ada (claimed by SUDO_USER)") || !strings.Contains(out, "Locked.") {
		t.Errorf("exit %d, locked by %q: %s", code, f.by, out)
	}
}

func TestDockerLockRefused(t *testing.T) {
	f := &fakeLock{plan: planned()}
	f.plan.Refused = []string{"the guard does not run"}
	for _, args := range [][]string{{"lock", "--yes"}, {"lock", "--dry-run"}, {"lock", "--yes", "-o", "json"}, {"lock", "--dry-run", "-o", "json"}} {
		code, out, errs := runDocker(t, f, args...)
		if code != ExitNo || !strings.Contains(errs, "the guard does not run") || !strings.Contains(out, "the guard does not run") || f.by != "" {
			t.Errorf("%v: exit %d, locked by %q\n%s\n%s", args, code, f.by, out, errs)
		}
	}
	f = &fakeLock{plan: planned(), err: &lock.Refusal{Why: []string{"it went meanwhile"}}}
	if code, _, errs := runDocker(t, f, "lock", "--yes"); code == ExitOK || !strings.Contains(errs, "it went meanwhile") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestDockerUnlock(t *testing.T) {
	f := &fakeLock{notes: []string{"daemon.json was changed"}}
	if code, _, errs := runDocker(t, f, "unlock"); code != ExitError || !strings.Contains(errs, "--yes") || f.unlocked > 0 {
		t.Errorf("without a terminal: exit %d, %q", code, errs)
	}
	if code, out, _ := runDocker(t, f, "unlock", "--yes"); code != ExitOK || !strings.Contains(out, "daemon.json was changed") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out, _ := runDocker(t, f, "unlock", "--yes"); code != ExitOK || !strings.Contains(out, "Nothing was locked") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out, _ := runDocker(t, &fakeLock{}, "unlock", "-y", "-o", "json"); code != ExitOK || !strings.Contains(out, `"notes": []`) || !strings.Contains(out, `"unlocked": true`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, errs := runDocker(t, &fakeLock{err: errors.New("the disk is full")}, "unlock", "-y"); code != ExitError || !strings.Contains(errs, "the disk is full") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestDockerStatus(t *testing.T) {
	good := lock.Status{
		Schema: lock.StatusSchema, Locked: true, Phase: "locked", Since: time.Unix(1e9, 0), By: "ada (claimed by SUDO_USER)",
		Guard:   &model.GuardStatus{PID: 7, Mode: model.ModeEnforce, Profile: "baseline", Engine: "/run/docker.sock"},
		Sockets: []lock.SocketStatus{{Engine: "docker", Path: "/run/docker.sock", Now: "0600 root:root", Was: "0660 root:docker"}, {Path: "/run/gone.sock", Was: "0600 root:root"}},
	}
	for name, c := range map[string]struct {
		change func(s *lock.Status)
		code   int
		says   []string
	}{
		"good":       {func(*lock.Status) {}, ExitOK, []string{"Locked since", "ada", "pid 7", "0660 root:docker", "not there"}},
		"not locked": {func(s *lock.Status) { s.Locked, s.Phase = false, "" }, ExitNo, []string{"Not locked."}},
		"half":       {func(s *lock.Status) { s.Locked, s.Phase = false, "locking" }, ExitNo, []string{"Half way: locking"}},
		"no guard":   {func(s *lock.Status) { s.Guard, s.NoGuard = nil, "the guard does not run" }, ExitNo, []string{"The guard does not run."}},
		"a problem": {func(s *lock.Status) {
			s.Problems = []lock.Problem{{Kind: model.FindingSocketOpen, Severity: model.Critical, Text: model.Text{EN: "it is\x1b[31m open"}, Remedy: "close it"}}
		}, ExitNo, []string{"guard/socket-open (critical)", "close it"}},
		"blind": {func(s *lock.Status) { s.Blind = []string{"3 processes"} }, ExitOK, []string{"3 processes"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeLock{status: good}
			c.change(&f.status)
			code, out, _ := runDocker(t, f, "status")
			if code != c.code || strings.Contains(out, "\x1b") {
				t.Errorf("exit %d: %q", code, out)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			code, out, _ = runDocker(t, f, "status", "-o", "json")
			var s lock.Status
			if err := json.Unmarshal([]byte(out), &s); err != nil || code != c.code || s.Locked != f.status.Locked {
				t.Errorf("exit %d, %v: %s", code, err, out)
			}
		})
	}
}
