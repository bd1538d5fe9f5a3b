package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wrapper is a runtime that takes a capability out of what is asked for.
const wrapper = `#!/bin/sh
# The host lacks CAP_SYS_RESOURCE; runc 1.1 fails to start a privileged container that asks for it.
previous=
for arg in "$@"; do
  if [ "$previous" = --bundle ]; then
    sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$arg/config.json"
  fi
  previous=$arg
done
exec %s "$@"
`

// withoutMissing lets the oldest engine start privileged containers on a host, itself a sandbox, that lacks a
// capability. Newer runtimes pass over such a capability by themselves. It returns a directory to put first in PATH.
func withoutMissing(dir string) (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", fmt.Errorf("own capabilities: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "CapBnd:")
	line, _, _ := strings.Cut(rest, "\n")
	bounding, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return "", fmt.Errorf("own capabilities: %w", err)
	}
	if bounding&(1<<unix.CAP_SYS_RESOURCE) != 0 {
		return "", nil
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return "", fmt.Errorf("runtime of the engine: %w", err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("runtime of the engine: %w", err)
	}
	if err := os.WriteFile(filepath.Join(bin, "runc"), fmt.Appendf(nil, wrapper, runc), 0o755); err != nil {
		return "", fmt.Errorf("runtime of the engine: %w", err)
	}
	return bin, nil
}
