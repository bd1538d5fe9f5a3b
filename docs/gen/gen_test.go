package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// generated runs the generator at the root of the repository and returns what it wrote, by path.
func generated(t *testing.T) map[string]string {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "requirements"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "requirements", "8.9.z.md"), []byte("stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(dir)+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPages(t *testing.T) {
	files := generated(t)
	if want := 2*(29+1) + 3 + 2 + 1; len(files) != want {
		t.Errorf("%d files, want %d", len(files), want)
	}
	links := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for name, text := range files {
		if strings.Contains(text, "<no value>") || strings.Contains(text, "\n\n\n") || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: a hole, a gap of two empty lines or no newline at the end", name)
		}
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		for _, m := range links.FindAllStringSubmatch(text, -1) {
			if to := filepath.ToSlash(filepath.Join(filepath.Dir(name), m[1])); files[to] == "" {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
	for _, c := range assess.Checks() {
		id, _, _ := strings.Cut(c.ID, "/")
		for _, page := range []string{"requirements/" + id + ".md", "requirements/zh/" + id + ".md"} {
			if !strings.Contains(files[page], "### `"+c.ID+"`") {
				t.Errorf("%s does not tell of %s", page, c.ID)
			}
		}
	}
	for _, item := range assess.DockerBench() {
		if !strings.Contains(files["coverage.md"], "| "+item.ID+" |") {
			t.Errorf("coverage.md misses %s", item.ID)
		}
	}
}

func TestSameCodeSameBytes(t *testing.T) {
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join("..", ".."))
	run := func() map[string][]byte {
		files := map[string][]byte{}
		if err := (site{cat, assess.Checks()}).pages(files); err != nil {
			t.Fatal(err)
		}
		if err := schemas(files); err != nil {
			t.Fatal(err)
		}
		return files
	}
	if !reflect.DeepEqual(run(), run()) {
		t.Error("two runs differ")
	}
}

// TestCheckOnPage shows a page with a check and the coverage that follows from its reference.
func TestCheckOnPage(t *testing.T) {
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := site{cat, []assess.Check{{
		ID: "8.1.c/mode", Title: model.Text{EN: "Mode | of it", ZH: "权限"}, Severity: model.High, Essential: true,
		References: []string{"CIS Docker 1.6.0 3.3"}, Remediation: model.Text{EN: "chmod <FILE> `a*b`\nthen $X", ZH: "修改"},
	}}}
	files := map[string][]byte{}
	if err := s.pages(files); err != nil {
		t.Fatal(err)
	}
	for page, wants := range map[string][]string{
		"requirements/8.1.c.md": {
			`| Mode \| of it | high | yes |`, "References: CIS Docker 1.6.0 3.3",
			"What to do: chmod &lt;FILE> `a*b`<br>then \\$X\n",
		},
		"requirements/zh/8.1.c.md": {"| 权限 | 高 | 是 |", "处理办法：修改"},
		"coverage.md":              {"[8.1.c/mode](requirements/8.1.c.md)"},
	} {
		for _, want := range wants {
			if !bytes.Contains(files[page], []byte(want)) {
				t.Errorf("%s misses %q:\n%s", page, want, files[page])
			}
		}
	}
	if n := bytes.Count(files["coverage.md"], []byte("8.1.c/mode")); n != 1 {
		t.Errorf("the check answers for %d items, want 1 (3.3, not 3.31)", n)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a*b|c<d": `a\*b\|c&lt;d`, "`a*b|c` *": "`a*b\\|c` \\*", "odd ` one*": "odd \\` one\\*", " x\ny ": "x<br>y",
	} {
		if got := escape(in); got != want {
			t.Errorf("escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSchemas(t *testing.T) {
	files := generated(t)
	enums, err := enumerations("model")
	if err != nil {
		t.Fatal(err)
	}
	snapshot := compile(t, files["schema/snapshot.v1.schema.json"])
	assessment := compile(t, files["schema/assessment.v1.schema.json"])

	var full model.Snapshot
	fill(reflect.ValueOf(&full).Elem(), enums)
	full.Schema = model.SnapshotSchema
	small := &model.Snapshot{
		Schema: model.SnapshotSchema, Node: model.Node{Name: "n"}, Taken: time.Unix(0, 0).UTC(),
		Gaps: []model.Gap{{Path: "/engine", Collector: "engine", Reason: model.GapAbsent}},
	}
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		schema *jsonschema.Schema
		value  any
		change func(map[string]any)
		valid  bool
	}{
		"every field":          {snapshot, full, nil, true},
		"few fields":           {snapshot, small, nil, true},
		"unknown field":        {snapshot, small, func(m map[string]any) { m["hots"] = 1 }, false},
		"field missing":        {snapshot, small, func(m map[string]any) { delete(m, "taken") }, false},
		"other version":        {snapshot, small, func(m map[string]any) { m["schema"] = "bulkhead.snapshot/v2" }, false},
		"unknown gap reason":   {snapshot, small, func(m map[string]any) { m["gaps"].([]any)[0].(map[string]any)["reason"] = "?" }, false},
		"assessment":           {assessment, assess.Run(cat, small, assess.DefaultSettings()), nil, true},
		"assessment of it all": {assessment, assess.Run(cat, &full, assess.DefaultSettings()), nil, true},
		"unknown status": {assessment, assess.Run(cat, small, assess.DefaultSettings()), func(m map[string]any) {
			m["requirements"].([]any)[0].(map[string]any)["status"] = "fine"
		}, false},
	} {
		text, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(value.(map[string]any))
		}
		if err := c.schema.Validate(value); (err == nil) != c.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.Contains(files["schema/snapshot.v1.schema.json"], "stable and does not reveal the machine id") {
		t.Error("descriptions are missing")
	}
}

func compile(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill sets every field, so that a field which the schema does not know shows.
func fill(v reflect.Value, enums map[string][]any) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), enums)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), enums)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), enums)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, enums)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), value)
	case reflect.String:
		s := "x"
		if e := enums[v.Type().Name()]; e != nil {
			s = fmt.Sprint(e[0])
		}
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Uint64, reflect.Uint32, reflect.Uint8, reflect.Uint:
		v.SetUint(1)
	default:
		v.SetInt(1)
	}
}
