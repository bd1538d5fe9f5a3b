package drill

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestTitles has every drill say in both languages what it is, and no two the same in Chinese: there a title says by itself what the attack is.
func TestTitles(t *testing.T) {
	titles, err := readTitles(titlesZH)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]string{}
	for _, d := range All() {
		zh := d.TitleZH
		switch {
		case d.Title == "" || strings.TrimSpace(zh) != zh || !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }):
			t.Errorf("%s: %q in English, %q in Chinese", d.ID, d.Title, zh)
		case of[zh] != "":
			t.Errorf("%s and %s have the same title: %s", of[zh], d.ID, zh)
		}
		of[zh] = d.ID
		delete(titles, d.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(titles)) {
		t.Errorf("titles.zh.yaml: there is no drill %s", id)
	}
}

// TestReadTitles refuses what would hide a title.
func TestReadTitles(t *testing.T) {
	for _, bad := range []string{"a/b: 甲\na/b: 乙\n", "a/b: [甲]\n", "- 甲\n"} {
		if got, err := readTitles([]byte(bad)); err == nil {
			t.Errorf("%q was read: %v", bad, got)
		}
	}
}
