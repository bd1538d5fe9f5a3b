package objects

import (
	"slices"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// TestImagesByID: what was found by its id is judged by that, and none of its names is taken for it; what was found by a name is that name.
func TestImagesByID(t *testing.T) {
	id := "sha256:" + hex('9')
	r := New(host())
	for name, byID := range map[string]bool{id: true, hex('9'): true, hex('9')[:12]: true, "lib/tool": false, "lib/tool:latest": false, "docker.io/lib/tool": false} {
		o, err := r.Object(t.Context(), route.Image, name)
		switch {
		case err != nil || o.ID != id || o.ByID != byID || o.Had:
			t.Errorf("%s: %v %+v", name, err, o)
		case byID && (o.Name != "" || !slices.Equal(o.Names, []string{"lib/tool:latest"})):
			t.Errorf("%s has a name of its own: %+v", name, o)
		case !byID && (o.Name != "lib/tool:latest" || o.Names != nil):
			t.Errorf("%s: %+v", name, o)
		}
	}
	for range 2 { // it is remembered the second time
		a := askOf(t, "POST", "/containers/create", `{"Image":"`+hex('9')[:12]+`"}`)
		if err := r.Complete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if u := a.Uses[0]; len(a.Uses) != 1 || !u.Object.ByID || u.Object.Had || u.Named != hex('9')[:12] {
			t.Errorf("%+v", a.Uses)
		}
	}
}

// TestRemoveByID: all names of an image go with it, and each is asked about; a refusal says what the caller called it.
func TestRemoveByID(t *testing.T) {
	a := askOf(t, "DELETE", "/images/"+hex('9')[:12], "")
	if err := New(host()).Complete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := call.Use{
		Object: call.Object{Kind: route.Image, ID: "sha256:" + hex('9'), Name: "lib/tool:latest"}, Action: "ImageDelete", Field: "names of the image", Named: hex('9')[:12],
	}
	if len(a.Uses) != 1 {
		t.Fatalf("%+v", a.Uses)
	}
	if u := a.Uses[0]; u.Object.Name != want.Object.Name || u.Object.ID != want.Object.ID || u.Object.ByID || u.Action != want.Action || u.Named != want.Named {
		t.Errorf("%+v", u)
	}
	a = askOf(t, "DELETE", "/images/lib/tool", "")
	if err := New(host()).Complete(t.Context(), a); err != nil || len(a.Uses) != 0 {
		t.Errorf("%v %+v", err, a.Uses)
	}
}
