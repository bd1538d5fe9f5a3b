package strict

import "testing"

type file struct {
	Tests []struct{ Name string } `yaml:"tests"`
	Count int                     `yaml:"count"`
	Of    map[string]string       `yaml:"of"`
}

func TestYAML(t *testing.T) {
	var f file
	if err := YAML([]byte("tests: [{name: a}]\ncount: 2\n"), &f); err != nil || f.Count != 2 || f.Tests[0].Name != "a" {
		t.Errorf("%v, %+v", err, f)
	}
	for _, bad := range []string{"tests:\n !000 ", "typo: 1", "count: x", "[", "\x00"} {
		if err := YAML([]byte(bad), &file{}); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("tests: [{name: a}]\ncount: 2\nof: {a: b}")
	f.Add("tests:\n !000 ")
	f.Add("a: &x [1]\nb: *x")
	f.Fuzz(func(_ *testing.T, text string) { _ = YAML([]byte(text), &file{}) })
}
