package daemon

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// tagged notes the names that it is told of.
type tagged struct {
	slow
	names *[]string
}

// Tags implements Objects.
func (t tagged) Tags(_ context.Context, _ *call.Ask, names []string, _ string) error {
	*t.names = append(*t.names, names...)
	return nil
}

// TestLoad: the names of an archive are asked about, and the engine gets the archive that had them; who may see the whole host loads as it comes.
func TestLoad(t *testing.T) {
	text := archive(t, map[string]string{"manifest.json": `[{"RepoTags":["busybox:1"]}]`})
	for _, c := range []struct {
		what, sent string
		judge      call.Judge
		status     int
		names      []string
	}{
		{"an archive", text, notWhole{everything}, http.StatusOK, []string{"busybox:1"}},
		{"no archive", "busybox", notWhole{everything}, http.StatusBadRequest, nil},
		{"an archive for the whole host", text, judge(everything), http.StatusOK, nil},
		{"anything for the whole host", "busybox", judge(everything), http.StatusOK, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			var got string
			var names []string
			s := httptest.NewServer(New(Parts{Who: root{}, Judge: c.judge, Objects: tagged{names: &names}, Dir: t.TempDir(), Engine: before(t, func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = string(b)
			})}))
			defer s.Close()
			status, told := send(t, s, http.MethodPost, "/v1.41/images/load", "application/x-tar", c.sent)
			if status != c.status || !slices.Equal(names, c.names) || (status == http.StatusOK) != (got == c.sent) {
				t.Errorf("%d %s: names %q, the engine got %d bytes", status, told, names, len(got))
			}
		})
	}
}
