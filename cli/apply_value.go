package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func protoName(s string) protoreflect.Name { return protoreflect.Name(s) }

// object gives a mapping's values. Without allowed every key may be there.
func object(n *yaml.Node, allowed ...string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		return nil, placed(n, "here must be fields and values, without anchors and aliases")
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" || k.Anchor != "":
			return nil, placed(k, "a field's name must be plain text")
		case out[k.Value] != nil:
			return nil, placed(k, "the field %q is there twice", k.Value)
		case len(allowed) > 0 && !slices.Contains(allowed, k.Value):
			return nil, placed(k, "unknown field %q; here can be %s", k.Value, strings.Join(allowed, ", "))
		}
		out[k.Value] = v
	}
	return out, nil
}

// fieldValue is a field's value for protojson.
func fieldValue(n *yaml.Node, f protoreflect.FieldDescriptor, depth int) (any, error) {
	if err := sound(n, depth); err != nil {
		return nil, err
	}
	switch {
	case f.IsMap():
		fields, err := object(n)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for k, v := range fields {
			if out[k], err = single(v, f.MapValue(), depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case f.IsList():
		if n.Kind != yaml.SequenceNode {
			return nil, placed(n, "%s must be a list", f.Name())
		}
		out := []any{}
		for _, c := range n.Content {
			v, err := single(c, f, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	return single(n, f, depth)
}

// sound refuses what would grow, or says nothing.
func sound(n *yaml.Node, depth int) error {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return placed(n, "anchors and aliases are not taken; write it out")
	case depth > mostApplyDepth:
		return placed(n, "this is nested more than %d deep", mostApplyDepth)
	case n.ShortTag() == "!!null":
		return placed(n, "there is no value; leave the field out, or empty it with [], {} or \"\"")
	}
	return nil
}

// single is a value that is no list and no map.
func single(n *yaml.Node, f protoreflect.FieldDescriptor, depth int) (any, error) {
	if err := sound(n, depth); err != nil {
		return nil, err
	}
	if f.Kind() == protoreflect.MessageKind {
		switch f.Message().FullName() {
		case "google.protobuf.Duration":
			return duration(n, f)
		case "google.protobuf.Struct":
			if n.Kind != yaml.MappingNode {
				return nil, placed(n, "%s must be fields and values", f.Name())
			}
			return free(n, depth)
		}
		return message(n, f.Message(), depth)
	}
	if n.Kind != yaml.ScalarNode {
		return nil, placed(n, "%s must be a single value", f.Name())
	}
	want, tags := "text; put it in quotes", []string{"!!str", "!!timestamp"}
	switch f.Kind() {
	case protoreflect.BoolKind:
		want, tags = "true or false", []string{"!!bool"}
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		want, tags = "a whole number", []string{"!!int"}
	}
	if !slices.Contains(tags, n.ShortTag()) {
		return nil, placed(n, "%s must be %s", f.Name(), want)
	}
	return scalar(n)
}

func message(n *yaml.Node, d protoreflect.MessageDescriptor, depth int) (any, error) {
	var names []string
	for i := range d.Fields().Len() {
		names = append(names, string(d.Fields().Get(i).Name()))
	}
	fields, err := object(n, names...)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for k, v := range fields {
		if out[k], err = fieldValue(v, d.Fields().ByName(protoName(k)), depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// free is a value without a schema.
func free(n *yaml.Node, depth int) (any, error) {
	if err := sound(n, depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		fields, err := object(n)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for k, v := range fields {
			if out[k], err = free(v, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			v, err := free(c, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	return scalar(n)
}

func scalar(n *yaml.Node) (any, error) {
	var err error
	switch n.ShortTag() {
	case "!!bool":
		var v bool
		err = n.Decode(&v)
		if err == nil {
			return v, nil
		}
	case "!!int":
		var v int64
		err = n.Decode(&v)
		if err == nil {
			return v, nil
		}
	case "!!float":
		var v float64
		err = n.Decode(&v)
		if err == nil {
			return v, nil
		}
	case "!!str", "!!timestamp":
		return n.Value, nil
	default:
		return nil, placed(n, "values of the type %s are not taken", n.ShortTag())
	}
	return nil, placed(n, "%q is no value of its type", n.Value)
}

// duration takes Go's durations, and is what protojson takes: seconds.
func duration(n *yaml.Node, f protoreflect.FieldDescriptor) (any, error) {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 {
		return nil, placed(n, "%s must be a time such as 30s, 10m or 2h", f.Name())
	}
	return fmt.Sprintf("%d.%09ds", d/time.Second, d%time.Second), nil
}

// withoutPlace takes protojson's place in text that nobody has seen out of its error.
func withoutPlace(err error) string {
	return regexp.MustCompile(`^proto:\s+(\(line \d+:\d+\): )?`).ReplaceAllString(err.Error(), "")
}
