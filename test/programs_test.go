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
	"model", "policies", "strict",
}

// large are modules of others that it must not have: databases, queues, Kubernetes, the control plane's API, what reads images.
var large = []string{
	"connectrpc.com", "github.com/google/cel-go", "github.com/google/go-containerregistry", "github.com/google/osv-scalibr", "github.com/jackc/pgx",
	"github.com/riverqueue", "github.com/sigstore", "github.com/uptrace/bun", "github.com/distribution/distribution", "k8s.io", "modernc.org", "sigs.k8s.io",
}

// TestWhatTheSmallProgramHas holds bulkhead-guard to what a guard needs.
func TestWhatTheSmallProgramHas(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/bulkhead-guard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	within := func(pkg string, rooms []string) bool {
		return slices.ContainsFunc(rooms, func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") })
	}
	own := 0
	for pkg := range strings.FieldsSeq(string(out)) {
		rel, is := strings.CutPrefix(pkg, module+"/")
		switch {
		case is && !within(rel, small):
			t.Errorf("cmd/bulkhead-guard links %s, which is none of %v", rel, small)
		case is:
			own++
		case within(pkg, large) && !within(pkg, []string{"k8s.io/klog/v2"}): // tessera's log
			t.Errorf("cmd/bulkhead-guard links %s", pkg)
		}
	}
	if own < 20 {
		t.Errorf("only %d packages of the product: the list is wrong", own)
	}
}
