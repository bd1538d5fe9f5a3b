package authz

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	cedar "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/policies"
)

// Limits on a set of policies. Beyond them, checking and deciding would take longer than anybody should have to wait.
const (
	MaxFiles    = 1000
	MaxFile     = 256 << 10 // bytes
	MaxSet      = 8 << 20   // bytes of all files
	MaxPolicies = 10000
	maxPolicy   = 16 << 10 // bytes of one policy
	maxNodes    = 1000     // of its conditions
	maxGuards   = 100      // `has` in its conditions
	maxDepth    = 50       // of brackets and "if"
)

// entry is a policy with what is needed to find and to explain it.
type entry struct {
	Source
	id      cedar.PolicyID
	policy  *cedar.Policy // confined, when it is a tenant's
	scope   *ast.Policy   // as it was written
	tenant  string        // empty for the shipped ones
	wall    types.EntityUID
	actions []types.EntityUID // that its scope names; none for all
	reads   reads             // of the context
	premise premise           // without which it does not hold; nil for none
	rank    int               // place in the order of loading; the shipped guardrails come first
}

// Source is where a policy stands.
type Source struct {
	ID     string // "FILE/ID", with the tenant in front for custom ones
	File   string
	Line   int
	Column int
	Effect string // "permit" or "forbid"
	Reason string // annotation @reason
	Record bool   // annotation @record("session")
	Remedy string // annotation @remedy: what would pass
	// Requirement is the annotation @requirement: the clause of X.1643 that it serves.
	Requirement string
	Text        string
}

// Problem is a place where a file is wrong, with what to do.
type Problem struct {
	File         string
	Line, Column int
	Message      string
}

// Shipped are the shipped files: policies first, then tests.
func Shipped() ([]model.PolicyFile, error) {
	var files []model.PolicyFile
	names, err := fs.Glob(policies.Files, "*")
	if err != nil {
		return nil, fmt.Errorf("listing the shipped policies: %w", err)
	}
	for _, name := range names {
		b, err := fs.ReadFile(policies.Files, name)
		if err != nil {
			return nil, fmt.Errorf("reading the shipped policies: %w", err)
		}
		files = append(files, model.PolicyFile{Name: name, Text: string(b)})
	}
	// The guardrails lead, so that a refusal is told by them first.
	slices.SortStableFunc(files, func(a, b model.PolicyFile) int { return cmp.Compare(shippedRank(a.Name), shippedRank(b.Name)) })
	return files, nil
}

func shippedRank(name string) int {
	switch {
	case name == "guardrails.cedar":
		return 0
	case strings.HasSuffix(name, ".cedar"):
		return 1
	}
	return 2
}

func shippedEntries(s *Schema) ([]*entry, error) {
	files, err := Shipped()
	if err != nil {
		return nil, err
	}
	entries, problems := s.entriesOf(&model.Policies{Files: files})
	if len(problems) > 0 {
		return nil, fmt.Errorf("shipped policies: %+v", problems[0])
	}
	return entries, nil
}

// entriesOf parses a tenant's files and confines what they say; the shipped ones have no tenant.
func (s *Schema) entriesOf(set *model.Policies) ([]*entry, []Problem) {
	var entries []*entry
	problems := checkSizes(set.Files)
	if len(problems) > 0 {
		return nil, problems
	}
	ids := map[string]bool{}
	for _, f := range set.Files {
		if !strings.HasSuffix(f.Name, ".cedar") {
			continue
		}
		list, p := s.entriesOfFile(set.Tenant, f, ids)
		entries, problems = append(entries, list...), append(problems, p...)
		if len(entries) > MaxPolicies {
			return nil, append(problems, Problem{File: f.Name, Message: fmt.Sprintf("there are more than %d policies; join some, or use groups", MaxPolicies)})
		}
	}
	return entries, problems
}

func (s *Schema) entriesOfFile(tenant string, f model.PolicyFile, ids map[string]bool) ([]*entry, []Problem) {
	if p := checkDepth(f); p != nil {
		return nil, []Problem{*p}
	}
	list, err := cedar.NewPolicyListFromBytes(f.Name, []byte(f.Text))
	if err != nil {
		return nil, []Problem{parseProblem(f.Name, err)}
	}
	var entries []*entry
	var problems []Problem
	for i, p := range list {
		end := len(f.Text)
		if i+1 < len(list) {
			end = list[i+1].Position().Offset
		}
		e, message := newEntry(tenant, f.Name, p, f.Text[p.Position().Offset:end])
		if message == "" && ids[e.ID] {
			message = fmt.Sprintf("the id %q is there twice; give each policy one of its own with @id", e.ID)
		}
		if message != "" {
			problems = append(problems, Problem{f.Name, p.Position().Line, p.Position().Column, message})
			continue
		}
		ids[e.ID] = true
		entries = append(entries, e)
	}
	return entries, problems
}

func newEntry(tenant, file string, p *cedar.Policy, text string) (*entry, string) {
	name := string(p.Annotations()["id"])
	if !idPattern.MatchString(name) {
		return nil, `it has no usable @id; write one above it, e.g. @id("night-shift"), of letters, digits, "-", "_" and "."`
	}
	tree := (*ast.Policy)(p.AST())
	if message := checkSize(tree, text); message != "" {
		return nil, message
	}
	id := strings.TrimSuffix(path.Base(file), ".cedar") + "/" + name
	if tenant != "" {
		id = tenant + "/" + id
	}
	e := &entry{
		Source: Source{
			ID: id, File: file, Line: p.Position().Line, Column: p.Position().Column, Effect: "permit",
			Reason: string(p.Annotations()["reason"]), Remedy: string(p.Annotations()["remedy"]), Record: p.Annotations()["record"] == "session",
			Requirement: string(p.Annotations()["requirement"]), Text: trimComments(text),
		},
		id: cedar.PolicyID(id), policy: p, scope: tree, tenant: tenant,
	}
	if p.Effect() == cedar.Forbid {
		e.Effect = "forbid"
	}
	e.actions, e.reads, e.premise = scopeActions(tree.Action), readsOf(tree), premiseOf(tree)
	if tenant != "" && tenant != model.SystemTenant {
		e.wall = types.NewEntityUID(typeTenant, types.String(tenant))
		e.policy = confine(tree, e.wall)
	}
	return e, ""
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// confine builds the policy that a tenant's policy becomes: it holds for the tenant's principals and objects alone, and
// permits no more than may be delegated. The conditions come before its own, so that what it says itself is not even
// evaluated outside, and can't err there.
func confine(p *ast.Policy, tenant types.EntityUID) *cedar.Policy {
	c := *p
	body := ast.Principal().In(ast.Value(tenant)).And(ast.Resource().In(ast.Value(tenant)))
	if p.Effect == ast.EffectPermit {
		body = body.And(ast.Action().In(ast.Value(types.NewEntityUID(typeAction, groupDelegable))))
	}
	c.Conditions = append([]ast.ConditionType{{Condition: ast.ConditionWhen, Body: body.AsIsNode()}}, p.Conditions...)
	return cedar.NewPolicyFromAST((*publicast.Policy)(&c))
}

// trimComments takes the comments that belong to the next policy from a policy's end.
func trimComments(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for len(lines) > 1 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !strings.HasPrefix(last, "//") {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}

var parsePosition = regexp.MustCompile(`(?:<input>|[\w./-]*):(\d+):(\d+):?`)

// parseProblem takes the place out of a parse error. Cedar gives it in the text alone.
func parseProblem(file string, err error) Problem {
	p := Problem{File: file, Line: 1, Column: 1, Message: err.Error() + "; see docs/policies.md for the syntax"}
	var e *model.Error
	if errors.As(err, &e) {
		return p
	}
	if m := parsePosition.FindStringSubmatch(err.Error()); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Column, _ = strconv.Atoi(m[2])
	}
	return p
}
