package guarded

import (
	"os"
	"strings"
	"testing"
)

// TestStartedBy: what the product says to the small program is not left for what that starts, and another version is refused.
func TestStartedBy(t *testing.T) {
	for _, c := range []struct{ version, program, want, fails string }{
		{"", "", "", ""},
		{"1.2", "/usr/bin/bulkhead", "/usr/bin/bulkhead", ""},
		{"1.3", "/usr/bin/bulkhead", "", "version 1.3"},
		{"", "/usr/bin/bulkhead", "", "install both"},
		{"1.2", "", "", "no program"},
		{"1.2", "bulkhead", "", "no program"},
	} {
		t.Setenv(VersionEnv, c.version)
		t.Setenv(ProgramEnv, c.program)
		got, err := StartedBy("1.2")
		if got != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%+v: %q %v", c, got, err)
		}
		for _, name := range []string{VersionEnv, ProgramEnv} {
			if _, is := os.LookupEnv(name); is {
				t.Errorf("%+v: %s stays", c, name)
			}
		}
	}
}
