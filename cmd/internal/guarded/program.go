package guarded

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
)

// Small is the name of the program that is the guard alone, and Whole that of the product, which starts it.
const (
	Small = "bulkhead-guard"
	Whole = "bulkhead"
)

// ProgramEnv tells the small program, in its environment, where the product is that became it. The small program takes it out.
const ProgramEnv = "BULKHEAD_GUARD_FOR_PROGRAM"

// BuildVersion is the version given by the linker, or that of the module for `go install`.
func BuildVersion(linked string) string {
	if linked != "dev" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return linked
}

// StartedBy takes out of this process's environment which program became this one, empty for none. That is started at an upgrade, as whoever
// runs this: so it is one that is beside this program, wherever the environment comes from.
func StartedBy() (program string, err error) {
	program, set := os.LookupEnv(ProgramEnv)
	if !set {
		return "", nil
	}
	if err := os.Unsetenv(ProgramEnv); err != nil {
		return "", fmt.Errorf("environment: %w", err)
	}
	own, err := os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return "", fmt.Errorf("where this program is: %w", err)
	}
	if filepath.Dir(program) != filepath.Dir(own) || filepath.Clean(program) != program {
		return "", fmt.Errorf("%s is set to %.200q, which is no program beside %s: it is set by `bulkhead guard docker`, and by nobody else", ProgramEnv, program, own)
	}
	return program, nil
}
