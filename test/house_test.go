// Package test holds the rules of the house as tests, and fixtures that packages share.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bulkhead-security/bulkhead"

// layer orders the rooms of the house: a package may import lower layers only, and of its own layer nothing but what is
// below itself or listed in allowedSiblings. See docs/decisions/0001-house.md.
var layers = []struct {
	name  string
	rooms []string
}{
	{"model", []string{"model", "proto"}}, // proto is generated
	{"pure", []string{"framework", "detect", "policies", "identity/authz", "fleet", "strict", "guard/route", "guard/call", "guard/workload", "guard/solve", "guard/judge", "guard/approvals", "guard/calls", "guard/lasting"}},
	{"wires", []string{"deliver", "whole"}}, // what adapters send and write with
	{"adapters", []string{
		"config", "guard", "host", "image", "network", "orchestrator",
		"identity/authn", "identity/audit", "identity/pki", "control/store", "control/alarm",
	}},
	{"services", []string{"agent", "cli", "drill", "control/gate", "control/api", "control/pages", "control/console", "control/server", "control/fleet", "control/reports"}},
	{"wiring", []string{"cmd/internal"}}, // what more than one program puts together in the same way
	{"cmd", []string{"cmd"}},
	{"tools", []string{"test", "docs"}}, // not part of the product
}

// allowedSiblings are imports within a layer, each with its reason.
var allowedSiblings = map[string]string{
	"framework/assess -> framework/catalogue":    "results carry the requirement's title and keyword",
	"framework/report -> framework/catalogue":    "reports explain requirements",
	"framework/oscal -> framework/catalogue":     "the catalogue is what the OSCAL catalog is made of",
	"framework/oscal -> framework/assess":        "the component definition lists the checks",
	"framework/oscal -> framework/report":        "one writer of JSON escapes what cannot be seen",
	"framework/report -> framework/assess":       "reports explain checks",
	"framework/assess -> detect/imageref":        "references are judged by their kind",
	"identity/authz -> strict":                   "test files of policies are read strictly",
	"framework/catalogue -> strict":              "the catalogue's files are read strictly",
	"identity/authz -> policies":                 "the shipped policies are always in force",
	"control/api -> control/gate":                "handlers ask the gate who is calling",
	"fleet/maintenance -> fleet/bundle":          "what is wanted of a swarm's nodes is a document",
	"guard/approvals -> fleet/bundle":            "what was approved comes in a document of the fleet",
	"guard/call -> guard/route":                  "a call is one of the table",
	"guard/calls -> guard/call":                  "what the guard's records say",
	"guard/calls -> guard/route":                 "records name calls of the table",
	"guard/judge -> guard/call":                  "what is judged",
	"guard/judge -> guard/route":                 "what calls do decides what is asked",
	"guard/judge -> guard/workload":              "what a call would run",
	"guard/workload -> guard/route":              "what a build's parameters say",
	"guard/workload -> guard/call":               "what a build by BuildKit asks for",
	"guard/solve -> guard/call":                  "it fills in what is judged",
	"guard/workload -> detect/imageref":          "an image's reference says how discrete it is",
	"orchestrator/docker -> guard/workload":      "collectors and guard read a workload in the same way",
	"cmd/internal/guarded -> cmd/internal/clock": "one time for a whole program",
	"cmd/internal/guarded -> cmd/internal/whole": "keys are written whole or not at all",
	"config -> framework/assess":                 "settings of checks are declared beside the checks",
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range goFiles(t) {
		from := filepath.ToSlash(filepath.Dir(f))
		fromLayer := layerOf(from)
		if fromLayer < 0 {
			t.Errorf("%s is in no room of the house; see docs/decisions/0001-house.md", f)
			continue
		}
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, imp := range imports(t, f) {
			rel, own := strings.CutPrefix(imp, module+"/")
			if !own {
				if from == "model" && strings.Contains(strings.Split(imp, "/")[0], ".") {
					t.Errorf("%s imports %s: model may import the standard library only", f, imp)
				}
				continue
			}
			toLayer := layerOf(rel)
			switch {
			case toLayer > fromLayer:
				t.Errorf("%s imports %s: imports point down, from %s to %s", f, rel, layers[toLayer].name, layers[fromLayer].name)
			case toLayer == fromLayer && !strings.HasPrefix(rel, from+"/") && allowedSiblings[from+" -> "+rel] == "" && layers[toLayer].name != "tools":
				t.Errorf("%s imports %s: siblings do not import each other; declare the interface that is needed", f, rel)
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := filepath.Dir(f)
		if strings.HasSuffix(f, "_test.go") && dir != "test" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		documented[dir] = documented[dir] || file.Doc != nil && len(file.Doc.Text()) > 40
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment that says what it is for and what it may not do", dir)
		}
	}
}

func TestFilesAreSmall(t *testing.T) {
	const most = 500
	var sizes []int
	for _, f := range goFiles(t) {
		b, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(b), "\n")
		sizes = append(sizes, n)
		if n > most {
			t.Errorf("%s has %d lines, more than %d: a reader should know the room from its name", f, n, most)
		}
	}
	slices.Sort(sizes)
	t.Logf("%d files, median %d lines, longest %d", len(sizes), sizes[len(sizes)/2], sizes[len(sizes)-1])
}

func TestNoInit(t *testing.T) {
	for _, f := range goFiles(t) {
		b, err := os.ReadFile(filepath.Join(root, f))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc init()") {
			t.Errorf("%s has an init function: cmd wires everything, in one place", f)
		}
	}
}

const root = ".."

func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (path != root && strings.HasPrefix(name, ".") || name == "node_modules" || name == "tools" || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".go") && !strings.HasPrefix(path, filepath.Join(root, "proto", "gen")) {
			rel, err := filepath.Rel(root, path)
			files = append(files, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found: the walk is wrong", len(files))
	}
	return files
}

func imports(t *testing.T, f string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range file.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

func layerOf(pkg string) int {
	for i, l := range layers {
		for _, r := range l.rooms {
			if pkg == r || strings.HasPrefix(pkg, r+"/") {
				return i
			}
		}
	}
	return -1
}
