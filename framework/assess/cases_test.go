package assess

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

var update = flag.Bool("update", false, "rewrite the expected statuses in testdata/cases")

// caseExpected is expected.yaml of a case: the status of every requirement, and of the checks that the case is about.
type caseExpected struct {
	Requirements map[string]string `yaml:"requirements"`
	Checks       map[string]string `yaml:"checks"`
}

// TestCases assesses recorded snapshots. Each file of testdata/cases holds snapshot.json, expected.yaml and, where
// the defaults do not fit, settings.yaml; with -update the statuses are rewritten, and the list of checks stays as it is.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	cat := load(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, cat, file) })
	}
}

func runCase(t *testing.T, cat *catalogue.Catalogue, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]*txtar.File{}
	for i := range ar.Files {
		parts[ar.Files[i].Name] = &ar.Files[i]
	}
	if parts["snapshot.json"] == nil || parts["expected.yaml"] == nil {
		t.Fatal("a case needs snapshot.json and expected.yaml")
	}
	var snap model.Snapshot
	dec := json.NewDecoder(bytes.NewReader(parts["snapshot.json"].Data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&snap); err != nil {
		t.Fatalf("snapshot.json: %v", err)
	}
	var want caseExpected
	if err := yaml.UnmarshalWithOptions(parts["expected.yaml"].Data, &want, yaml.Strict()); err != nil {
		t.Fatalf("expected.yaml: %v", err)
	}
	set := DefaultSettings()
	if f := parts["settings.yaml"]; f != nil {
		if err := yaml.UnmarshalWithOptions(f.Data, &set, yaml.Strict()); err != nil {
			t.Fatalf("settings.yaml: %v", err)
		}
	}
	a := Run(cat, &snap, set)
	if *update {
		parts["expected.yaml"].Data = []byte(expectedOf(a, want.Checks))
		if err := os.WriteFile(file, txtar.Format(ar), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	compareCase(t, a, want)
}

func compareCase(t *testing.T, a model.Assessment, want caseExpected) {
	seen := map[string]bool{}
	for _, r := range a.Requirements {
		if got := string(r.Status); got != want.Requirements[r.ID] {
			t.Errorf("%s is %s, want %s: %s", r.ID, got, want.Requirements[r.ID], r.Reason)
		}
		for _, c := range r.Checks {
			seen[c.ID] = true
			if w, ok := want.Checks[c.ID]; ok && w != string(c.Status) {
				t.Errorf("%s is %s, want %s", c.ID, c.Status, w)
				for _, e := range c.Evidence {
					t.Logf("  %s %s %s: %s", e.Status, e.Pointer, e.Subject, e.Text)
				}
			}
		}
	}
	for id := range want.Checks {
		if !seen[id] {
			t.Errorf("there is no check %s", id)
		}
	}
}

// expectedOf writes expected.yaml in the order of the report.
func expectedOf(a model.Assessment, chosen map[string]string) string {
	var reqs, checks strings.Builder
	for _, r := range a.Requirements {
		fmt.Fprintf(&reqs, "  %s: %s\n", r.ID, r.Status)
		for _, c := range r.Checks {
			if _, ok := chosen[c.ID]; ok {
				fmt.Fprintf(&checks, "  %s: %s\n", c.ID, c.Status)
			}
		}
	}
	return "requirements:\n" + reqs.String() + "checks:\n" + checks.String()
}
