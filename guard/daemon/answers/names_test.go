package answers

import (
	"context"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// others is the judge of somebody to whom names that begin with 0/ are another tenant's, and who may see every image by its id.
func others(_ context.Context, objects []call.Object) ([]bool, error) {
	seen := make([]bool, len(objects))
	for i, o := range objects {
		seen[i] = o.ByID || !strings.HasPrefix(o.Name, "0/")
	}
	return seen, nil
}

const (
	plainImage  = `{ "Id":"sha256:b", "RepoTags":["busybox:1"] , "RepoDigests":["busybox@sha256:2"]}`
	sharedImage = `{"Id":"sha256:a","Descriptor":{"digest":"x","annotations":{"io.containerd.image.name":"docker.io/0/x:1","org.opencontainers.image.ref.name":"1","k":"v"}},` +
		`"RepoTags":["0/x:1","alpine:3"],"RepoDigests":["0/x@sha256:1","alpine@sha256:1"],"Size":7}`
	sharedLeft = `{"Id":"sha256:a","Descriptor":{"digest":"x","annotations":{"k":"v"}},"RepoTags":["alpine:3"],"RepoDigests":["alpine@sha256:1"],"Size":7}`
)

// TestNamesOfOthers: an image that many may use is there by its id, without the names that others gave it; whoever sees the host gets all.
func TestNamesOfOthers(t *testing.T) {
	for _, c := range []struct {
		action     route.Action
		text, left string
	}{
		{"ImageList", "[" + plainImage + "," + sharedImage + "]\n", "[" + plainImage + "," + sharedLeft + "]\n"},
		{"ImageList", `[{"Id":"sha256:a","RepoTags":["0/x:1"],"RepoDigests":null}]`, `[{"Id":"sha256:a","RepoTags":[],"RepoDigests":null}]`},
		{"ImageList", `[{"Id":"sha256:a","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"]}]`, ""},
		{"ImageInspect", sharedImage + "\n", sharedLeft + "\n"},
		{"ImageInspect", plainImage, ""},
		{"ImageInspect", `[{"Id":"sha256:a","Tags":["0/x:1","alpine:3"]}, {"Id":"<missing>","Tags":null}]`, `[{"Id":"sha256:a","Tags":["alpine:3"]},{"Id":"<missing>","Tags":null}]`},
		{"ImageInspect", `[ {"Id":"sha256:a","Tags":["alpine:3"]} ]`, ""}, // nothing to take out
		{"EngineDiskUsage", `{"LayersSize":9,"Images":[` + sharedImage + `]}`, `{"LayersSize":9,"Images":[` + sharedLeft + `]}`},
		{
			"EngineDiskUsage", `{"ImageUsage":{"TotalCount":1,"Items":[` + sharedImage + `]}}`,
			`{"ImageUsage":{"TotalCount":1,"Items":[` + sharedLeft + `]}}`,
		},
	} {
		if c.left == "" {
			c.left = c.text
		}
		for _, whole := range []bool{true, false} {
			want, sees := c.left, others
			if whole {
				want, sees = c.text, everything
			}
			w, err := write(t, engine{t, "debian"}, c.action, strings.NewReader(c.text), sees, whole)
			if err != nil || w.Body.String() != want {
				t.Errorf("%s, whole %v: %v\n%s\nwant\n%s", c.action, whole, err, w.Body, want)
			}
		}
	}
}

// A digest is of the tags of its repository, and stays where one of them is left.
func TestDigestsOfOthers(t *testing.T) {
	n := &naming{seen: map[string]bool{"reg:5000/a:1": true}, hidden: []string{"reg:5000/a:2", "0/x:1"}}
	for name, want := range map[string]bool{"reg:5000/a@sha256:1": true, "0/x@sha256:1": false, "0/xy@sha256:1": true, "reg@sha256:1": true} {
		if n.digest(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// Events of an image are asked about by its id and by the name that they tell of.
func TestEventsOfNames(t *testing.T) {
	lines := `{"Type":"image","Action":"tag","Actor":{"ID":"ID","Attributes":{"name":"0/x:1"}}}` + "\n" +
		`{"Type":"image","Action":"untag","Actor":{"ID":"ID","Attributes":{"name":"ID"}}}` + "\n"
	e := engine{t, "debian"}
	list, err := elements(e.text("images"))
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	first, err := elementOf(route.Image, list[0])
	if err != nil {
		t.Fatal(err)
	}
	lines = strings.ReplaceAll(lines, "ID\"", first.Id+"\"")
	lines = strings.ReplaceAll(lines, `"`+first.Id+`":`, `"ID":`)
	w, err := write(t, e, "EngineEvents", strings.NewReader(lines), others, false)
	if err != nil || strings.Contains(w.Body.String(), "0/x") || !strings.Contains(w.Body.String(), "untag") {
		t.Errorf("%v %s", err, w.Body)
	}
}
