package authz

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestDiffIsBounded: files that were made to be slow to compare are not compared, and others still are.
func TestDiffIsBounded(t *testing.T) {
	long := func(seed int) string {
		var b strings.Builder
		for i := range 60000 {
			fmt.Fprintf(&b, "%d\n", (i*seed+i/97)%120)
		}
		return b.String()
	}
	files := func(seed int, short string) []model.PolicyFile {
		return []model.PolicyFile{{Name: "long.cedar", Text: long(seed)}, {Name: "short.cedar", Text: short}}
	}
	d, err := Diff(files(7, "a\n"), files(11, "b\n"))
	if err != nil || len(d) > 1000 || !strings.Contains(d, "+++ draft/long.cedar\n(too long") || !strings.Contains(d, "-a\n+b") {
		t.Errorf("%v %.300s", err, d)
	}
	var old, draft []model.PolicyFile
	for i := range 100 {
		name := fmt.Sprintf("%02d.cedar", i)
		old = append(old, model.PolicyFile{Name: name, Text: strings.Repeat("a\n", 400)})
		draft = append(draft, model.PolicyFile{Name: name, Text: strings.Repeat("a\n", 399) + "b\n"})
	}
	if d, err = Diff(old, draft); err != nil || strings.Count(d, "+b\n") != 25 || strings.Count(d, "too long") != 75 {
		t.Errorf("%v %d %d", err, strings.Count(d, "+b\n"), strings.Count(d, "too long"))
	}
}
