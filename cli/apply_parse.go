package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Limits of what `bulkhead apply` reads.
const (
	mostApplyBytes = 4 << 20 // of all files together
	mostApplyFiles = 256
	mostApplyDocs  = 2000
	mostApplyDepth = 32
)

const applyVersion = "bulkhead/v1"

// document is an object as a file says it shall be.
type document struct {
	at     string // FILE:LINE
	kind   *applyKind
	tenant string
	name   string
	given  []string      // fields of the spec that are there; the others stay as they are
	spec   proto.Message // with these fields, and name and tenant
	paths  []string      // files with policies, still to be read
	within string        // what an exception's end was given as, where that was not a day
}

// parseDocuments reads the documents of a file. tenant is that of documents which name none.
func parseDocuments(file, tenant string, text []byte) ([]*document, error) {
	var out []*document
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(n.Content) != 1 || n.Content[0].ShortTag() == "!!null" {
			continue // nothing between two separators
		}
		if len(out) == mostApplyDocs {
			return nil, fmt.Errorf("%s has more than %d documents", file, mostApplyDocs)
		}
		doc, err := parseDocument(n.Content[0], tenant)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", file, err)
		}
		doc.at = fmt.Sprintf("%s:%d", file, n.Content[0].Line)
		out = append(out, doc)
	}
}

// placed is an error at a line; the file's name comes in front.
func placed(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%d: %w", n.Line, fmt.Errorf(format, args...))
}

func parseDocument(n *yaml.Node, tenant string) (*document, error) {
	top, err := object(n, "apiVersion", "kind", "metadata", "spec")
	if err != nil {
		return nil, err
	}
	for _, f := range []string{"apiVersion", "kind", "metadata", "spec"} {
		if top[f] == nil {
			return nil, placed(n, "the document has no %s", f)
		}
	}
	if v := top["apiVersion"]; v.Value != applyVersion {
		return nil, placed(v, "apiVersion is %q; this program knows %s", v.Value, applyVersion)
	}
	d := &document{tenant: tenant}
	for _, k := range applyKinds() {
		if k.name == top["kind"].Value {
			d.kind = k
		}
	}
	if d.kind == nil {
		return nil, placed(top["kind"], "unknown kind %q; kinds are %s", top["kind"].Value, kindNames())
	}
	if err := d.metadata(top["metadata"]); err != nil {
		return nil, err
	}
	return d, d.read(top["spec"])
}

func (d *document) metadata(n *yaml.Node) error {
	meta, err := object(n, "name", "tenant")
	if err != nil {
		return err
	}
	for _, f := range []struct {
		key string
		to  *string
	}{{"name", &d.name}, {"tenant", &d.tenant}} {
		if v := meta[f.key]; v != nil {
			if v.Kind != yaml.ScalarNode || v.Value == "" || len(v.Value) > 100 {
				return placed(v, "metadata.%s must be text of at most 100 bytes", f.key)
			}
			*f.to = v.Value
		}
	}
	switch {
	case d.kind.ofNone && meta["tenant"] != nil:
		return placed(n, "a %s is in no tenant", d.kind.name)
	case d.kind.ofNone:
		d.tenant = ""
	case d.tenant == "":
		return placed(n, "metadata has no tenant; name it there, or for all with --tenant")
	}
	if d.name == "" && !d.kind.nameless {
		return placed(n, "metadata has no name")
	}
	return nil
}

// read checks the spec against the message of the API, field by field, so that errors name their line.
func (d *document) read(n *yaml.Node) error {
	fields, err := object(n, d.kind.fields...)
	if err != nil {
		return err
	}
	if p := fields["paths"]; p != nil {
		if d.paths, err = pathList(p); err != nil {
			return err
		}
		delete(fields, "paths")
	}
	d.given = slices.Sorted(maps.Keys(fields))
	d.spec = d.kind.message()
	values := map[string]any{}
	if v := fields["expires"]; v != nil && v.Kind == yaml.ScalarNode {
		if day, ok := inDays(v.Value, time.Now()); ok {
			d.within, v.Value = v.Value, day
		}
	}
	for name, v := range fields {
		if values[name], err = fieldValue(v, d.spec.ProtoReflect().Descriptor().Fields().ByName(protoName(name)), 1); err != nil {
			return err
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return placed(n, "spec: %w", err)
	}
	if err := protojson.Unmarshal(b, d.spec); err != nil {
		return placed(n, "spec: %s", withoutPlace(err))
	}
	d.kind.fill(d.spec, d)
	return nil
}

// validate holds the object to the rules of the API, as the server would.
func (d *document) validate() error {
	if err := protovalidate.Validate(d.spec); err != nil {
		return fmt.Errorf("%s: %s", d.at, strings.ReplaceAll(strings.TrimPrefix(err.Error(), "validation error: "), "\n", ""))
	}
	set, ok := d.spec.(*bulkheadv1.PolicySet)
	if !ok {
		return nil
	}
	if len(d.paths) == 0 && !slices.Contains(d.given, "files") {
		return fmt.Errorf("%s: a PolicySet needs files or paths; [] means none at all", d.at)
	}
	seen := map[string]bool{}
	for _, f := range set.GetFiles() {
		if seen[f.GetName()] {
			return fmt.Errorf("%s: the policies have two files %s", d.at, f.GetName())
		}
		seen[f.GetName()] = true
	}
	return nil
}

func pathList(n *yaml.Node) ([]string, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) > mostApplyFiles {
		return nil, placed(n, "paths must be a list of at most %d files or directories", mostApplyFiles)
	}
	var out []string
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode || c.Value == "" {
			return nil, placed(c, "a path must be text")
		}
		out = append(out, c.Value)
	}
	return out, nil
}

// key tells objects apart.
func (d *document) key() string { return d.kind.name + " " + d.kind.label(d.spec, d.tenant, d.name) }
