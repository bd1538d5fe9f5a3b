package authz

import (
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
)

// complete fills what an example request leaves out of a fact that is a record, such as context.workload, with what stands for
// nothing: a test names what it is about.
func (s *Schema) complete(facts map[string]any, action string) {
	a, ok := s.resolved.Actions[types.NewEntityUID(typeAction, types.String(action))]
	if !ok || a.AppliesTo == nil {
		return
	}
	for name, attr := range a.AppliesTo.Context {
		record, isRecord := attr.Type.(resolved.RecordType)
		given, isMap := facts[string(name)].(map[string]any)
		if !isRecord || !isMap {
			continue
		}
		for field, f := range record {
			if _, there := given[string(field)]; !there && !f.Optional {
				given[string(field)] = nothing(f.Type)
			}
		}
	}
}

func nothing(t resolved.IsType) any {
	switch t.(type) {
	case resolved.BoolType:
		return false
	case resolved.LongType:
		return int64(0)
	case resolved.SetType:
		return []string{}
	}
	return ""
}
