package body

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// bodies are the calls with a JSON body, by their action.
func bodies() map[string]*route.Route {
	all := map[string]*route.Route{}
	for _, r := range route.Table() {
		if call.BodyOf(&r) != nil {
			all[string(r.Action)] = &r
		}
	}
	return all
}

// differ says where the engine's decoder, which takes names in any case, the last of repeated ones, and anything beside, sees another value
// than the guard does: in what the caller sent, or in what the engine is sent. Values are compared as they are written.
func differ(t *testing.T, r *route.Route, text []byte) (taken bool) {
	t.Helper()
	ours := bodyOf(r)
	if Decode(text, ours) != nil {
		return false
	}
	want, err := Encode(ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range [][]byte{text, want} {
		engines := bodyOf(r)
		d := json.NewDecoder(bytes.NewReader(what))
		if err := d.Decode(engines); err != nil {
			t.Fatalf("%s: the engine does not take %s: %v", r.Action, what, err)
		}
		if d.More() {
			t.Fatalf("%s: something follows in %s", r.Action, what)
		}
		have, err := Encode(engines)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, have) {
			t.Fatalf("%s: of %s\nthe guard reads  %s\nthe engine reads %s", r.Action, what, want, have)
		}
		if created, is := ours.(*call.ContainerCreate); is {
			toTheOld(t, created, what)
		}
	}
	return true
}

// bodyOf is what the door decodes into.
func bodyOf(r *route.Route) any {
	if r.Action == "ContainerCreate" {
		return &call.ContainerCreate{}
	}
	return call.BodyOf(r)
}

// wrapper is how engines before 23 read the body of a container: what is HostConfig's counts at the top, too, unless there is a HostConfig.
type wrapper struct {
	*container.Config
	Inner            *container.HostConfig `json:"HostConfig,omitempty"`
	Cpuset           string                `json:",omitempty"`
	NetworkingConfig *network.NetworkingConfig
	*container.HostConfig
}

// toTheOld says where an old engine sees another HostConfig.
func toTheOld(t *testing.T, ours *call.ContainerCreate, text []byte) {
	t.Helper()
	var w wrapper
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatalf("an old engine does not take %s: %v", text, err)
	}
	if w.HostConfig != nil || w.Cpuset != "" {
		t.Fatalf("of %s\nan old engine reads %+v and Cpuset %q at the top", text, w.HostConfig, w.Cpuset)
	}
	want, err := Encode(ours.HostConfig)
	have, herr := Encode(w.Inner)
	if err != nil || herr != nil || !bytes.Equal(want, have) {
		t.Fatalf("of %s\nthe guard reads     %s %v\nan old engine reads %s %v", text, want, err, have, herr)
	}
}

// recorded are bodies that real clients sent (test/guard).
func recorded(t testing.TB, each func(action, text string)) {
	t.Helper()
	files, err := filepath.Glob("../testdata/calls/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recorded calls: %v", err)
	}
	router := route.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var c struct{ Method, Target, Body string }
			if err := json.Unmarshal(line, &c); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			m, err := router.Match(c.Method, c.Target)
			if err != nil {
				t.Fatalf("%s %s: %v", c.Method, c.Target, err)
			}
			if c.Body != "" && call.BodyOf(m.Route) != nil {
				each(string(m.Route.Action), c.Body)
			}
		}
	}
}

// What real clients send is taken, and means the same to the engine.
func TestRecordedBodies(t *testing.T) {
	all, n := bodies(), 0
	recorded(t, func(action, text string) {
		if n++; strings.Contains(text, `"nonsense"`) {
			return // what the tests send to be refused
		}
		// Beside the engine's own types: the door reads it (daemon/read.go).
		text = strings.Replace(text, `"MacAddress":"02:42:0a:e2:07:82","OnBuild"`, `"OnBuild"`, 1)
		if !differ(t, all[action], []byte(text)) {
			t.Errorf("%s: %s is not taken: %v", action, text, Decode([]byte(text), call.BodyOf(all[action])))
		}
	})
	if n < 50 {
		t.Errorf("only %d bodies are recorded", n)
	}
}

// Whatever is taken of any call's body, the engine's decoder takes for the same.
func FuzzAsTheEngine(f *testing.F) {
	recorded(f, func(action, text string) { f.Add(action, text) })
	for _, text := range []string{`{"Image":"a","Privileged":true}`, `{"Image":"a","HostConfig":{},"privileged":true}`, `{"Cpuset":"0"}`} {
		f.Add("ContainerCreate", text)
	}
	for action := range bodies() {
		f.Add(action, `{}`)
		f.Add(action, `null`)
	}
	all := bodies()
	f.Fuzz(func(t *testing.T, action, text string) {
		if r := all[action]; r != nil {
			differ(t, r, []byte(text))
		}
	})
}
