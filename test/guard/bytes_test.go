//go:build e2e

package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// ordered puts the elements of a list in order, each as it is: engines give some lists in any.
func ordered(body []byte) string {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		return string(body)
	}
	all := make([]string, 0, len(list))
	for _, one := range list {
		all = append(all, string(one))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestSameBytes: what an engine says of what it has, it says through the door in the same bytes, with the same headers.
func TestSameBytes(t *testing.T) {
	old, newest := clients(t)
	for kind, c := range map[lab.Kind]client{lab.Debian: old, lab.Current: newest} {
		t.Run(string(kind), func(t *testing.T) {
			s := newSide(t, kind, "a")
			if err := s.equip(c); err != nil {
				t.Fatal(err)
			}
			s.socket = s.engine.Socket
			const world = `set -e; docker network create --label a=b net; docker volume create --label a=b vol
				docker create --name web --label a=b --network net -v vol:/data -p 127.0.0.1::80 -e A=1 lab/sh:1 sleep 600
				docker create --name other lab/sh:1 true; docker start web; docker start -a other`
			if a := s.run(t.Context(), c, world); a.code != 0 {
				t.Fatal(a)
			}
			direct, through := plain(s.engine.Socket), plain(startGuard(t, s.dir, s.engine.Socket, "none").socket)
			for _, version := range []string{"", "/v1.40", "/v1.41"} {
				for _, call := range []string{
					"GET /_ping", "HEAD /_ping", "GET /version", "GET /containers/json", "GET /containers/json?all=1&size=1",
					"GET /containers/json?all=1&filters={\"label\":[\"a=b\"]}", "GET /containers/web/json", "GET /containers/web/json?size=1",
					"GET /containers/other/json", "GET /containers/other/logs?stdout=1&stderr=1", "GET /containers/web/changes", "GET /containers/none/json",
					"GET /containers/web/archive?path=/etc/passwd", "HEAD /containers/web/archive?path=/etc/passwd", "GET /containers/web/archive?path=/none",
					"GET /images/json", "GET /images/json?all=1&digests=1", "GET /images/lab/sh:1/json", "GET /images/lab/sh:1/history",
					"GET /networks", "GET /networks/net", "GET /networks/net?verbose=1", "GET /volumes", "GET /volumes/vol", "GET /plugins",
					"GET /swarm", "GET /services", "GET /nodes",
				} {
					method, path, _ := strings.Cut(call, " ")
					var got [2]string
					for i, way := range []*http.Client{direct, through} {
						res, body, err := fetch(t.Context(), way, method, version+path) //nolint:bodyclose // fetch closes it
						if err != nil {
							t.Fatal(err)
						}
						res.Header.Del("Date")
						if res.StatusCode >= http.StatusBadRequest { // it may be the guard's own, or be about the full id
							res.Header, res.ContentLength = nil, 0
							body = regexp.MustCompile(`in container \w+`).ReplaceAll(body, []byte("in container"))
						}
						got[i] = fmt.Sprintf("%s %v %d\n%s", res.Status, res.Header, res.ContentLength, ordered(body))
					}
					if d := cmp.Diff(got[0], got[1]); d != "" {
						t.Errorf("%s %s%s directly, and through the door: %s", method, version, path, d)
					}
				}
			}
		})
	}
}
