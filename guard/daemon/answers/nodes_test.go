package answers

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// Of nodes, whoever may not see the host as a whole sees that they are there and whether they work, and nothing else.
func TestNodes(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		w, err := write(t, e, "SwarmNodeList", bytes.NewReader(e.text("nodes")), nothing, false)
		if err != nil {
			t.Fatal(err)
		}
		var list []map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 {
			t.Fatalf("%v %s", err, w.Body)
		}
		for name, v := range list[0] {
			if !slices.Contains([]string{"ID", "Version", "CreatedAt", "UpdatedAt", "Status", "Spec"}, name) {
				t.Errorf("%s: %v", name, v)
			}
		}
		for part, names := range map[string][]string{"Status": {"State"}, "Spec": {"Role", "Availability"}} {
			m, _ := list[0][part].(map[string]any)
			if len(m) == 0 {
				t.Errorf("%s is empty", part)
			}
			for name, v := range m {
				if !slices.Contains(names, name) {
					t.Errorf("%s.%s: %v", part, name, v)
				}
			}
		}
	})
}
