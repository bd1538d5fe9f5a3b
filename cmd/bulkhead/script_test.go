package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain runs this test's own binary as `bulkhead` in the transcripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bulkhead": main})
}

// TestTranscripts runs the command line as written down in testdata: what is typed, what comes back, how it ends.
func TestTranscripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("COLUMNS", "80")
			return nil
		},
	})
}
