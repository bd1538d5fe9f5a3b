package catalogue_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// want is the list of clause 8 with its keywords, copied by hand from the standard.
var want = []struct {
	id      string
	keyword model.Keyword
}{
	{"8.1.a", model.Shall},
	{"8.1.b", model.Should},
	{"8.1.c", model.ShallNot},
	{"8.2.a", model.Should},
	{"8.2.b", model.Should},
	{"8.2.c", model.Should},
	{"8.2.d", model.Should},
	{"8.3.a", model.ShallNot},
	{"8.3.b", model.Should},
	{"8.3.c", model.Should},
	{"8.3.d", model.Should},
	{"8.4.a", model.Should},
	{"8.4.b", model.ShallNot},
	{"8.4.c", model.Should},
	{"8.4.d", model.Should},
	{"8.4.e", model.Should},
	{"8.5.a", model.Should},
	{"8.5.b", model.Should},
	{"8.5.c", model.Should},
	{"8.5.d", model.Should},
	{"8.5.e", model.Should},
	{"8.5.f", model.Should},
	{"8.6.1.a", model.Shall},
	{"8.6.1.b", model.Should},
	{"8.6.1.c", model.Should},
	{"8.6.2.a.1", model.Should},
	{"8.6.2.a.2", model.Should},
	{"8.6.2.b", model.Should},
	{"8.6.2.c", model.Should},
}

func load(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllRequirementsInOrder(t *testing.T) {
	c := load(t)
	if len(want) != 29 || len(c.Requirements) != len(want) {
		t.Fatalf("%d requirements, want 29", len(c.Requirements))
	}
	for i, w := range want {
		r := c.Requirements[i]
		if r.ID != w.id || r.Keyword != w.keyword {
			t.Errorf("requirement %d is %s %s, want %s %s", i, r.ID, r.Keyword, w.id, w.keyword)
		}
		if got, ok := c.Requirement(w.id); !ok || got.ID != w.id {
			t.Errorf("Requirement(%q) does not find it", w.id)
		}
	}
}

func TestIDsAreOrderedAndUnique(t *testing.T) {
	c := load(t)
	lists := map[string][]string{}
	for _, x := range c.Sections {
		lists["sections"] = append(lists["sections"], x.ID)
	}
	for _, x := range c.Requirements {
		lists["requirements"] = append(lists["requirements"], x.ID)
	}
	for _, x := range c.Threats {
		lists["threats"] = append(lists["threats"], x.ID)
	}
	for name, ids := range lists {
		// No number in clauses 7 and 8 has two digits; a digit sorts after a letter only in 7.7, whose lettered list
		// comes before its sub-clauses in the text.
		sorted := slices.IsSortedFunc(ids, func(a, b string) int {
			return strings.Compare(textOrder(a), textOrder(b))
		})
		if !sorted || len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("%s are not in the standard's order: %v", name, ids)
		}
	}
}

func textOrder(id string) string {
	return strings.NewReplacer("7.7.1", "7.7.x1", "7.7.2", "7.7.x2").Replace(id)
}

func TestReferencesResolve(t *testing.T) {
	c := load(t)
	answered := map[string]bool{}
	usedParts := map[string]bool{}
	for _, r := range c.Requirements {
		if len(r.Threats) == 0 || len(r.Parts) == 0 {
			t.Errorf("%s names no threat or no part", r.ID)
		}
		for _, id := range r.Threats {
			if _, ok := c.Threat(id); !ok {
				t.Errorf("%s names the unknown threat %q", r.ID, id)
			}
			answered[id] = true
		}
		for _, id := range r.Parts {
			if _, ok := c.Part(id); !ok {
				t.Errorf("%s names the unknown part %q", r.ID, id)
			}
			usedParts[id] = true
		}
		if _, ok := c.SectionOf(r.ID); !ok {
			t.Errorf("%s is in no section", r.ID)
		}
	}
	for _, th := range c.Threats {
		if !answered[th.ID] || len(c.Answering(th.ID)) == 0 {
			t.Errorf("no requirement answers the threat %s", th.ID)
		}
	}
	for _, p := range c.Parts {
		if !usedParts[p.ID] {
			t.Errorf("no requirement belongs to the part %s", p.ID)
		}
	}
}

// TestTexts walks every value, so that a new field of type Text is tested too.
func TestTexts(t *testing.T) {
	c := load(t)
	n := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if text, ok := v.Interface().(model.Text); ok {
			n++
			checkText(t, path, text)
			return
		}
		switch v.Kind() {
		case reflect.Slice:
			for i := range v.Len() {
				walk(path, v.Index(i))
			}
		case reflect.Struct:
			if id := v.FieldByName("ID"); id.IsValid() {
				path = id.String()
			}
			for i := range v.NumField() {
				walk(path+" "+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	walk("", reflect.ValueOf(*c))
	if least := 29 * 6; n < least {
		t.Errorf("only %d texts were looked at, want at least %d", n, least)
	}
}

func checkText(t *testing.T, path string, text model.Text) {
	t.Helper()
	han := func(r rune) bool { return unicode.Is(unicode.Han, r) }
	switch {
	case strings.TrimSpace(text.EN) == "" || strings.TrimSpace(text.ZH) == "":
		t.Errorf("%s: empty text", path)
	case strings.ContainsFunc(text.EN, han):
		t.Errorf("%s: Chinese in the English text: %s", path, text.EN)
	case !strings.ContainsFunc(text.ZH, han):
		t.Errorf("%s: no Chinese in the Chinese text: %s", path, text.ZH)
	case strings.ContainsAny(text.EN+text.ZH, "\n\t"):
		t.Errorf("%s: a text is one paragraph: %q", path, text.EN)
	}
}

func TestTechniques(t *testing.T) {
	form := regexp.MustCompile(`^T1\d{3}(\.\d{3})?$`)
	for _, th := range load(t).Threats {
		if len(th.Techniques) == 0 {
			t.Errorf("%s has no technique", th.ID)
		}
		for _, id := range th.Techniques {
			if !form.MatchString(id) {
				t.Errorf("%s: %q is no technique", th.ID, id)
			}
		}
	}
}

func TestSectionOf(t *testing.T) {
	c := load(t)
	for id, section := range map[string]string{"8.1.a": "8.1", "8.6.1.b": "8.6.1", "8.6.2.a.2": "8.6.2", "9.1": "", "8.10.a": ""} {
		if s, _ := c.SectionOf(id); s.ID != section {
			t.Errorf("SectionOf(%q) = %q, want %q", id, s.ID, section)
		}
	}
}
