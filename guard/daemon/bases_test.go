package daemon

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// bases are objects of which some images are there.
type bases struct{ slow }

// Object implements Objects.
func (bases) Object(_ context.Context, kind route.Object, name string) (*call.Object, error) {
	if strings.HasPrefix(name, "far") {
		return nil, &objects.Fault{Status: http.StatusNotFound, Kind: kind, Message: "not here", Reason: objects.ErrNotFound}
	}
	return &call.Object{Kind: kind, ID: name, Name: name}, nil
}

// Steps of a build have the labels of what it begins with: whoever may see the whole host gives nobody a container by that, either.
func TestBasesWithLabelsOfTheGuard(t *testing.T) {
	built := ""
	d := New(Parts{Objects: bases{}, Judge: judge(everything), Who: root{}, Dir: t.TempDir(), Engine: before(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/forged/json"):
			_, _ = io.WriteString(w, `{"Config":{"Labels":{"a":"b","IO.bulkhead.owner":"mallory"}}}`)
		case strings.HasSuffix(r.URL.Path, "/triggers/json"):
			_, _ = io.WriteString(w, `{"Config":{"OnBuild":["COPY --from=x / /","LABEL io.bulkhead.owner=mallory"]}}`)
		case strings.HasSuffix(r.URL.Path, "/json"):
			_, _ = io.WriteString(w, `{"Config":{"Labels":{"a":"b","io.bulkhead.build":"x"},"OnBuild":["ADD http://h.test/x /"]}}`)
		default:
			text, _ := io.ReadAll(r.Body)
			built = string(text)
		}
	})})
	s := httptest.NewServer(d)
	defer s.Close()
	for text, fine := range map[string]bool{
		"FROM plain\nRUN x": true, "FROM far/away\nRUN x": true, "FROM scratch\nCOPY a b": true, "ARG A=plain\nFROM $A\nADD http://h.test/x /": true, "FROM a AS forged\nFROM forged": true,
		"FROM forged\nRUN x": false, "ARG A=forg\nARG B=${A}ed\nFROM $B\nRUN x": false, "ARG V=plain\nFROM $V\nRUN x": false, "FROM plain\nFROM triggers\nRUN x": false,
		"FROM plain\nLABEL io.bulkhead.owner=mallory\nRUN x": false, "FROM plain\nONBUILD LABEL io.bulkhead.owner=mallory": false,
	} {
		built = ""
		sent := archive(t, map[string]string{"Dockerfile": text})
		status, told := send(t, s, "POST", "/v1.41/build?buildargs="+url.QueryEscape(`{"V":"forged","A":null}`), "application/x-tar", sent)
		if (status == http.StatusOK) != fine || (built == sent) != fine || !fine && !strings.Contains(strings.ToLower(told), "io.bulkhead.owner") {
			t.Errorf("%q: %d %s; the engine got %d bytes", text, status, told, len(built))
		}
	}
	if len(d.kept.each) != 0 {
		t.Errorf("places that are taken: %v", d.kept.each)
	}
	for change, fine := range map[string]bool{"ENV A=b": true, "LABEL a=b": true, "LABEL io.bulkhead.owner=mallory": false} {
		if status, told := send(t, s, "POST", "/v1.41/commit?container=a&changes="+url.QueryEscape(change), "application/json", "{}"); (status == http.StatusOK) != fine {
			t.Errorf("%s: %d %s", change, status, told)
		}
	}
}
