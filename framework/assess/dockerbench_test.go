package assess

import (
	"strings"
	"testing"
)

// TestDockerBenchCovered holds the product to its promise: every check of docker-bench-security has a counterpart or
// a reason why not, never both, and no reference names a check that does not exist.
func TestDockerBenchCovered(t *testing.T) {
	by := map[string][]string{}
	for _, c := range Checks() {
		for _, ref := range c.References {
			if id, ok := strings.CutPrefix(ref, benchReference); ok {
				by[id] = append(by[id], c.ID)
			}
		}
	}
	known := map[string]bool{}
	for _, item := range DockerBench() {
		if known[item.ID] {
			t.Errorf("%s is listed twice", item.ID)
		}
		known[item.ID] = true
		switch checks := by[item.ID]; {
		case item.Title == "":
			t.Errorf("%s has no title", item.ID)
		case len(checks) == 0 && item.Why == "":
			t.Errorf("%s (%s): no check has the reference %q and there is no reason", item.ID, item.Title, benchReference+item.ID)
		case len(checks) > 0 && item.Why != "":
			t.Errorf("%s: answered by %v and excused as well", item.ID, checks)
		}
	}
	for id, checks := range by {
		if !known[id] {
			t.Errorf("%v refer to %s%s, which does not exist", checks, benchReference, id)
		}
	}
}

func TestDockerBenchSections(t *testing.T) {
	want := map[string]int{"1": 20, "2": 18, "3": 24, "4": 12, "5": 32, "6": 2, "7": 9, "8": 8, "C": 7}
	got := map[string]int{}
	for _, item := range DockerBench() {
		section, _, _ := strings.Cut(item.ID, ".")
		got[section]++
	}
	for s, n := range want {
		if got[s] != n {
			t.Errorf("section %s has %d items, want %d", s, got[s], n)
		}
	}
}
