package dockerd

import (
	"fmt"
	"os"
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
  case $previous in
    --bundle) file=$arg/config.json ;;
    --process) file=$arg ;;
    *) file= ;;
  esac
  [ -z "$file" ] || sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$file"
  previous=$arg
done
exec %s "$@"
`

// Runtime lets an old engine start privileged containers on a host, itself a sandbox, that lacks a capability; newer runtimes pass over
// such a capability by themselves. It writes a runtime below dir and returns a directory to put first in the PATH that is given; empty
// where nothing is missing.
func Runtime(path, dir string) (string, error) {
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
	runc, err := lookIn(path, "runc")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil { //nolint:gosec // programs are for all
		return "", fmt.Errorf("runtime of the engine: %w", err)
	}
	if err := os.WriteFile(filepath.Join(bin, "runc"), fmt.Appendf(nil, wrapper, runc), 0o755); err != nil { //nolint:gosec // it is a program
		return "", fmt.Errorf("runtime of the engine: %w", err)
	}
	return bin, nil
}

func lookIn(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%w: no %s in %s", ErrMissing, name, path)
}
