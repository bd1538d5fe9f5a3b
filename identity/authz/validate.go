package authz

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/bulkhead-security/bulkhead/model"
)

const maxProblems = 100

// Validate says what is wrong with a tenant's files: syntax, types, unknown actions and attributes, limits, and permits
// that could never hold because they reach outside of what may be delegated.
func (s *Schema) Validate(ctx context.Context, tenant string, files []model.PolicyFile) []Problem {
	entries, problems := s.entriesOf(&model.Policies{Tenant: tenant, Files: files})
	for _, e := range entries {
		if ctx.Err() != nil {
			return append(problems, Problem{Message: "checking took too long; use fewer or narrower policies"})
		}
		problems = append(problems, s.check(e)...)
		if len(problems) >= maxProblems {
			return problems
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name, testSuffix) && len(f.Text) <= MaxFile {
			if _, p := s.parseTests(f); p != nil {
				problems = append(problems, *p)
			}
		}
	}
	return problems
}

func (s *Schema) check(e *entry) []Problem {
	var problems []Problem
	add := func(format string, a ...any) {
		problems = append(problems, Problem{e.File, e.Line, e.Column, fmt.Sprintf(format, a...)})
	}
	if err := s.validator.Policy("", e.scope); err != nil {
		seen := map[string]bool{}
		for _, m := range strings.Split(err.Error(), "\n") {
			if !seen[m] && len(problems) < 10 {
				seen[m] = true
				add("policy %q: %s; %s", e.ID, m, advice(m))
			}
		}
	}
	if e.Reason == "" {
		add("policy %q has no @reason; say above it in a sentence what it is for: people who are refused read it", e.ID)
	}
	if e.wall != (types.EntityUID{}) {
		if message := s.outside(e); message != "" {
			add("policy %q: %s", e.ID, message)
		}
	}
	return problems
}

// outside says how a tenant's policy tries to reach further than it can. It would have no effect there, and whoever
// wrote it should know.
func (s *Schema) outside(e *entry) string {
	for _, n := range []ast.IsScopeNode{e.scope.Principal, e.scope.Resource} {
		k := scopeKey(n)
		if k.entity.Type == typeSystem || k.entity.Type == typeTenant && k.entity != e.wall {
			return fmt.Sprintf("it names %s, but a tenant's policies hold inside the tenant only; name %s or leave it out", k.entity, e.wall)
		}
	}
	if e.Effect == "forbid" {
		return ""
	}
	for _, a := range e.actions {
		if !s.delegable(a) {
			return fmt.Sprintf("it permits %s, which can't be delegated to a tenant; name an action in the group %s", a.ID, groupDelegable)
		}
	}
	return ""
}

// delegable tells whether an action, or at least one of a group, can be delegated.
func (s *Schema) delegable(uid types.EntityUID) bool {
	for _, a := range s.actions {
		if a.groups[string(uid.ID)] && a.groups[groupDelegable] {
			return true
		}
	}
	return false
}

var advices = []struct {
	match *regexp.Regexp
	what  string
}{
	{regexp.MustCompile(`unrecognized (action|entity type)`), "write it as in `bulkhead policy schema`, with Bulkhead:: in front"},
	{regexp.MustCompile(`applicable action`), "look up in `bulkhead policy schema` which principals and resources the action applies to"},
	{regexp.MustCompile(`may not be safe|attribute .* not found|unable to guarantee`), "test optional attributes first, e.g. `resource has owner && resource.owner == principal`"},
}

func advice(message string) string {
	for _, a := range advices {
		if a.match.MatchString(message) {
			return a.what
		}
	}
	return "compare it with `bulkhead policy schema`"
}
