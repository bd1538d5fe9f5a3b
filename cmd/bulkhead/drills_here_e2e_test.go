//go:build e2e

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// atGuard runs the drills of 8.1.c at a socket, and gives the results by verdict and what is left of them.
func (b *behind) atGuard(t *testing.T, socket string) (map[model.Verdict][]model.DrillResult, error) {
	t.Helper()
	report, err := (&drills{}).Here(t.Context(), nil, "8.1.c", socket, nil)
	by := map[model.Verdict][]model.DrillResult{}
	for _, r := range report.Results {
		by[r.Verdict] = append(by[r.Verdict], r)
	}
	cli, cerr := b.engine.Client()
	must(t, cerr)
	defer cli.Close()
	list, lerr := cli.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	must(t, lerr)
	if len(list.Items) > 0 {
		t.Errorf("the drills leave %d containers behind: %v", len(list.Items), list.Items[0].Names)
	}
	return by, err
}

// TestDrillsAtAGuardInUse: at a guard in front of an engine that people use, drills only ask for what is refused.
func TestDrillsAtAGuardInUse(t *testing.T) {
	developer := func(mode string) func(string, *config.Guard) {
		return func(_ string, g *config.Guard) {
			g.Mode = mode
			g.Accounts = append(g.Accounts, config.GuardAccount{Name: "tester", Tenant: "acme", Roles: []string{"developer"}, Users: []string{"0"}})
		}
	}
	load := func(b *behind) {
		cli, err := b.engine.Client()
		must(t, err)
		defer cli.Close()
		_, err = lab.Load(t.Context(), cli, lab.Image{Tag: "busybox:1"})
		must(t, err)
	}
	t.Run("enforces", func(t *testing.T) {
		b := inFront(t, developer("enforce"))
		if _, err := b.atGuard(t, b.config.Guard.Socket); err == nil || !strings.Contains(err.Error(), "pull one first") {
			t.Errorf("without an image: %v", err)
		}
		load(b)
		by, err := b.atGuard(t, b.config.Guard.Socket)
		if err != nil || len(by[model.VerdictHeld]) < 50 || len(by[model.VerdictNotProved]) > 0 || len(by[model.VerdictProved]) > 0 {
			t.Errorf("%d held, %+v: %v", len(by[model.VerdictHeld]), by[model.VerdictNotProved], err)
		}
		for _, r := range by[model.VerdictHeld] {
			if r.WithoutControl != model.AttackNotRun || !strings.Contains(r.Why, "Not shown here") {
				t.Errorf("%+v", r)
			}
		}
		for _, r := range by[model.VerdictCannotRun] {
			if !strings.Contains(r.Why, "needs a throw-away engine") {
				t.Errorf("%+v", r)
			}
		}
		if _, err := b.atGuard(t, b.engine.Socket); err == nil || !strings.Contains(err.Error(), "is not a guard's socket") {
			t.Errorf("the engine's own socket: %v", err)
		}
		if _, err := b.atGuard(t, filepath.Join(b.dir, "none")); err == nil || !strings.Contains(err.Error(), "nobody answers") {
			t.Errorf("no socket: %v", err)
		}
	})
	t.Run("observes", func(t *testing.T) {
		b := inFront(t, developer("observe"))
		load(b)
		by, err := b.atGuard(t, b.config.Guard.Socket)
		came := 0
		for _, r := range by[model.VerdictNotProved] {
			if r.WithControl == model.AttackSucceeded {
				came++
			}
		}
		if err != nil || came < 20 {
			t.Errorf("a guard that only observes let %d attacks through: %v", came, err)
		}
	})
	t.Run("a stranger", func(t *testing.T) {
		b := inFront(t, nil)
		if _, err := b.atGuard(t, b.config.Guard.Socket); err == nil || !strings.Contains(err.Error(), "knows nobody here") {
			t.Error(err)
		}
	})
}
