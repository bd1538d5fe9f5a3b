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

// What the product says to the small program in its environment: of which version it is itself, and where. The small program takes it out.
const (
	VersionEnv = "BULKHEAD_GUARD_FOR_VERSION"
	ProgramEnv = "BULKHEAD_GUARD_FOR_PROGRAM"
)

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

// StartedBy takes out of this process's environment which program became this one, empty for none, and refuses another version than its own:
// files of an installation that is half done, or was copied by hand, must not be two programs in one guard.
func StartedBy(version string) (program string, err error) {
	wanted, program := os.Getenv(VersionEnv), os.Getenv(ProgramEnv)
	for _, name := range []string{VersionEnv, ProgramEnv} {
		if err := os.Unsetenv(name); err != nil {
			return "", fmt.Errorf("environment: %w", err)
		}
	}
	if program == "" && wanted == "" {
		return "", nil
	}
	if !filepath.IsAbs(program) {
		return "", fmt.Errorf("%s is set to %.200q, which is no program: it is set by `bulkhead guard docker`, and by nobody else", ProgramEnv, program)
	}
	if wanted != version {
		self, err := os.Executable()
		if err != nil {
			self = Small
		}
		return "", fmt.Errorf("%s is of version %.100s, and %s, which started it, of version %.100s: install both of one version; "+
			"without the first, the second runs the guard itself", self, version, program, wanted)
	}
	return program, nil
}
