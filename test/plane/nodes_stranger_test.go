//go:build e2e

package plane

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStrangerJoinsNode goes the way of docs/nodes.md and docs/agent.md with a real agent: join, look, stop, start.
func TestStrangerJoinsNode(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t)
	m := newMachine(t, "web-1")
	if r := m.run("status"); r.code == 0 {
		t.Errorf("the status of an agent that never was: %+v", r)
	}
	if r := m.run(); r.code == 0 || !strings.Contains(r.stderr, "nodes join-token") {
		t.Errorf("an agent that has not joined says %+v", r)
	}
	args := admin.joinArgs("web-1", "--label", "rack=7")
	m.start(args...)
	n := admin.assessed(m)
	if n.Pool != "default" || n.Labels["rack"] != "7" || !strings.HasPrefix(n.SPIFFE, "spiffe://bulkhead-") || len(n.Statuses) != 29 {
		t.Errorf("the node is %+v", n)
	}
	seenOnTheCommandLine(t, admin, n)
	factsAreASnapshot(t, admin)
	wellAndNot(t, m)

	m.stop()
	if n = admin.node("web-1"); n.Health != "stopped" || n.HealthReason != "said so" {
		t.Errorf("as soon as the agent has ended: %s (%s)", n.Health, n.HealthReason)
	}
	contains(t, "the list", admin.must("nodes", "list", "--tenant", "acme"), "stopped (said so)")
	admin.told(soon, "web-1", "stopped", "stops")
	if r := m.run("doctor"); !strings.Contains(r.stdout, "missing  process ") {
		t.Errorf("the doctor does not see that no agent runs:\n%s", r.stdout)
	}
	if r := m.run("status"); r.code != 2 {
		t.Errorf("agent status of one that does not run ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}

	m.start() // what it was given is kept
	admin.health(30*time.Second, "web-1", "up", "")
	admin.told(soon, "web-1", "back", "stopped")
	if got := len(admin.events("web-1", "joined")); got != 1 {
		t.Errorf("it joined %d times", got)
	}
}

func seenOnTheCommandLine(t *testing.T, admin *person, n nodeSeen) {
	contains(t, "the list", admin.must("nodes", "list", "--tenant", "acme"), "web-1", "default", "up", n.ID)
	contains(t, "the node", admin.must("nodes", "get", "web-1", "--tenant", "acme"), "rack=7", "up", n.SPIFFE)
	admin.agrees("the tenant's status", func() {}, "status", "--tenant", "acme")
	open := admin.findings("web-1", "")
	if len(open) == 0 {
		t.Error("a host without an engine has no finding")
	}
	for _, f := range open {
		if f.Source == "node" {
			t.Errorf("the agent found %+v", f)
		}
	}
}

// factsAreASnapshot gives what the node said of itself to `assess --from`, which finds what the server found.
func factsAreASnapshot(t *testing.T, admin *person) {
	file := filepath.Join(admin.home, "web-1.json")
	snapshot := admin.must("nodes", "facts", "web-1", "--tenant", "acme", "-o", "json")
	var s struct {
		Engine any
		Gaps   []struct{ Path, Reason, Detail string }
	}
	if err := json.Unmarshal([]byte(snapshot), &s); err != nil {
		t.Fatal(err)
	}
	if told := fmt.Sprint(s.Gaps); s.Engine == nil && !strings.Contains(told, "/engine") {
		t.Errorf("there is no engine, and no gap says so: %s", told)
	}
	admin.agrees("what is assessed from the facts", func() {
		snapshot := admin.must("nodes", "facts", "web-1", "--tenant", "acme", "-o", "json")
		if err := os.WriteFile(file, []byte(snapshot), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "assess", "--from", file)
}

// agrees compares what a command says of each requirement with the status of the node, which may change meanwhile.
func (p *person) agrees(what string, prepare func(), args ...string) {
	p.t.Helper()
	p.within(time.Minute, what+" as that of the only node", func() error {
		var found struct {
			Requirements []struct{ ID, Status string }
		}
		prepare()
		p.ask(&found, args...)
		n := p.node("web-1")
		if len(found.Requirements) != 29 {
			p.t.Fatalf("%s has %d requirements", what, len(found.Requirements))
		}
		for _, r := range found.Requirements {
			if r.Status != n.Statuses[r.ID] {
				return fmt.Errorf("%s is %q there and %q at the node", r.ID, r.Status, n.Statuses[r.ID])
			}
		}
		return nil
	})
}

func wellAndNot(t *testing.T, m *machine) {
	s := m.status()
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && (!s.Connected || s.Policies == 0 || s.Assignment == 0); s = m.status() {
		time.Sleep(100 * time.Millisecond) // it has only just begun
	}
	if !s.Running || !s.Connected || s.Policies == 0 || s.Assignment == 0 || s.Pool != "default" || s.Labels["rack"] != "7" ||
		s.Error != "" || len(s.Refused) > 0 {
		t.Errorf("agent status: %+v", s)
	}
	if r := m.run("doctor"); r.code != 0 || !strings.Contains(r.stdout, "works    identity") || strings.Contains(r.stdout, "MISSING") {
		t.Errorf("agent doctor ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := m.run(); r.code == 0 || !strings.Contains(r.stderr, "another agent runs") {
		t.Errorf("a second agent on the same directory: %+v", r)
	}
	other := newMachine(t, "nobody")
	if r := other.run("doctor"); r.code != 2 || !strings.Contains(r.stdout, "MISSING  identity") {
		t.Errorf("agent doctor of a machine that has not joined ended with %d:\n%s", r.code, r.stdout)
	}
}

// TestConfiguredFleet changes what is configuration on the command line and by files, and sees it reach a real agent.
func TestConfiguredFleet(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t)
	m := newMachine(t, "web-1")
	n := admin.join(m)
	acme := func(args ...string) { t.Helper(); admin.must(append(args, "--tenant", "acme")...) }
	reaches := func(what string, is func() error) { t.Helper(); admin.within(soon, what, is) }

	for _, step := range []struct {
		verb              string
		cordoned, drained bool
	}{{"cordon", true, false}, {"drain", true, true}, {"uncordon", false, false}} {
		acme("nodes", step.verb, "web-1")
		reaches(step.verb, func() error {
			if s := m.status(); s.Cordoned != step.cordoned || s.Drained != step.drained {
				return fmt.Errorf("cordoned %t, drained %t", s.Cordoned, s.Drained)
			}
			return nil
		})
	}
	acme("pools", "create", "edge", "--collect-every", "17s", "--assess", writeFile(t, "assess.yaml", "max_image_age_days: 30\n"))
	acme("nodes", "update", "web-1", "--pool", "edge", "--label", "rack=9", "--sensitivity", "confidential")
	reaches("pool, labels and settings", func() error {
		if s := m.status(); s.Pool != "edge" || s.Labels["rack"] != "9" || s.Sensitivity != "confidential" || s.CollectEvery != "17s" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	acme("pools", "update", "edge", "--collect-every", "19s")
	reaches("changed settings", func() error {
		if s := m.status(); s.CollectEvery != "19s" {
			return errors.New(s.CollectEvery)
		}
		return nil
	})
	if r := admin.run("nodes", "delete", "web-1", "--tenant", "acme", "--yes"); r.code == 0 {
		t.Error("a node that is not revoked was deleted")
	}
	exceptionShows(t, admin, n)
	appliedFromFiles(t, admin, m)
}

// exceptionShows makes an exception for something that fails, and looks for it at the finding.
func exceptionShows(t *testing.T, admin *person, n nodeSeen) {
	open := func(kind string) []fleetFinding {
		return slices.DeleteFunc(admin.findings(n.Name, kind), func(f fleetFinding) bool {
			return !f.Over.IsZero() || strings.Contains(f.Kind, "process") // those come and go
		})
	}
	all := open("")
	if len(all) == 0 {
		t.Fatal("nothing fails on the node")
	}
	before := admin.node(n.Name).Statuses[all[0].Requirement]
	admin.must("exceptions", "create", all[0].Kind, "--tenant", "acme", "--node", n.Name, "--owner", "alice", "--reason", "until the move",
		"--expires", time.Now().AddDate(0, 1, 0).UTC().Format("2006-01-02"))
	admin.within(time.Minute, "excepted", func() error {
		for _, f := range open(all[0].Kind) {
			if f.Exception == "" {
				return fmt.Errorf("%+v", f)
			}
		}
		return nil
	})
	if now := admin.node(n.Name).Statuses[all[0].Requirement]; now != before {
		t.Errorf("an exception changed the status of %s from %s to %s", all[0].Requirement, before, now)
	}
}

// appliedFromFiles applies the example that the documentation has.
func appliedFromFiles(t *testing.T, admin *person, m *machine) {
	example := filepath.Join(admin.home, "apply")
	if err := os.CopyFS(example, os.DirFS("../../docs/examples/apply")); err != nil {
		t.Fatal(err)
	}
	late := writeFile(t, "late.yaml", "apiVersion: bulkhead/v1\nkind: Exception\nmetadata: {tenant: acme}\n"+
		"spec: {check: 8.1.c, owner: jo, reason: r, expires: 2099-01-01}\n")
	if r := admin.run("apply", "-f", late, "--dry-run"); r.code != 1 || !strings.Contains(r.stderr, "more than 366 days ahead") {
		t.Errorf("a dry run of what the server refuses ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	before := m.status()
	if r := admin.run("apply", "-f", example, "--dry-run"); r.code != 2 {
		t.Fatalf("a dry run with differences ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if now := m.status(); now.Pool != "edge" {
		t.Errorf("a dry run moved the node to the pool %s", now.Pool)
	}
	admin.must("apply", "-f", example, "--yes")
	if r := admin.run("apply", "-f", example, "--dry-run"); r.code != 0 {
		t.Errorf("a dry run after it was applied ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
	admin.within(soon, "what was applied is at the agent", func() error {
		if s := m.status(); s.Pool != "web" || s.Labels["rack"] != "a1" || s.Sensitivity != "confidential" || s.CollectEvery != "30s" || s.Policies <= before.Policies {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	contains(t, "the exceptions", admin.must("exceptions", "list", "--tenant", "acme"), "8.1.c/socket-mode")
	contains(t, "the policies", admin.must("policy", "get", "--tenant", "acme"), "owners-have-passkeys")
}
