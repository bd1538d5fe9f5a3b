package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/strict"
)

const (
	testSuffix  = ".test.yaml"
	maxTests    = 2000 // of a file
	allow       = "allow"
	refuse      = "refuse"
	defaultTime = "2026-01-05T12:00:00Z" // a Monday
)

// testFile is NAME.test.yaml: example requests with what is expected of them. docs/policies.md describes it.
type testFile struct {
	Tests []testCase `yaml:"tests"`
}

type testCase struct {
	Name      string         `yaml:"name"`
	Principal testPrincipal  `yaml:"principal"`
	Action    string         `yaml:"action"`
	Actions   []string       `yaml:"actions"` // several, of which each must come out as expected
	Resource  testObject     `yaml:"resource"`
	Objects   []testObject   `yaml:"objects"`
	Approved  bool           `yaml:"approved"`
	Dangerous bool           `yaml:"dangerous"`
	FourEyes  bool           `yaml:"four_eyes"`
	Context   map[string]any `yaml:"context"`
	Time      time.Time      `yaml:"time"`
	Expect    string         `yaml:"expect"`
	Policies  []string       `yaml:"policies"` // that must be among those that decide
	Needs     []string       `yaml:"needs"`    // exactly these, when given
}

type testPrincipal struct {
	Type   string   `yaml:"type"`
	ID     string   `yaml:"id"`
	Name   string   `yaml:"name"`
	Tenant string   `yaml:"tenant"`
	Roles  []string `yaml:"roles"`
	Groups []string `yaml:"groups"`
	Hosts  []string `yaml:"hosts"`
	// MFA and Fresh are true unless they are said to be false.
	MFA               *bool    `yaml:"mfa"`
	Fresh             *bool    `yaml:"fresh_factor"`
	PhishingResistant bool     `yaml:"phishing_resistant"`
	AMR               []string `yaml:"amr"`
	Credential        string   `yaml:"credential"` // session, token or certificate
	Scopes            []string `yaml:"scopes"`
}

type testObject struct {
	Type    string         `yaml:"type"`
	ID      string         `yaml:"id"`
	Tenant  string         `yaml:"tenant"`
	Parents []testRef      `yaml:"parents"`
	Attrs   map[string]any `yaml:"attrs"`
}

type testRef struct {
	Type string `yaml:"type"`
	ID   string `yaml:"id"`
}

// parseTests reads a test file strictly. Aliases, which could make a small file very large, are refused.
func (s *Schema) parseTests(f model.PolicyFile) ([]testCase, *Problem) {
	fail := func(line int, message string) *Problem { return &Problem{f.Name, line, 1, message} }
	if line := deepLine(f.Text); line > 0 {
		return nil, fail(line, fmt.Sprintf("it is nested too deeply (at most %d brackets, and %d columns of indentation)", maxDepth, maxIndent))
	}
	tree, err := parser.ParseBytes([]byte(f.Text), 0)
	if err != nil {
		return nil, yamlProblem(f.Name, err)
	}
	var v aliasFinder
	for _, d := range tree.Docs {
		ast.Walk(&v, d)
	}
	if v.line > 0 {
		return nil, fail(v.line, "anchors and aliases are not read here; write it out")
	}
	var t testFile
	if err := strict.YAML([]byte(f.Text), &t); err != nil {
		return nil, yamlProblem(f.Name, err)
	}
	if len(t.Tests) > maxTests {
		return nil, fail(1, fmt.Sprintf("there are %d tests, more than %d; split the file", len(t.Tests), maxTests))
	}
	for i := range t.Tests {
		if message := s.checkTest(&t.Tests[i]); message != "" {
			return nil, fail(1, fmt.Sprintf("test %d (%q): %s", i+1, t.Tests[i].Name, message))
		}
	}
	return t.Tests, nil
}

func (s *Schema) checkTest(t *testCase) string {
	if t.Action != "" {
		t.Actions = append([]string{t.Action}, t.Actions...)
	}
	switch {
	case t.Name == "":
		return "it needs a name"
	case len(t.Actions) == 0 || len(t.Actions) > 200:
		return "it needs an action, and at most 200"
	case t.Expect != allow && t.Expect != refuse:
		return "expect must be allow or refuse"
	case t.Principal.ID == "":
		return "principal.id is missing"
	case t.Resource.ID == "" || !s.HasType(t.Resource.Type):
		return "resource needs an id, and a type of the schema"
	case !slices.Contains([]string{"", "session", "token", "certificate"}, t.Principal.Credential):
		return "principal.credential must be session, token or certificate"
	}
	for _, a := range t.Actions {
		if !s.HasAction(a) {
			return fmt.Sprintf("%q is no action of the schema", a)
		}
	}
	return ""
}

// plainMap turns YAML's numbers into those of the model.
func plainMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = plain(v)
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case uint64:
		if v <= 1<<53 {
			return int64(v)
		}
	case map[string]any:
		return plainMap(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return v
}

type aliasFinder struct{ line int }

// Visit implements ast.Visitor.
func (v *aliasFinder) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		v.line = max(1, n.GetToken().Position.Line)
	}
	return v
}

const maxIndent = 100

// deepLine is the first line that is nested too deeply for a parser that recurses, or 0. What stands before a line's
// first word bounds how deep blocks are; brackets bound the rest.
func deepLine(text string) int {
	depth := 0
	for i, line := range strings.Split(text, "\n") {
		depth += strings.Count(line, "[") + strings.Count(line, "{")
		if len(line)-len(strings.TrimLeft(line, " \t-?:")) > maxIndent || depth > maxDepth || strings.Count(line, ": ") > maxIndent {
			return i + 1
		}
		depth = max(0, depth-strings.Count(line, "]")-strings.Count(line, "}"))
	}
	return 0
}

func yamlProblem(file string, err error) *Problem {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		at := y.GetToken().Position
		return &Problem{file, at.Line, at.Column, y.GetMessage() + "; see docs/policies.md for the fields"}
	}
	return &Problem{file, 1, 1, err.Error()}
}
