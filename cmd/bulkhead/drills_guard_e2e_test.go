//go:build e2e

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestDrillsProveTheGuard runs every drill on an engine, on the oldest engine and on the newest: through the guard, and past it.
func TestDrillsProveTheGuard(t *testing.T) {
	out, err := exec.Command("../../scripts/engine-current").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, bin := range map[string]string{"debian": "", "current": strings.TrimSpace(string(out))} {
		t.Run(name, func(t *testing.T) {
			dir := fmt.Sprintf("/tmp/d%02x", os.Getpid()%256) // short, since sockets lie below it
			if err := os.Mkdir(dir, 0o711); err != nil {      // the attacker goes through it
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			t.Setenv("TMPDIR", dir)
			d := &drills{}
			proved := 0
			report, err := d.Run(t.Context(), nil, "8.1.c", bin, func(r model.DrillResult, done, all int) {
				if r.Verdict == model.VerdictProved {
					proved++
					return
				}
				t.Errorf("[%d/%d] %s: %s (%s without, %s with): %s", done, all, r.ID, r.Verdict, r.WithoutControl, r.WithControl, r.Why)
			})
			if err != nil || len(report.Results) < 45 {
				t.Errorf("%d results: %v", len(report.Results), err)
			}
			t.Logf("%d of %d are proved", proved, len(report.Results))
			if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
				t.Errorf("the drills leave behind: %v %v", left, err)
			}
		})
	}
}
