package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// applyKind is a kind of objects that files can describe.
type applyKind struct {
	name    string
	fields  []string // of the spec
	message func() proto.Message
	// fill puts the object's name and tenant into its message.
	fill func(m proto.Message, d *document)
	// ofNone is in no tenant; nameless needs no name; kept is never pruned.
	ofNone, nameless, kept bool
}

// applyKinds are in the order in which they are made: what others refer to comes first.
func applyKinds() []*applyKind {
	return []*applyKind{
		{
			name: "Tenant", fields: []string{"name", "labels"}, message: func() proto.Message { return &bulkheadv1.Tenant{} }, ofNone: true, kept: true,
			fill: func(m proto.Message, d *document) { m.(*bulkheadv1.Tenant).Id = d.name },
		},
		{
			name: "Group", fields: []string{"roles", "hosts"}, message: func() proto.Message { return &bulkheadv1.Group{} },
			fill: func(m proto.Message, d *document) {
				g := m.(*bulkheadv1.Group)
				g.Tenant, g.Name = d.tenant, d.name
			},
		},
		{
			name: "Pool", fields: []string{"description", "settings", "plan", "windows"}, message: func() proto.Message { return &bulkheadv1.Pool{} },
			fill: func(m proto.Message, d *document) {
				p := m.(*bulkheadv1.Pool)
				p.Tenant, p.Name = d.tenant, d.name
			},
		},
		{
			name: "Node", fields: []string{"pool", "labels", "sensitivity"}, message: func() proto.Message { return &bulkheadv1.Node{} }, kept: true,
			fill: func(m proto.Message, d *document) {
				n := m.(*bulkheadv1.Node)
				n.Tenant, n.Name = d.tenant, d.name
			},
		},
		{
			name: "Exception", fields: []string{"check", "subject", "node", "owner", "reason", "expires"}, nameless: true,
			message: func() proto.Message { return &bulkheadv1.Exception{} },
			fill:    func(m proto.Message, d *document) { m.(*bulkheadv1.Exception).Tenant = d.tenant },
		},
		{
			name: "PolicySet", fields: []string{"files", "paths", "note"}, nameless: true,
			message: func() proto.Message { return &bulkheadv1.PolicySet{} },
			fill:    func(m proto.Message, d *document) { m.(*bulkheadv1.PolicySet).Tenant = d.tenant },
		},
	}
}

func kindNames() string {
	var names []string
	for _, k := range applyKinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// label names an object among those of its kind. Exceptions have no names: they are what they are about.
func (k *applyKind) label(m proto.Message, tenant, name string) string {
	switch k.name {
	case "Tenant":
		return name
	case "PolicySet":
		return tenant
	case "Exception":
		e := m.(*bulkheadv1.Exception)
		label := tenant + "/" + e.GetCheck()
		if e.GetSubject() != "" {
			label += " of " + e.GetSubject()
		}
		if e.GetNode() != "" {
			label += " on node " + e.GetNode()
		}
		return label
	}
	return tenant + "/" + name
}

// render gives some fields of an object as text that is the same for the same object. Fields that are empty are left out.
func (k *applyKind) render(m proto.Message, fields []string) (string, error) {
	if p, ok := m.(*bulkheadv1.PolicySet); ok {
		return renderPolicies(p), nil
	}
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("write a %s: %w", k.name, err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return "", fmt.Errorf("write a %s: %w", k.name, err)
	}
	some := map[string]any{}
	for _, f := range fields {
		v := all[f]
		if inner, ok := v.(map[string]any); ok {
			for key, x := range inner {
				if empty(x) {
					delete(inner, key)
				}
			}
		}
		if list, ok := v.([]any); ok && k.name == "Group" { // sets
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		if !empty(v) {
			some[f] = v
		}
	}
	if len(some) == 0 {
		return "", nil
	}
	out, err := yaml.Marshal(some)
	if err != nil {
		return "", fmt.Errorf("write a %s: %w", k.name, err)
	}
	return string(out), nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func renderPolicies(p *bulkheadv1.PolicySet) string {
	files := slices.Clone(p.GetFiles())
	slices.SortFunc(files, func(a, b *bulkheadv1.PolicyFile) int { return strings.Compare(a.GetName(), b.GetName()) })
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "// file %s\n%s", f.GetName(), f.GetText())
		if !strings.HasSuffix(f.GetText(), "\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}
