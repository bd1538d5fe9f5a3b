package route

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// operation is what the engine's own description says of a call.
type operation struct {
	Parameters []struct {
		Name, In, Type string
	} `yaml:"parameters"`
}

// TestTableIsTheEngines holds the table to the description of the API that comes with the engine's Go module: every call that it has, with
// every parameter, and the other way round nothing that is in neither description nor this list.
func TestTableIsTheEngines(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "swagger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]operation `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	braces := regexp.MustCompile(`\{[a-z]+\}`)
	key := func(method, path string) string {
		return strings.ToUpper(method) + " " + braces.ReplaceAllString(path, "{}")
	}
	ours := map[string]Route{}
	for _, r := range Table() {
		k := key(r.Method, r.Path)
		if _, twice := ours[k]; twice {
			t.Errorf("%s is in the table twice", k)
		}
		ours[k] = r
	}
	described := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			k := key(method, path)
			described[k] = true
			r, ok := ours[k]
			if !ok {
				t.Errorf("the engine has %s, the table has not", k)
				continue
			}
			for _, p := range op.Parameters {
				if p.In != "query" {
					continue
				}
				if _, ok := r.param(p.Name); !ok {
					t.Errorf("%s: the engine takes %s, the table does not", k, p.Name)
				}
			}
		}
	}
	// Calls that the engine has and does not describe, from its routers (moby/v2 daemon/server/router).
	for _, k := range []string{
		"POST /build/cancel", "POST /grpc", "GET /containers/{}/checkpoints", "POST /containers/{}/checkpoints", "DELETE /containers/{}/checkpoints/{}",
	} {
		described[k] = true
	}
	for k := range ours {
		if !described[k] {
			t.Errorf("the table has %s, of which the engine knows nothing", k)
		}
	}
}

// Calls of the builder's protocol are there once, and those that start programs beside a build are not.
func TestServices(t *testing.T) {
	there := map[string]bool{}
	for _, r := range Services() {
		if there[r.Path] || r.Method != GRPC || r.Action == "" || r.Gives == "" || r.Effect != Reads && r.Effect != Changes {
			t.Errorf("%s is not whole, or twice: %+v", r.Path, r)
		}
		there[r.Path] = true
	}
	for _, name := range []string{"NewContainer", "ExecProcess", "ReleaseContainer"} {
		if there["/moby.buildkit.v1.frontend.LLBBridge/"+name] {
			t.Errorf("%s is there", name)
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	for _, r := range Table() {
		if r.Action == "" || r.On == "" || r.Gives == "" || (r.Effect != Reads && r.Effect != Changes) {
			t.Errorf("%s %s is not whole: %+v", r.Method, r.Path, r)
		}
		if r.Method == http.MethodGet && (r.Effect != Reads) != (r.Body == Socket) || r.Method == http.MethodDelete && r.Effect != Changes {
			t.Errorf("%s %s %s", r.Method, r.Path, r.Effect)
		}
		for _, p := range r.Query {
			switch p.Type {
			case Bool, Int, Text, List, Filters, Value:
			default:
				t.Errorf("%s %s: parameter %s of type %q", r.Method, r.Path, p.Name, p.Type)
			}
			if (p.Name == "filters") != (p.Type == Filters) {
				t.Errorf("%s %s: parameter %s of type %s", r.Method, r.Path, p.Name, p.Type)
			}
		}
	}
}
