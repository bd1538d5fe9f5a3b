//go:build e2e

package docker

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

var record = flag.Bool("record", false, "write the engines' answers to testdata")

var (
	kernel    = regexp.MustCompile(`("KernelVersion": ?")[^"]*"`)
	joinToken = regexp.MustCompile(`SWMTKN-[0-9a-z-]+`)
)

// writeRecording keeps the answers that the collectors ask for, without what is particular to this machine.
func writeRecording(ctx context.Context, t *testing.T, e *lab.Engine, kind string, more ...string) {
	hc := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", e.Socket)
	}}}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]json.RawMessage{}
	get := func(path string) []byte {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/_ping" {
			body, _ = json.Marshal(res.Header.Get("Api-Version"))
		}
		body = kernel.ReplaceAll(body, []byte(`${1}6.1.0-18-amd64"`))
		clean := strings.NewReplacer(filepath.Dir(e.Socket), "/srv/engine", `"`+name+`"`, `"node1"`).Replace(string(body))
		clean = joinToken.ReplaceAllString(clean, "SWMTKN-1-recorded")
		out[path] = json.RawMessage(clean)
		return body
	}
	ids := func(path, key string) (list []string) {
		var items []map[string]any
		if err := json.Unmarshal(get(path), &items); err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			list = append(list, i[key].(string))
		}
		return list
	}
	for _, p := range []string{"/_ping", "/info", "/version", "/volumes", "/system/df"} {
		get(p)
	}
	for _, id := range ids("/containers/json?all=1", "Id") {
		get("/containers/" + id + "/json")
		get("/containers/" + id + "/changes")
	}
	for _, id := range ids("/images/json", "Id") {
		get("/images/" + id + "/json")
		get("/images/" + id + "/history")
	}
	for _, id := range ids("/networks", "Id") {
		get("/networks/" + id)
	}
	for _, p := range more {
		get(p)
	}
	body, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", kind+".json"), body, 0o644); err != nil {
		t.Fatal(err)
	}
}
