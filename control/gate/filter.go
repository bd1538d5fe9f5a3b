package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"

	"github.com/bulkhead-security/bulkhead/model"
)

// Fields are the names that a list's filter may compare.
type Fields []string

const (
	maxFilter     = 2048
	maxConditions = 16
)

// Filter reads an AIP-160 filter: comparisons of a field with a value, joined by AND. Whatever else the language has is
// an error that says so.
func Filter(text string, fields Fields) ([]model.Condition, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, nil
	case len(text) > maxFilter:
		return nil, badFilter("it is longer than " + strconv.Itoa(maxFilter) + " characters")
	case strings.Count(text, "(") > maxConditions:
		return nil, badFilter("too many parentheses")
	}
	var p filtering.Parser
	p.Init(text)
	parsed, err := p.Parse()
	if err != nil {
		return nil, badFilter("it can't be read; write e.g. name = \"alice\" AND disabled = false")
	}
	var out []model.Condition
	if err := conditions(parsed.GetExpr(), fields, &out); err != nil {
		return nil, err
	}
	return out, nil
}

func badFilter(text string) error {
	return &model.Error{
		Code: model.CodeInvalid, Message: "page.filter: " + text, Field: "page.filter",
		Remedy: "A filter is FIELD OP VALUE, joined by AND, with =, !=, <, <=, > or >=; docs/api.md lists the fields.",
	}
}

func conditions(e *expr.Expr, fields Fields, out *[]model.Condition) error {
	c := e.GetCallExpr()
	if c == nil || c.GetTarget() != nil || len(c.GetArgs()) != 2 {
		return badFilter("only comparisons joined by AND are understood")
	}
	switch op := c.GetFunction(); op {
	case filtering.FunctionAnd:
		if err := conditions(c.GetArgs()[0], fields, out); err != nil {
			return err
		}
		return conditions(c.GetArgs()[1], fields, out)
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan, filtering.FunctionLessEquals,
		filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals:
		field := c.GetArgs()[0].GetIdentExpr().GetName()
		if !slices.Contains(fields, field) {
			return badFilter("it can compare " + strings.Join(fields, ", ") + ", not " + strconv.Quote(cut(field, 40)))
		}
		value, ok := valueOf(c.GetArgs()[1])
		if !ok {
			return badFilter("the value of " + field + " must be a text, a number, true or false")
		}
		if len(*out) == maxConditions {
			return badFilter("it has more than " + strconv.Itoa(maxConditions) + " conditions")
		}
		*out = append(*out, model.Condition{Field: field, Op: op, Value: value})
		return nil
	}
	return badFilter("only comparisons joined by AND are understood")
}

// valueOf reads a literal; a bare word counts as a text, as AIP-160 says.
func valueOf(e *expr.Expr) (string, bool) {
	if name := e.GetIdentExpr().GetName(); name != "" {
		return name, true
	}
	if c := e.GetCallExpr(); c.GetFunction() == filtering.FunctionTimestamp && len(c.GetArgs()) == 1 {
		text := c.GetArgs()[0].GetConstExpr().GetStringValue()
		t, err := time.Parse(time.RFC3339, text)
		return t.UTC().Format(time.RFC3339Nano), err == nil
	}
	switch v := e.GetConstExpr().GetConstantKind().(type) {
	case *expr.Constant_StringValue:
		return v.StringValue, true
	case *expr.Constant_Int64Value:
		return strconv.FormatInt(v.Int64Value, 10), true
	case *expr.Constant_Uint64Value:
		return strconv.FormatUint(v.Uint64Value, 10), true
	case *expr.Constant_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64), true
	case *expr.Constant_BoolValue:
		return strconv.FormatBool(v.BoolValue), true
	}
	return "", false
}
