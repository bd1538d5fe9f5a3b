package authz

import (
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// premise is a part of a policy's condition as it can be told from the facts as a door gives them, before they are made into Cedar's values. Its value is a
// bool, string, int64 or []string; it is not known where Cedar might see it otherwise, or would err.
type premise func(facts map[string]any) (value any, known bool)

// premiseOf is the first condition of a policy, where it is a `when`. A policy of which it is false does not hold, and can't err: Cedar
// evaluates the others after it, and of an && what is on the right after what is on the left.
func premiseOf(p *ast.Policy) premise {
	if len(p.Conditions) == 0 || p.Conditions[0].Condition != ast.ConditionWhen {
		return nil
	}
	return reading(p.Conditions[0].Body)
}

// fails says whether a policy can't hold, whatever else is true.
func (p premise) fails(facts map[string]any) bool {
	if p == nil {
		return false
	}
	v, known := p(facts)
	return known && v == false
}

func unknown(map[string]any) (any, bool) { return nil, false }

// reading makes a premise of what it understands, and of all else one that is not known.
func reading(n ast.IsNode) premise {
	switch n := n.(type) {
	case ast.NodeValue:
		return constant(n.Value)
	case ast.NodeTypeSet:
		return constants(n)
	case ast.NodeTypeAccess:
		return access(n)
	case ast.NodeTypeHas:
		return has(n)
	case ast.NodeTypeNot:
		return not(reading(n.Arg))
	case ast.NodeTypeAnd:
		return until(false, reading(n.Left), reading(n.Right))
	case ast.NodeTypeOr:
		return until(true, reading(n.Left), reading(n.Right))
	case ast.NodeTypeEquals:
		return equal(reading(n.Left), reading(n.Right))
	case ast.NodeTypeNotEquals:
		return not(equal(reading(n.Left), reading(n.Right)))
	case ast.NodeTypeLessThan:
		return numbers(n.BinaryNode, func(a, b int64) bool { return a < b })
	case ast.NodeTypeLessThanOrEqual:
		return numbers(n.BinaryNode, func(a, b int64) bool { return a <= b })
	case ast.NodeTypeGreaterThan:
		return numbers(n.BinaryNode, func(a, b int64) bool { return a > b })
	case ast.NodeTypeGreaterThanOrEqual:
		return numbers(n.BinaryNode, func(a, b int64) bool { return a >= b })
	case ast.NodeTypeIsEmpty:
		return lists(n.Arg, nil, func(a, _ []string) bool { return len(a) == 0 })
	case ast.NodeTypeContains:
		return contains(n)
	case ast.NodeTypeContainsAll:
		return lists(n.Left, n.Right, func(a, b []string) bool {
			return !slices.ContainsFunc(b, func(s string) bool { return !slices.Contains(a, s) })
		})
	case ast.NodeTypeContainsAny:
		return lists(n.Left, n.Right, func(a, b []string) bool {
			return slices.ContainsFunc(b, func(s string) bool { return slices.Contains(a, s) })
		})
	}
	return unknown
}

func constant(v types.Value) premise {
	var value any
	switch v := v.(type) {
	case types.Boolean:
		value = bool(v)
	case types.String:
		value = string(v)
	case types.Long:
		value = int64(v)
	default:
		return unknown
	}
	return func(map[string]any) (any, bool) { return value, true }
}

// constants is a list of texts.
func constants(n ast.NodeTypeSet) premise {
	list := []string{}
	for _, e := range n.Elements {
		v, ok := e.(ast.NodeValue)
		if !ok {
			return unknown
		}
		text, ok := v.Value.(types.String)
		if !ok {
			return unknown
		}
		list = append(list, string(text))
	}
	return func(map[string]any) (any, bool) { return list, true }
}

// within gives the record that something is read of: the context, or one of its facts.
func within(n ast.IsNode) func(facts map[string]any) (map[string]any, bool) {
	if isContext(n) {
		return func(facts map[string]any) (map[string]any, bool) { return facts, true }
	}
	in, ok := n.(ast.NodeTypeAccess)
	if !ok || !isContext(in.Arg) || !given(in.Value) {
		return nil
	}
	name := string(in.Value)
	return func(facts map[string]any) (map[string]any, bool) {
		m, ok := facts[name].(map[string]any)
		if _, reference := m["type"]; reference {
			return nil, false // it may be an entity
		}
		return m, ok
	}
}

// given says whether a fact of the context is as a door gave it, and not decided here.
func given(name types.String) bool {
	switch name {
	case "ip", "address", "door", "amr", "time":
		return false
	}
	return readOf(name) == readOther
}

func access(n ast.NodeTypeAccess) premise {
	in := within(n.Arg)
	if in == nil || isContext(n.Arg) && !given(n.Value) {
		return unknown
	}
	name := string(n.Value)
	return func(facts map[string]any) (any, bool) {
		m, ok := in(facts)
		if !ok {
			return nil, false
		}
		switch v := m[name].(type) {
		case bool, string, int64, []string:
			return v, true
		case int:
			return int64(v), true
		}
		return nil, false
	}
}

func has(n ast.NodeTypeHas) premise {
	in := within(n.Arg)
	if in == nil || isContext(n.Arg) && !given(n.Value) {
		return unknown
	}
	name := string(n.Value)
	return func(facts map[string]any) (any, bool) {
		m, ok := in(facts)
		_, there := m[name]
		return there, ok
	}
}

func not(p premise) premise {
	return func(facts map[string]any) (any, bool) {
		v, known := p(facts)
		yes, ok := v.(bool)
		return !yes, known && ok
	}
}

// until is && (end is false) and || (end is true): what is on the left may end it, and what is on the right is not looked at then.
func until(end bool, left, right premise) premise {
	return func(facts map[string]any) (any, bool) {
		v, known := left(facts)
		yes, ok := v.(bool)
		if !known || !ok {
			return nil, false
		}
		if yes == end {
			return end, true
		}
		v, known = right(facts)
		yes, ok = v.(bool)
		return yes, known && ok
	}
}

func equal(left, right premise) premise {
	return func(facts map[string]any) (any, bool) {
		a, known := left(facts)
		b, knows := right(facts)
		if _, list := a.([]string); list || !known || !knows {
			return nil, false
		}
		if _, list := b.([]string); list {
			return nil, false
		}
		return a == b, true
	}
}

func numbers(n ast.BinaryNode, holds func(a, b int64) bool) premise {
	left, right := reading(n.Left), reading(n.Right)
	return func(facts map[string]any) (any, bool) {
		v, _ := left(facts)
		a, ok := v.(int64)
		v, _ = right(facts)
		b, also := v.(int64)
		if !ok || !also {
			return nil, false
		}
		return holds(a, b), true
	}
}

// lists is about one list of texts, or two.
func lists(left, right ast.IsNode, holds func(a, b []string) bool) premise {
	first, second := reading(left), func(map[string]any) (any, bool) { return []string(nil), true }
	if right != nil {
		second = reading(right)
	}
	return func(facts map[string]any) (any, bool) {
		v, _ := first(facts)
		a, ok := v.([]string)
		v, _ = second(facts)
		b, also := v.([]string)
		if !ok || !also {
			return nil, false
		}
		return holds(a, b), true
	}
}

func contains(n ast.NodeTypeContains) premise {
	list, one := reading(n.Left), reading(n.Right)
	return func(facts map[string]any) (any, bool) {
		v, _ := list(facts)
		in, ok := v.([]string)
		v, _ = one(facts)
		text, also := v.(string)
		if !ok || !also {
			return nil, false
		}
		return slices.Contains(in, text), true
	}
}
