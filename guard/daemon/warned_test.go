package daemon

import (
	"io"
	"net/http"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// What was changed is told wherever the answer has a place for it, beside what the engine says.
func TestWarned(t *testing.T) {
	changed := func(a *call.Ask) error {
		a.Warnings = []string{"less memory"}
		return nil
	}
	s := door(t, changed, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.41/containers/b/update" {
			_, _ = io.WriteString(w, `{"Warnings":["no swap"]}`)
			return
		}
		_, _ = io.WriteString(w, `{"Warnings":null}`)
	})
	for path, want := range map[string]string{
		"/v1.41/containers/a/update":         `{"Warnings":["bulkhead: less memory"]}`,
		"/v1.41/containers/b/update":         `{"Warnings":["no swap","bulkhead: less memory"]}`,
		"/v1.41/containers/create":           `{"Warnings":["bulkhead: less memory"]}`,
		"/v1.41/services/create":             `{"Warnings":["bulkhead: less memory"]}`,
		"/v1.41/services/s/update?version=1": `{"Warnings":["bulkhead: less memory"]}`,
		"/v1.41/volumes/create":              `{"Warnings":null}`,
	} {
		if status, told := send(t, s, "POST", path, "application/json", "{}"); status != http.StatusOK || told != want {
			t.Errorf("%s: %d %s", path, status, told)
		}
	}
}
