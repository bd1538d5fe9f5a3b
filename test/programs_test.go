package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// small are the rooms that the guard's own program may have in it, and with it in its memory: types and tables of everything that is linked are
// pages of the program's file. See docs/decisions/0015-two-programs.md.
var small = []string{
	"cli/front", "cmd", "config", "detect", "fleet/bundle", "framework/assess", "framework/catalogue", "guard", "identity/audit", "identity/authz",
	"model", "policies", "strict", "whole",
}

// large are modules of others that it must not have: databases, queues, Kubernetes, what checks and carries the control plane's API, telemetry.
var large = []string{
	"buf.build", "cel.dev", "connectrpc.com", "github.com/jackc", "github.com/prometheus/client_golang", "github.com/riverqueue", "github.com/uptrace",
	"go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/otel/sdk", "k8s.io", "modernc.org", "sigs.k8s.io",
}

// linked are the packages of a program.
func linked(t *testing.T, program string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", program)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func within(pkg string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") })
}

// TestWhatTheSmallProgramHas holds bulkhead-guard to what a guard needs.
func TestWhatTheSmallProgramHas(t *testing.T) {
	own := 0
	for _, pkg := range linked(t, "./cmd/bulkhead-guard") {
		rel, is := strings.CutPrefix(pkg, module+"/")
		switch {
		case is && !within(rel, small...):
			t.Errorf("cmd/bulkhead-guard links %s, which is none of %v", rel, small)
		case is:
			own++
		case within(pkg, large...) && !within(pkg, "k8s.io/klog/v2"): // tessera's log
			t.Errorf("cmd/bulkhead-guard links %s", pkg)
		}
	}
	if own < 20 {
		t.Errorf("only %d packages of the product: the list is wrong", own)
	}
	whole := linked(t, "./cmd/bulkhead")
	for _, m := range large {
		if !slices.ContainsFunc(whole, func(pkg string) bool { return within(pkg, m) }) {
			t.Errorf("nothing has %s any more: take it out here, and put in what came in its place", m)
		}
	}
}
