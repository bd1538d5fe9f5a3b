package guarded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartedBy: what the product says to the small program is not left for what that starts, and names nothing but a program beside it.
func TestStartedBy(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := StartedBy(); got != "" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	beside := filepath.Join(filepath.Dir(own), Whole)
	for program, good := range map[string]bool{
		beside: true, "": false, Whole: false, "/home/u/x": false, filepath.Dir(own) + "/../x": false, filepath.Dir(own) + "/./" + Whole: false,
	} {
		t.Setenv(ProgramEnv, program)
		got, err := StartedBy()
		if (err == nil) != good || good && got != program || !good && !strings.Contains(err.Error(), "no program beside") {
			t.Errorf("%q: %q %v", program, got, err)
		}
		if _, is := os.LookupEnv(ProgramEnv); is {
			t.Errorf("%q stays", program)
		}
	}
}
