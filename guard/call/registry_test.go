package call_test

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

func TestRegistryOf(t *testing.T) {
	for name, want := range map[string]string{
		"":                            call.DockerHub,
		"nginx:1":                     call.DockerHub,
		"library/nginx":               call.DockerHub,
		"index.docker.io/x":           call.DockerHub,
		"Registry-1.Docker.io/x":      call.DockerHub,
		"localhost/x":                 "localhost",
		"localhost:5000/x":            "localhost:5000",
		"registry.example:5000/a/b:1": "registry.example:5000",
		"REGISTRY/x":                  "registry", // no name of a repository has capitals: the engine takes it for a host
		"evil.example/no reference":   "evil.example",
		"evil.example/../NOT/one":     "evil.example",
	} {
		if got := call.RegistryOf(name); got != want {
			t.Errorf("%q is of %q, not of %q", name, got, want)
		}
	}
}

func TestRegistryAt(t *testing.T) {
	for address, want := range map[string]string{
		"":                              call.DockerHub,
		"https://index.docker.io/v1/":   call.DockerHub,
		"Registry.Example:5000":         "registry.example:5000",
		"http://127.0.0.1:5000/v2/?x=1": "127.0.0.1:5000",
		"http://[::1]:5000":             "[::1]:5000",
		"https://":                      "https://",
		"https://a b/":                  "https://a b/",
	} {
		if got := call.RegistryAt(address); got != want {
			t.Errorf("%q is %q, not %q", address, got, want)
		}
	}
}

func FuzzRegistry(f *testing.F) {
	f.Add("registry.example:5000/a/b:1")
	f.Add("https://index.docker.io/v1/")
	f.Fuzz(func(t *testing.T, text string) {
		of, at := call.RegistryOf(text), call.RegistryAt(text)
		if of == "" && !strings.HasPrefix(text, "/") || at == "" {
			t.Errorf("%q is of %q, at %q", text, of, at)
		}
		if strings.Contains(of, "/") {
			t.Errorf("%q is of %q, which is no host", text, of)
		}
	})
}
