package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// endShims ends the containers of an engine that could not be emptied. A shim names the engine's containerd socket,
// which lies below dir, in its arguments; its children are the containers' first processes, whose end ends the rest.
func endShims(dir string) {
	for _, pid := range shimsBelow(dir) {
		end(pid, startTime(pid))
	}
}

// shimsBelow are the shims of an engine, each after its children.
func shimsBelow(dir string) []int {
	var out []int
	for _, pid := range pids() {
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil || !bytes.Contains(args, []byte("containerd-shim")) || !bytes.Contains(args, []byte("\x00"+dir+"/")) {
			continue
		}
		out = append(append(out, childrenOf(pid)...), pid)
	}
	return out
}

func childrenOf(parent int) []int {
	var out []int
	for _, pid := range pids() {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); ok && len(f) > 1 && f[1] == strconv.Itoa(parent) {
			out = append(out, pid)
		}
	}
	return out
}

func pids() []int {
	list, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range list {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, pid)
		}
	}
	return out
}
