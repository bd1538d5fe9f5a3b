package authz

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/bulkhead-security/bulkhead/model"
)

var filePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// checkSizes checks names, counts and sizes before anything is parsed.
func checkSizes(files []model.PolicyFile) []Problem {
	var problems []Problem
	if len(files) > MaxFiles {
		return []Problem{{Message: fmt.Sprintf("there are %d files, more than %d; join some", len(files), MaxFiles)}}
	}
	all := 0
	seen := map[string]bool{}
	for _, f := range files {
		all += len(f.Text)
		switch {
		case !filePattern.MatchString(f.Name) || !strings.HasSuffix(f.Name, ".cedar") && !strings.HasSuffix(f.Name, testSuffix):
			problems = append(problems, Problem{File: f.Name, Message: "the name must be NAME.cedar or NAME" + testSuffix + ", of small letters, digits, \".\", \"_\" and \"-\""})
		case seen[f.Name]:
			problems = append(problems, Problem{File: f.Name, Message: "there are two files with this name"})
		case len(f.Text) > MaxFile:
			problems = append(problems, Problem{File: f.Name, Message: fmt.Sprintf("it has %d bytes, more than %d; split it", len(f.Text), MaxFile)})
		case !utf8.ValidString(f.Text):
			problems = append(problems, Problem{File: f.Name, Message: "it is not UTF-8 text"})
		}
		seen[f.Name] = true
	}
	if all > MaxSet {
		problems = append(problems, Problem{Message: fmt.Sprintf("the files have %d bytes, more than %d", all, MaxSet)})
	}
	return problems
}

// checkDepth refuses what is nested so deeply that parsing it would exhaust the stack: Cedar's parser recurses.
func checkDepth(f model.PolicyFile) *Problem {
	depth, ifs, line, column := 0, 0, 1, 0
	text := f.Text
	for i := 0; i < len(text); i++ {
		column++
		switch c := text[i]; {
		case c == '\n':
			line, column = line+1, 0
		case c == '"':
			n := stringEnd(text[i:])
			i, column = i+n, column+n
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				return nil
			}
			i += n - 1
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case c == ';':
			depth, ifs = 0, 0
		case c == 'i' && strings.HasPrefix(text[i:], "if") && (i == 0 || !isWord(text[i-1])) && (i+2 == len(text) || !isWord(text[i+2])):
			ifs++
		}
		if depth+ifs > maxDepth {
			return &Problem{f.Name, line, column, fmt.Sprintf("it is nested more than %d deep; split the policy", maxDepth)}
		}
	}
	return nil
}

// stringEnd is how far the closing quote of a string is from the opening one.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"', '\n':
			return i
		}
	}
	return len(text) - 1
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// checkSize refuses a policy that would take long to check against the schema or to evaluate.
func checkSize(p *ast.Policy, text string) string {
	if len(text) > maxPolicy {
		return fmt.Sprintf("it has %d bytes, more than %d; split it", len(text), maxPolicy)
	}
	nodes, guards := 0, 0
	for _, c := range p.Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool {
			nodes++
			switch n.(type) {
			case ast.NodeTypeHas, ast.NodeTypeHasTag:
				guards++
			}
			return true
		})
	}
	if nodes > maxNodes || guards > maxGuards {
		return fmt.Sprintf("its conditions have %d parts and %d `has`, more than %d and %d; split it", nodes, guards, maxNodes, maxGuards)
	}
	return ""
}
