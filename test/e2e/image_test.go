//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestContainerImage builds the control plane's image with a real engine and runs it as it is meant to run: as nobody, with no
// capabilities, no network and a read-only root. It comes up, and what it wrote is on its volume.
func TestContainerImage(t *testing.T) {
	e, _ := engine(t, lab.Debian)
	docker := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "docker", args...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+e.Socket, "DOCKER_BUILDKIT=0")
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := docker(args...)
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	// What `make image` sends, with the programs that are tested.
	root := t.TempDir()
	for _, p := range []string{"bin/bulkhead", "bin/bulkhead-guard", "deploy/image/Dockerfile", "deploy/image/data/.keep"} {
		from := filepath.Join("../..", p)
		if filepath.Dir(p) == "bin" {
			from = filepath.Join(filepath.Dir(binary(t)), filepath.Base(p))
		}
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, p)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, p), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	must("build", "-q", "-f", filepath.Join(root, "deploy/image/Dockerfile"), "-t", "bulkhead:test", root)
	must("run", "-d", "--name", "plane", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none",
		"--tmpfs", "/tmp", "-v", "plane-data:/data", "bulkhead:test")
	var log string
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		log, _ = docker("logs", "plane")
		if strings.Contains(log, "/enrol#code=") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it did not come up:\n%s", log)
		}
	}
	if !strings.Contains(log, "/data/bulkhead/bulkhead.db") {
		t.Errorf("its data is somewhere else:\n%s", log)
	}
	if out := must("exec", "plane", "/bulkhead", "version"); !strings.Contains(out, "bulkhead") {
		t.Errorf("got %s", out)
	}
	must("stop", "-t", "30", "plane")
	if code := must("inspect", "-f", "{{.State.ExitCode}}", "plane"); code != "0" {
		log, _ = docker("logs", "plane")
		t.Errorf("it ended with %s:\n%s", code, log)
	}
}
