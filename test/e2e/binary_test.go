//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// overall is the time within which the product answers, whatever it meets; slack is for a busy machine.
const (
	overall = 15 * time.Second
	slack   = 30 * time.Second
)

// binary is the product as built by `make build`.
func binary(t *testing.T) string {
	t.Helper()
	bin := os.Getenv("BULKHEAD_BIN")
	if bin == "" {
		bin = "../../bin/bulkhead"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("no binary: run make build, or set BULKHEAD_BIN: %v", err)
	}
	return bin
}

// answer is what a run of the product gave.
type answer struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// run runs a command to its end. A command that does not end in time fails the test.
func run(t *testing.T, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), overall+slack)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v did not end within %s: %s", args, overall+slack, &errs)
	}
	if cmd.ProcessState == nil {
		t.Fatalf("%v: %v", args, err)
	}
	return answer{out.String(), errs.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// assess runs `bulkhead assess` and reads its JSON.
func assess(t *testing.T, prefix []string, args ...string) model.Assessment {
	t.Helper()
	all := append(append([]string{}, prefix...), binary(t), "assess", "-o", "json")
	a := run(t, append(all, args...)...)
	if a.code != 0 {
		t.Fatalf("assess ended with %d: %s", a.code, a.stderr)
	}
	var res model.Assessment
	if err := json.Unmarshal([]byte(a.stdout), &res); err != nil {
		t.Fatalf("assess wrote no JSON: %v", err)
	}
	if res.Schema != model.AssessmentSchema || len(res.Requirements) != 29 {
		t.Fatalf("schema %q with %d requirements", res.Schema, len(res.Requirements))
	}
	return res
}

// engine starts an engine in a network namespace of its own and returns it with the prefix that runs a command there.
func engine(t *testing.T, kind lab.Kind) (*lab.Engine, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // building the current engine takes minutes
	defer cancel()
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Dir: t.TempDir(), Private: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return e, []string{"nsenter", "--target", strconv.Itoa(e.PID()), "--net", "--"}
}

func check(t *testing.T, a model.Assessment, id string) model.CheckResult {
	t.Helper()
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			if c.ID == id {
				return c
			}
		}
	}
	t.Fatalf("there is no check %q", id)
	return model.CheckResult{}
}
