package workload

import (
	"maps"
	"slices"
	"testing"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/policies"
)

// The facts are those of the schema, each of its type and each always there.
func TestFactsAreTheSchemas(t *testing.T) {
	var parsed schema.Schema
	if err := parsed.UnmarshalCedar([]byte(policies.Schema)); err != nil {
		t.Fatal(err)
	}
	res, err := parsed.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	context := res.Actions[types.NewEntityUID("Bulkhead::Action", "ContainerCreate")].AppliesTo.Context
	want, ok := context["workload"].Type.(resolved.RecordType)
	if !ok || len(want) < 50 {
		t.Fatalf("%T %d", context["workload"].Type, len(want))
	}
	for _, w := range []*model.Workload{{}, everything()} {
		facts := Facts(w, Extra{})
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if want[name].Optional {
				t.Errorf("%s is optional", name)
			}
			if got, should := kindOf(facts[string(name)]), kindOfType(want[name].Type); got != should {
				t.Errorf("%s is %s, not %s", name, got, should)
			}
		}
		for name := range facts {
			if _, ok := want[types.String(name)]; !ok {
				t.Errorf("%s is not in the schema", name)
			}
		}
	}
}

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "String"
	case bool:
		return "Bool"
	case int64:
		return "Long"
	case []string:
		if v != nil {
			return "Set"
		}
	}
	return "nothing"
}

func kindOfType(t resolved.IsType) string {
	switch t.(type) {
	case resolved.StringType:
		return "String"
	case resolved.BoolType:
		return "Bool"
	case resolved.LongType:
		return "Long"
	case resolved.SetType:
		return "Set"
	}
	return "another type"
}

// everything is a workload with something in every list that facts are made of.
func everything() *model.Workload {
	return &model.Workload{
		Unknown: []string{"x"}, CapAdd: []string{"ALL"}, Sysctls: []model.KeyVal{{Key: "a"}}, Ports: []model.PortMap{{HostPort: 1}},
		Devices: []model.Device{{Host: "/dev/sda"}, {Request: "gpu"}}, Labels: map[string]string{"a": "b"},
		Mounts: []model.Mount{{Type: "bind", Source: "/"}, {Type: "volume", Volume: "v", Device: "bind:/x", From: "c", Foreign: true}},
	}
}
