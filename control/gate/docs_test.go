package gate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
)

// Every code of model has a mapping with a remedy, and a line in docs/errors.md that says the same.
func TestEveryCodeIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := modelCodes(t)
	if len(codes) < 10 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	for _, c := range codes {
		m := mapCode(c)
		if m.remedy == "This is a defect of the server." || c != model.CodeInternal && m.code == connect.CodeInternal {
			t.Errorf("%s has no mapping", c)
		}
		if !strings.Contains(string(doc), "| `"+string(c)+"` | "+m.code.String()+" (") {
			t.Errorf("docs/errors.md has no line for %s as %s", c, m.code)
		}
	}
}

// modelCodes reads the constants from the source, so that a new one can't be forgotten.
func modelCodes(t *testing.T) []model.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../model/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []model.Code
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Code") {
			return true
		}
		if lit, ok := v.Values[0].(*ast.BasicLit); ok {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, model.Code(s))
		}
		return true
	})
	return out
}
