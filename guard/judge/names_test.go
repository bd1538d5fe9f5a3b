package judge_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// named says whose images are: names that begin with 0/ are globex's, those with own/ the caller's, and ids are as owned says.
type named struct{ owned }

func (n named) Of(o *call.Object, p *model.Principal) (tenant, owner string, err error) {
	switch {
	case !o.ByID && strings.HasPrefix(o.Name, "0/"):
		return "globex", "gus", nil
	case !o.ByID && strings.HasPrefix(o.Name, "own/"):
		return p.Tenant, p.ID, nil
	}
	return n.owned.Of(o, p)
}

func byID(id string, names ...string) call.Object {
	return call.Object{Kind: route.Image, ID: id, ByID: true, Names: names}
}

// TestNamesOfAnImage: what somebody of another tenant calls an image changes nothing of who may see and use it by its id.
func TestNamesOfAnImage(t *testing.T) {
	for _, c := range []struct {
		target string
		o      call.Object
		name   string
		seen   bool
	}{
		{"/images/json", byID("sha256:hosts", "0/x:1", "alpine:3"), "alpine:3", true},
		{"/images/json", byID("sha256:hosts", "0/x:1", "own/x:1"), "own/x:1", true},
		{"/images/json", byID("sha256:hosts", "0/x:1"), "", false}, // it has no name that shares it
		{"/images/json", byID("sha256:hosts"), "", false},
		{"/images/json", byID("sha256:hosts", "<none>:<none>"), "<none>:<none>", false},
		{"/images/json", byID("sha256:own", "0/x:1"), "", true},
		{"/images/json", byID("sha256:own"), "", true},
		{"/images/json?filter=0/x", byID("sha256:own", "0/x:1"), "", false},
		{`/images/json?filters={"reference":["0/x"]}`, byID("sha256:own", "0/x:1"), "", false},
		{`/images/json?filters={"reference":["*/x"]}`, byID("sha256:own", "0/x:1", "own/x:1"), "own/x:1", true},
		{"/images/json", byID("sha256:theirs", "0/x:1"), "0/x:1", false},
		{"/images/json", byID("sha256:theirs", "alpine:3"), "alpine:3", false},
	} {
		j := judgeWith(t, &log{}, named{owned{"sha256:own": "acme", "sha256:theirs": "globex"}})
		list := []call.Object{c.o}
		seen, err := j.Sees(t.Context(), ask(t, dev("dev"), "GET", c.target), list)
		if err != nil || seen[0] != c.seen || list[0].Name != c.name {
			t.Errorf("%s %v: %v %v %q", c.target, c.o.Names, err, seen, list[0].Name)
		}
	}
}

// TestUseByID: an image of the host's is run by its id whatever it is called, and is asked about.
func TestUseByID(t *testing.T) {
	for id, want := range map[string]bool{"sha256:hosts": true, "sha256:theirs": false} {
		a := ask(t, dev("dev"), "POST", "/containers/x/start")
		a.Object = of(route.Container, "c1", "acme", "dev")
		a.Uses = []call.Use{{Object: byID(id, "0/x:1", "alpine:3"), Action: "ImageRun", Field: "/Image"}}
		err := judgeWith(t, &log{}, named{owned{"sha256:theirs": "globex"}}).Judge(t.Context(), a)
		var no *call.Refusal
		if (err == nil) != want || err != nil && (!errors.As(err, &no) || !no.Hidden || no.Name != id) {
			t.Errorf("%s: %v %+v", id, err, no)
		}
	}
	a := ask(t, dev("dev"), "POST", "/containers/x/start")
	a.Object = of(route.Container, "c1", "acme", "dev")
	a.Uses = []call.Use{{Object: byID("sha256:step"), Action: "ImageRun", Field: "/Image"}}
	if err := judgeWith(t, &log{}, named{}).Judge(t.Context(), a); err == nil {
		t.Error("what has no name is a step of a build, and is run by nobody else")
	}
}

// TestRemovedByID: an own image that others gave a name to is not removed by its id, and the refusal does not tell the name.
func TestRemovedByID(t *testing.T) {
	for _, names := range [][]string{{"own/x:1"}, {"own/x:1", "0/x:1"}, {"0/x:1"}} {
		o := byID("sha256:own", names...)
		a := ask(t, dev("dev"), "DELETE", "/images/own")
		a.Object = &o
		others := false
		for _, n := range names {
			others = others || strings.HasPrefix(n, "0/")
			a.Uses = append(a.Uses, call.Use{Object: call.Object{Kind: route.Image, ID: o.ID, Name: n}, Action: "ImageDelete", Field: "names of the image"})
		}
		err := judgeWith(t, &log{}, mineByID{}).Judge(t.Context(), a)
		var no *call.Refusal
		if (err != nil) != others || err != nil && (!errors.As(err, &no) || no.Hidden || strings.Contains(err.Error(), "0/x")) {
			t.Errorf("%v: %v %+v", names, err, no)
		}
	}
}

// mineByID is named, of an image that the caller brought.
type mineByID struct{}

func (mineByID) Of(o *call.Object, p *model.Principal) (tenant, owner string, err error) {
	if !o.ByID && strings.HasPrefix(o.Name, "0/") {
		return "globex", "gus", nil
	}
	return p.Tenant, p.ID, nil
}
