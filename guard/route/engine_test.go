package route

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"
)

// engine routes as the newest engine does: with its patterns, in its order, in its router, and reads parameters by its rules.
type engine struct {
	router *mux.Router
	got    *meaning
}

// meaning is what the engine takes a request for.
type meaning struct {
	Pattern      string // with braces only: "/containers/{}/json"
	Version      string
	Name, Second string
	Form         url.Values
}

var braces = regexp.MustCompile(`\{[a-z]+(:[^}]*)?\}`)

// newEngine registers the routes as CreateMux of the engine's server does.
func newEngine(t testing.TB) *engine {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "engine.txt"))
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{router: mux.NewRouter()}
	for line := range strings.Lines(string(text)) {
		method, pattern, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || method == "#" {
			continue
		}
		handler := func(_ http.ResponseWriter, r *http.Request) {
			vars := mux.Vars(r)
			if err := r.ParseForm(); err != nil {
				return
			}
			e.got = &meaning{Pattern: braces.ReplaceAllString(pattern, "{}"), Version: vars["version"], Form: r.Form}
			for _, name := range []string{"name", "id"} {
				if v, ok := vars[name]; ok {
					e.got.Name = v
				}
			}
			e.got.Second = vars["checkpoint"]
		}
		e.router.Path("/v{version:[0-9.]+}" + pattern).Methods(method).HandlerFunc(handler)
		e.router.Path(pattern).Methods(method).HandlerFunc(handler)
	}
	return e
}

// read is what the engine takes a request line for; nil where it refuses it.
func (e *engine) read(method, target string) *meaning {
	r, err := request(method, target)
	if err != nil {
		return nil
	}
	e.got = nil
	e.router.ServeHTTP(httptest.NewRecorder(), r)
	return e.got
}

// request reads a request line as servers of net/http do, the engine's and the guard's.
func request(method, target string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: docker\r\n\r\n")))
}

// boolOf, intOf and filtersOf read parameters as package httputils and package filters of the engine do.
func boolOf(f url.Values, name string) bool {
	switch strings.ToLower(strings.TrimSpace(f.Get(name))) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

func intOf(f url.Values, name string) (int64, bool) {
	n, err := strconv.ParseInt(f.Get(name), 10, 64)
	return n, err == nil
}

func filtersOf(text string) (map[string][]string, bool) {
	out := map[string][]string{}
	if text == "" {
		return out, true
	}
	var sets map[string]map[string]bool
	if json.Unmarshal([]byte(text), &sets) != nil {
		var lists map[string][]string
		if json.Unmarshal([]byte(text), &lists) != nil {
			return nil, false
		}
		sets = map[string]map[string]bool{}
		for name, list := range lists {
			sets[name] = map[string]bool{}
			for _, v := range list {
				sets[name][v] = true
			}
		}
	}
	for name, set := range sets {
		if len(set) > 0 {
			out[name] = slices.Sorted(maps.Keys(set))
		}
	}
	return out, true
}

// differ says where the engine would see another call than the guard did, in what the caller sent or in what the engine is sent.
func (e *engine) differ(c *Call, method, target string) error {
	to, err := c.Target(c.Version, c.Name)
	if err != nil {
		return err
	}
	for _, line := range []string{target, to} {
		m := e.read(method, line)
		if m == nil {
			return fmt.Errorf("the engine knows no %s %s", method, line)
		}
		want := meaning{Pattern: braces.ReplaceAllString(c.Route.Path, "{}"), Version: c.Version, Name: c.Name, Second: c.Second}
		have := *m
		have.Form = nil
		if have.Name == "" && have.Pattern == want.Pattern && !strings.Contains(want.Pattern, "{}") {
			want.Name = ""
		}
		if d := cmp.Diff(want, have); d != "" {
			return fmt.Errorf("%s %s: the guard and the engine: %s", method, line, d)
		}
		if err := sameQuery(&c.Query, c.Route, m.Form); err != nil {
			return fmt.Errorf("%s %s: %w", method, line, err)
		}
	}
	return nil
}

// sameQuery holds parameters as the guard read them to what the engine makes of a form.
func sameQuery(q *Query, r *Route, f url.Values) error {
	for _, p := range r.Query {
		bad := false
		switch p.Type {
		case Bool:
			v, there := q.Bools[p.Name]
			bad = v != boolOf(f, p.Name) || there != f.Has(p.Name)
		case Int:
			v, there := q.Ints[p.Name]
			n, ok := intOf(f, p.Name)
			bad = there != ok || v != n
		case Text, Value:
			v, there := q.Texts[p.Name]
			bad = v != f.Get(p.Name) || there != f.Has(p.Name)
		case List:
			bad = !slices.Equal(q.Lists[p.Name], f[p.Name])
		case Filters:
			want, ok := filtersOf(f.Get(p.Name))
			have := map[string][]string{}
			for name, list := range q.Filters {
				have[name] = slices.Sorted(slices.Values(list))
			}
			bad = !ok || !maps.EqualFunc(want, have, slices.Equal)
		}
		if bad {
			return fmt.Errorf("the guard and the engine read %s of %v in different ways", p.Name, f)
		}
	}
	for name := range f {
		if _, ok := r.param(name); !ok {
			return fmt.Errorf("the engine reads %s, the guard does not", name)
		}
	}
	return nil
}

// recordedCalls are calls of real clients (test/guard), as seeds.
func recordedCalls(t testing.TB) (calls []struct{ Method, Target string }) {
	t.Helper()
	files, err := filepath.Glob("../daemon/testdata/calls/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recorded calls: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var c struct{ Method, Target string }
			if err := json.Unmarshal(line, &c); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			calls = append(calls, c)
		}
	}
	return calls
}

// Every route of the table is the engine's of the same pattern, by all names that could be taken for another route.
func TestTableRoutesAsTheEngine(t *testing.T) {
	e, r := newEngine(t), New()
	for _, row := range Table() {
		for _, name := range []string{"a", "json", "get", "create", "search", "prune", "load", "a/b", "a/json", "json/json", "a/b:1", "localhost:5000/a/get", "a/push", "a/tag"} {
			target := braces.ReplaceAllString(strings.Replace(row.Path, "{name}", name, 1), "x")
			for _, prefix := range []string{"", "/v1.56"} {
				c, err := r.Match(row.Method, prefix+target)
				if err != nil {
					continue // a name that is none, or for that version
				}
				if err := e.differ(c, row.Method, prefix+target); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// What real clients send is understood, and as the engine does.
func TestRecordedCalls(t *testing.T) {
	e, r := newEngine(t), New()
	calls := recordedCalls(t)
	if len(calls) < 200 {
		t.Errorf("only %d calls are recorded", len(calls))
	}
	for _, call := range calls {
		c, err := r.Match(call.Method, call.Target)
		if err != nil {
			t.Errorf("%s %s: %v", call.Method, call.Target, err)
			continue
		}
		if err := e.differ(c, call.Method, call.Target); err != nil {
			t.Error(err)
		}
	}
}

// Whatever is understood, the engine's own router and readers of parameters understand in the same way: of what the caller sent, and of what
// the engine is sent.
func FuzzAsTheEngine(f *testing.F) {
	for _, call := range recordedCalls(f) {
		f.Add(call.Method, call.Target)
	}
	for _, row := range Table() {
		f.Add(row.Method, "/v1.44"+braces.ReplaceAllString(row.Path, "a/json"))
	}
	e, r := newEngine(f), New()
	f.Fuzz(func(t *testing.T, method, target string) {
		c, err := r.Match(method, target)
		if err != nil {
			return
		}
		if _, err := request(method, target); err != nil {
			return // the guard's own server takes no such request line
		}
		if err := e.differ(c, method, target); err != nil {
			t.Fatal(err)
		}
	})
}
