package route

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	r := New()
	for _, c := range []struct {
		method, target string
		action         Action
		name, version  string
		to             string // for version 1.44 and the id "0a"
	}{
		{"GET", "/_ping", "EnginePing", "", "", "/v1.44/_ping"},
		{"GET", "/v1.41/containers/json?all=1&limit=5", "ContainerList", "", "1.41", "/v1.44/containers/json?all=1&limit=5"},
		{"GET", "/v1.41/containers/json?all=True&limit=", "ContainerList", "", "1.41", "/v1.44/containers/json?all=1"},
		{"GET", "/containers/web_1/json", "ContainerInspect", "web_1", "", "/v1.44/containers/0a/json"},
		{"GET", "/containers/json/json", "ContainerInspect", "json", "", "/v1.44/containers/0a/json"},
		{"POST", "/v1.24/containers/create?name=a", "ContainerCreate", "", "1.24", "/v1.44/containers/create?name=a"},
		{"DELETE", "/v1.56/containers/c1/checkpoints/cp", "CheckpointRemove", "c1", "1.56", "/v1.44/containers/0a/checkpoints/cp"},
		{"GET", "/v1.41/images/library/alpine:3/json", "ImageInspect", "library/alpine:3", "1.41", "/v1.44/images/0a/json"},
		{"GET", "/v1.41/images/library%2Falpine%3A3/json", "ImageInspect", "library/alpine:3", "1.41", "/v1.44/images/0a/json"},
		{"GET", "/images/json", "ImageList", "", "", "/v1.44/images/json"},
		{"GET", "/images/get?names=a&names=b", "ImageSave", "", "", "/v1.44/images/get?names=a&names=b"},
		{"GET", "/images/get/json", "ImageInspect", "get", "", "/v1.44/images/0a/json"},
		{"POST", "/plugins/vieux/sshfs:latest/enable?timeout=0", "PluginEnable", "vieux/sshfs:latest", "", "/v1.44/plugins/0a/enable?timeout=0"},
		{"GET", `/networks?filters={"name":["b"]}`, "NetworkList", "", "", "/v1.44/networks?filters=%7B%22name%22%3A%7B%22b%22%3Atrue%7D%7D"},
		{"GET", `/networks?filters={"name":{"b":true}}`, "NetworkList", "", "", "/v1.44/networks?filters=%7B%22name%22%3A%7B%22b%22%3Atrue%7D%7D"},
		{"POST", "/containers/c/unpause", "ContainerPause", "c", "", "/v1.44/containers/0a/unpause"},
	} {
		got, err := r.Match(c.method, c.target)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.target, err)
			continue
		}
		to, err := got.Target("1.44", "0a")
		if err != nil || got.Route.Action != c.action || got.Name != c.name || got.Version != c.version || to != c.to {
			t.Errorf("%s %s: %s of %q, version %q, to %s, %v", c.method, c.target, got.Route.Action, got.Name, got.Version, to, err)
		}
	}
}

func TestRefused(t *testing.T) {
	r := New()
	for _, c := range []struct {
		method, target string
		status         int
		why            string
	}{
		{"GET", "/containers//json", 400, "empty part"},
		{"GET", "//containers/json", 400, "empty part"},
		{"GET", "/containers/json/", 400, "empty part"},
		{"GET", "/containers/../containers/json", 400, `".."`},
		{"GET", "/v1.41/./containers/json", 400, `"."`},
		{"GET", "/containers/%2e%2e/json", 400, `".."`},
		{"GET", "/containers/a%252fb/json", 400, "character"},
		{"GET", "/containers/a%00/json", 400, "character"},
		{"GET", "/containers/a%0d%0aX:%20y/json", 400, "character"},
		{"GET", "/containers/ｊson", 400, "character"},
		{"GET", "/containers/a%2/json", 400, "percent"},
		{"GET", "/containers/a%2fb/json", 404, "knows no such"},
		{"GET", "http://localhost/containers/json", 400, "slash"},
		{"GET", "*", 400, "slash"},
		{"GET", "/v1.041/containers/json", 400, "no version"},
		{"GET", "/v01.41/containers/json", 400, "no version"},
		{"GET", "/v1/containers/json", 400, "no version"},
		{"GET", "/v1.41.1/containers/json", 400, "no version"},
		{"GET", "/v.../containers/json", 400, "no version"},
		{"GET", "/V1.41/containers/json", 400, "no version"},
		{"GET", "/v1.23/containers/json", 400, "not known"},
		{"GET", "/v1.57/containers/json", 400, "not known"},
		{"GET", "/v9.41/containers/json", 400, "not known"},
		{"GET", "/v1.41/v1.41/containers/json", 404, "knows no such"},
		{"POST", "/v1.24/secrets/create", 404, "came with 1.25"},
		{"PUT", "/containers/create", 405, "takes POST"},
		{"post", "/containers/create", 405, "takes POST"},
		{"OPTIONS", "/containers/json", 405, "takes GET"},
		{"GET", "/debug/pprof/heap", 404, "knows no such"},
		{"GET", "/metrics", 404, "knows no such"},
		{"GET", "/containers/json?all=1&all=0", 400, "more than once"},
		{"GET", "/containers/json?ALL=1", 400, "no such parameter"},
		{"GET", "/containers/json?all=maybe", 400, "true or false"},
		{"GET", "/containers/json?limit=1e3", 400, "number"},
		{"GET", "/containers/json?all=1;limit=2", 400, "well formed"},
		{"GET", "/containers/json?a%zz", 400, "well formed"},
		{"POST", "/containers/a/start?checkpoint-dir=/etc", 400, "no such parameter"},
		{"GET", `/networks?filters={"name":{"b":false}}`, 400, "false"},
		{"GET", `/networks?filters={"name":["a"],"name":["b"]}`, 400, "no filters"},
		{"GET", `/networks?filters={"name":["a"]}{}`, 400, "no filters"},
		{"GET", `/networks?filters=[]`, 400, "no filters"},
		{"GET", "/containers/" + strings.Repeat("a", 600) + "/json", 400, "more than"},
		{"GET", "/containers/json?filters=" + strings.Repeat("a", 70_000), 414, "more than"},
		{"GET", "/volumes/..%2f..%2fetc", 400, `".."`},
		{"GET", "/images/-a/json", 400, "no name"},
	} {
		_, err := r.Match(c.method, c.target)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Status != c.status || !strings.Contains(refusal.Why, c.why) {
			t.Errorf("%s %.60s: %+v", c.method, c.target, err)
		}
	}
}

// What was understood once is understood the same again from what the engine is sent.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		"/containers/json?all=1", "/v1.41/images/library/alpine:3/json", `/networks?filters={"name":{"b":true}}`, "/images/get?names=a&names=b",
		"/containers/a/archive?path=/etc/passwd", "/v1.30/distribution/a/b/json", "/containers/%2e%2e/json", "/build?t=a&t=b&buildargs={}",
	} {
		f.Add(http.MethodGet, s)
		f.Add(http.MethodPost, s)
	}
	r := New()
	f.Fuzz(func(t *testing.T, method, target string) {
		c, err := r.Match(method, target)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Status < 400 || refusal.Why == "" {
				t.Fatalf("refused without a reason: %v", err)
			}
			return
		}
		to, err := c.Target(NewestVersion, c.Name)
		if err != nil {
			t.Fatal(err)
		}
		again, err := r.Match(method, to)
		if err != nil {
			t.Fatalf("%s was understood, and %s is not: %v", target, to, err)
		}
		again.Version = c.Version
		if d := cmp.Diff(c, again, cmp.AllowUnexported(Query{}), cmp.Comparer(func(a, b *Route) bool { return a == b })); d != "" {
			t.Fatalf("%s and %s mean different things: %s", target, to, d)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	r := New()
	for b.Loop() {
		if _, err := r.Match(http.MethodGet, "/v1.44/containers/json?all=1&filters=%7B%22label%22%3A%7B%22a%22%3Atrue%7D%7D"); err != nil {
			b.Fatal(err)
		}
	}
}
