package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	module     = "github.com/bulkhead-security/bulkhead"
	schemaBase = "https://" + module + "/docs/schema/"
)

// schemas writes the JSON Schemas of what Bulkhead reads and writes. It must run where ./model is the model's source.
func schemas(files map[string][]byte) error {
	enums, err := enumerations("model")
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name, version, title string
		value                any
	}{
		{"snapshot.v1.schema.json", model.SnapshotSchema, "Bulkhead snapshot", &model.Snapshot{}},
		{"assessment.v1.schema.json", model.AssessmentSchema, "Bulkhead assessment", &model.Assessment{}},
	} {
		r := &jsonschema.Reflector{ExpandedStruct: true, Mapper: func(t reflect.Type) *jsonschema.Schema {
			if values := enums[t.Name()]; t.PkgPath() == module+"/model" && values != nil {
				return &jsonschema.Schema{Type: "string", Enum: values}
			}
			return nil
		}}
		if err := r.AddGoComments(module, "./model", jsonschema.WithFullComment()); err != nil {
			return fmt.Errorf("the comments of ./model could not be read; run from the root of the repository: %w", err)
		}
		for k, v := range r.CommentMap {
			r.CommentMap[k] = strings.Join(strings.Fields(v), " ")
		}
		schema := r.Reflect(s.value)
		schema.ID, schema.Title = jsonschema.ID(schemaBase+s.name), s.title
		if p, ok := schema.Properties.Get("schema"); ok {
			p.Const = s.version
		}
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			return fmt.Errorf("the schema %s has no JSON form: %w", s.name, err)
		}
		files["schema/"+s.name] = append(text, '\n')
	}
	return nil
}

// enumerations finds the constants of each named string type, so that the schema can't forget one.
func enumerations(dir string) (map[string][]any, error) {
	out := map[string][]any{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no Go source in %s; run from the root of the repository (%w)", dir, os.ErrNotExist)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return nil, fmt.Errorf("the source of the model does not parse: %w", err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				collect(g, out)
			}
		}
	}
	return out, nil
}

func collect(g *ast.GenDecl, out map[string][]any) {
	for _, spec := range g.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		name, ok := v.Type.(*ast.Ident)
		if !ok {
			continue
		}
		for _, x := range v.Values {
			if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					out[name.Name] = append(out[name.Name], s)
				}
			}
		}
	}
}
