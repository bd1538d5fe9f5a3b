package objects

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// raced is an engine with a container whose image is none that its name stands for.
type raced struct{ image, called string }

// Get implements Engine.
func (r raced) Get(_ context.Context, target string) (int, []byte, error) {
	if u, err := url.Parse(target); err != nil || !strings.HasPrefix(u.Path, "/containers/") {
		return no(404, "no such image: it is gone")
	}
	return answer(200, map[string]any{"Id": hex('a'), "Name": "/web", "Image": r.image, "Config": map[string]any{"Image": r.called}})
}

// TestMadeOf: a start is asked about by the image that a container has, also when the engine shows that image no more.
func TestMadeOf(t *testing.T) {
	id := "sha256:" + hex('7')
	for _, c := range []struct{ image, called, name string }{
		{id, "app", "app:latest"},
		{id, "docker.io/library/app:1", "app:1"},
		{id, "reg.example/app@sha256:" + hex('1'), "reg.example/app@sha256:" + hex('1')},
		{id, id, id},
		{id, hex('7')[:12], hex('7')[:12]},
		{id, "", id},
		{"", "app", ""}, // an engine that does not say
		{"app:1", "app:1", "error"},
	} {
		a := askOf(t, "POST", "/containers/web/start", "")
		err := New(raced{c.image, c.called}).Complete(t.Context(), a)
		switch {
		case c.name == "error":
			if err == nil {
				t.Errorf("%+v: what is no id is taken for one: %+v", c, a.Uses)
			}
		case err != nil:
			t.Errorf("%+v: %v", c, err)
		case c.name == "":
			if len(a.Uses) != 0 {
				t.Errorf("%+v: %+v", c, a.Uses)
			}
		case len(a.Uses) != 1 || a.Uses[0].Action != "ImageRun" || a.Uses[0].Object.ID != c.image || a.Uses[0].Object.Name != c.name || !a.Uses[0].Object.ByID || !a.Uses[0].Object.Had:
			t.Errorf("%+v: %+v", c, a.Uses)
		}
	}
}

// Of images that a build takes from it is noted what they do once they are built upon, and which are not here.
func TestBases(t *testing.T) {
	s := &call.Solve{Images: []call.Named{{Name: "app:1"}, {Name: "app:2"}, {Name: "far:1"}}, Elsewhere: []call.Named{{Name: "old"}}}
	a := &call.Ask{Call: &route.Call{Route: &route.Route{Action: "BuildSolve"}}, Body: s}
	if err := New(host()).Complete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if len(s.Triggers) != 1 || len(s.Triggers["app:2"]) != 1 || len(s.Elsewhere) != 1 || s.Elsewhere[0].Name != "far:1" || len(a.Uses) != 3 || a.Uses[2].Action != "ImagePull" {
		t.Errorf("%+v %+v", s, a.Uses)
	}
}
