//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSavedSnapshotGivesTheSameAnswer saves this host's facts and assesses them again, from a file and from a pipe.
func TestSavedSnapshotGivesTheSameAnswer(t *testing.T) {
	dir := t.TempDir()
	saved := filepath.Join(dir, "snap.json")
	live := run(t, binary(t), "assess", "-o", "json", "--save", saved)
	if live.code != 0 {
		t.Fatal(live.stderr)
	}
	info, err := os.Stat(saved)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the snapshot has mode %v, %v", info.Mode(), err)
	}
	again := run(t, binary(t), "assess", "-o", "json", "--from", saved)
	if live.stdout != again.stdout {
		t.Error("the saved snapshot gives another answer")
	}
	body, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), "assess", "-o", "json", "--from", "-")
	cmd.Stdin = bytes.NewReader(body)
	cmd.Env = []string{"HOME=" + dir}
	piped, err := cmd.Output()
	if err != nil || string(piped) != live.stdout {
		t.Errorf("the piped snapshot gives another answer: %v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("files were left behind: %v %v", list, err)
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, body string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := file("good.json", `{"schema":"bulkhead.snapshot/v1","node":{"name":"n","uid":0},"taken":"2026-01-02T03:04:05Z"}`)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"corrupt":        {[]string{"--from", file("corrupt.json", `{"schema":"bulkhead.snapshot/v1","node":{`)}, "cut short"},
		"future":         {[]string{"--from", file("future.json", `{"schema":"bulkhead.snapshot/v9","x":1}`)}, "version v9"},
		"another":        {[]string{"--from", file("other.json", `{"schema":"something/v1"}`)}, "expected"},
		"empty":          {[]string{"--from", file("empty.json", "")}, "empty"},
		"missing":        {[]string{"--from", filepath.Join(dir, "nothing.json")}, "no such file"},
		"directory":      {[]string{"--from", dir}, "directory"},
		"unwritable out": {[]string{"--from", good, "--out", "/proc/nothing/report.txt"}, "write /proc/nothing/report.txt"},
		"out is a dir":   {[]string{"--from", good, "--out", dir}, "is a directory"},
		"unwritable save": {
			[]string{"--from", good, "--save", "/nonexistent/dir/s.json"},
			"write /nonexistent/dir/s.json",
		},
		"full disk":        {[]string{"--from", good, "--out", "/dev/full"}, "no space left"},
		"unknown id":       {[]string{"--from", good, "--explain", "9.9.z"}, "9.9.z"},
		"bad format":       {[]string{"--from", good, "-o", "xml"}, "xml"},
		"bad fail-on":      {[]string{"--from", good, "--fail-on", "maybe"}, "maybe"},
		"unknown flag":     {[]string{"--form", good}, "--form"},
		"configuration":    {[]string{"--from", good, "--config", file("c.yaml", "collect:\n  timout: 3s\n")}, "timeout"},
		"diff, one broken": {[]string{"diff", good, file("c2.json", "{")}, "c2.json"},
	} {
		t.Run(name, func(t *testing.T) {
			a := run(t, append([]string{binary(t), "assess"}, c.args...)...)
			if a.code != 1 || !strings.Contains(a.stderr, c.want) || strings.Contains(a.stderr, "panic") {
				t.Errorf("ended with %d, said %q; want 1 and %q", a.code, a.stderr, c.want)
			}
		})
	}
}

// TestFullDisk: a report that does not fit leaves the older one alone.
func TestFullDisk(t *testing.T) {
	dir := shortDir(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("small file system: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	old := filepath.Join(dir, "report.html")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := run(t, binary(t), "assess", "-o", "html", "--out", old)
	body, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	if a.code != 1 || !strings.Contains(a.stderr, "no space left") || string(body) != "old" {
		t.Errorf("ended with %d (%q), the old report is now %d bytes", a.code, a.stderr, len(body))
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("files were left behind: %v %v", list, err)
	}
}

func TestFailOn(t *testing.T) {
	// No part of the product enforces anything on this host, so something of clause 8 is not met in full.
	a := run(t, binary(t), "assess", "--fail-on", "should")
	if a.code != 2 || !strings.Contains(a.stderr, "--fail-on should") {
		t.Errorf("ended with %d: %s", a.code, a.stderr)
	}
}
