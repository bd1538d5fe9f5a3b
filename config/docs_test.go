package config_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-security/bulkhead/config"
)

// TestDocumentation holds docs/configuration.md to the code: its example is a valid file that says the defaults, and no
// setting is missing in it.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example in the document")
	}
	got, err := config.Load(write(t, example), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	got.Assess.HostPaths = want.Assess.HostPaths // shortened in the document
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(),
		cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Assess.Exceptions" }, cmp.Ignore())); d != "" {
		t.Errorf("the example says other than the defaults:\n%s", d)
	}
	example = strings.ReplaceAll(string(b), "{", " ") // what lists hold is told in examples of their own
	for _, name := range settings(reflect.TypeFor[config.Config]()) {
		if !strings.Contains(example, " "+name+":") && !strings.Contains(example, "\n"+name+":") &&
			!strings.HasPrefix(example, name+":") && !strings.Contains(example, " "+name+",") {
			t.Errorf("configuration.md does not tell of %q", name)
		}
	}
}

func settings(typ reflect.Type) (names []string) {
	for typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return nil
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			names = append(append(names, name), settings(f.Type)...)
		}
	}
	return names
}

func TestEmptyFileSaysTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "log:\n"} {
		got, err := config.Load(write(t, text), nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if d := cmp.Diff(config.Default(), got); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
}
