package catalogue

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLoadIsStrict(t *testing.T) {
	for name, c := range map[string]struct{ text, err string }{
		"good":          {"- id: \"6.a\"\n  title: {en: a, zh: b}\n", ""},
		"unknown field": {"- id: \"6.a\"\n  tilte: {en: a, zh: b}\n", "tilte"},
		"double key":    {"- id: \"6.a\"\n  id: \"6.b\"\n", "id"},
		"not a list":    {"id: \"6.a\"\n", "parts.yaml"},
	} {
		files := fstest.MapFS{}
		for _, f := range []string{"sections", "requirements", "threats", "parts"} {
			files["data/"+f+".yaml"] = &fstest.MapFile{Data: []byte("[]\n")}
		}
		files["data/parts.yaml"].Data = []byte(c.text)
		_, err := load(files)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.err)
		}
	}
	if _, err := load(fstest.MapFS{}); err == nil {
		t.Error("a missing file is no error")
	}
}
