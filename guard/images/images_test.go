package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// engine lists images, by id with their names.
type engine map[string][]string

func (e engine) mute(target string) bool {
	return slices.ContainsFunc(e["MUTE"], func(mute string) bool { return strings.HasPrefix(target, mute) })
}

// Get shows an image by its name.
func (e engine) Get(_ context.Context, target string) (int, []byte, error) {
	if e.mute(target) {
		return 500, nil, nil
	}
	for id, names := range e {
		if slices.Contains(names, strings.TrimSuffix(strings.TrimPrefix(target, "/images/"), "/json")) {
			return 200, []byte(`{"Id":"` + id + `"}`), nil
		}
	}
	return 404, nil, nil
}

func (e engine) List(_ context.Context, target string, each func(*jsontext.Decoder) error) (int, error) {
	if e.mute(target) {
		return 500, nil
	}
	var list []map[string]any
	for id, names := range e {
		container := slices.Contains(names, "CONTAINER")
		if strings.HasPrefix(target, "/containers/") {
			if container {
				list = append(list, map[string]any{"ImageID": id})
			}
			continue
		}
		if id == "MUTE" || container && len(names) == 1 { // the image itself is gone
			continue
		}
		one := map[string]any{"Id": id}
		var tags []string
		for _, n := range names {
			if by, label := strings.CutPrefix(n, "LABEL "); label {
				one["Labels"] = map[string]string{"a": "b", call.LabelBuild: by}
				continue
			}
			tags = append(tags, n)
		}
		one["RepoTags"] = tags
		list = append(list, one)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return 0, err
	}
	return 200, forward.Elements(bytes.NewReader(text), each)
}

// house is a memory before an engine.
type house struct {
	*testing.T
	engine engine
	kept   *Images
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, engine: engine{"sha256:base": {"busybox:1"}}}
	kept, err := Open(filepath.Join(t.TempDir(), "images.db"), h.engine, model.SystemTenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	h.kept = kept
	return h
}

func someone(id, tenant string) *call.Subject {
	return &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: id}, Tenant: tenant}}
}

// brings makes a call of somebody, in which the engine does something and answers.
func (h *house) brings(who *call.Subject, method, target string, names []string, does func() string) {
	h.Helper()
	c, err := route.New().Match(method, target)
	if err != nil {
		h.Fatal(err)
	}
	a := &call.Ask{Subject: who, Call: c}
	for _, n := range names {
		a.Object = &call.Object{Kind: route.Image, Name: n, New: true}
	}
	said, end, err := h.kept.Watch(h.Context(), a)
	if err != nil {
		h.Fatal(err)
	}
	answer := does()
	if said != nil {
		for _, part := range []string{answer[:len(answer)/2], answer[len(answer)/2:]} {
			if _, err := said.Write([]byte(part)); err != nil {
				h.Fatal(err)
			}
		}
	}
	if err := end(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) of(who *call.Subject, id, name string) Holder {
	h.Helper()
	tenant, owner, err := h.kept.Of(&call.Object{Kind: route.Image, ID: id, Name: name}, &who.Principal)
	if err != nil {
		h.Fatal(err)
	}
	return Holder{tenant, owner}
}

// TestImagesOfContainers: an image that only a container has left is whose it was, and the host's stays the host's.
func TestImagesOfContainers(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	made, hosts := "sha256:"+strings.Repeat("c", 64), "sha256:"+strings.Repeat("d", 64)
	h.brings(alice, "POST", "/build?t=acme/app:1", []string{"acme/app:1"}, func() string {
		h.engine[made] = []string{"acme/app:1"}
		return `{"aux":{"ID":"` + made + `"}}` + "\n"
	})
	h.engine[made], h.engine[hosts] = []string{"CONTAINER"}, []string{"CONTAINER"}
	h.brings(bob, "POST", "/images/create?fromImage=registry.example/db&tag=1", []string{"registry.example/db:1"}, func() string {
		h.engine[hosts] = []string{"registry.example/db:1", "CONTAINER"}
		return `{"status":"Status: Downloaded newer image for registry.example/db:1"}` + "\n"
	})
	if got := h.of(bob, made, ""); got != (Holder{"acme", "alice"}) {
		t.Errorf("an image that is gone from the list is %+v's", got)
	}
	if got := h.of(alice, hosts, ""); got != (Holder{}) {
		t.Errorf("what a container of the host's image is made of is %+v's", got)
	}
	delete(h.engine, made)
	h.brings(bob, "POST", "/build?t=x:1", []string{"x:1"}, func() string { return "{}" })
	if got := h.of(bob, made, ""); got != (Holder{}) {
		t.Errorf("an image that nothing has left is remembered: %+v", got)
	}
}

// TestListsThatFail: what an engine can't list, because of things of others, keeps nobody from a build, gives nothing away and forgets nothing.
func TestListsThatFail(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	build := func(id, name string, mute ...string) {
		h.brings(alice, "POST", "/build?t="+name, []string{name}, func() string {
			h.engine[id], h.engine["MUTE"] = []string{name}, mute
			return `{"aux":{"ID":"` + id + `"}}` + "\n"
		})
	}
	id := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	build(id("a"), "acme/a:1", "/containers/")
	delete(h.engine, id("a")) // a container has it, as far as anybody knows
	build(id("b"), "acme/b:1", "/containers/")
	for _, one := range []string{"a", "b"} {
		if got := h.of(bob, id(one), ""); got != (Holder{"acme", "alice"}) {
			t.Errorf("%s is %+v's", one, got)
		}
	}
	delete(h.engine, "MUTE")
	a := &call.Ask{Subject: alice}
	var err error
	if a.Call, err = route.New().Match("POST", "/build?t=acme/c:1"); err != nil {
		t.Fatal(err)
	}
	said, end, err := h.kept.Watch(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := said.Write([]byte(`{"aux":{"ID":"` + id("c") + `"}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	h.engine[id("c")], h.engine["MUTE"] = []string{"acme/c:1"}, []string{"/images/json"}
	if err := end(t.Context()); err == nil {
		t.Error("that its images can't be listed was not told")
	}
	if got := h.of(bob, id("c"), ""); got != (Holder{"acme", "alice"}) {
		t.Errorf("what the engine said that it made is %+v's", got)
	}
}

// TestByID: what an image was called once says nothing of whose it is.
func TestByID(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	h.brings(alice, "POST", "/images/busybox:1/tag?repo=mine&tag=1", []string{"mine:1"}, func() string { return "{}" })
	app := "sha256:" + strings.Repeat("c", 64)
	h.brings(alice, "POST", "/build?t=mine:1", []string{"mine:1"}, func() string {
		h.engine[app] = []string{"mine:1"}
		return `{"aux":{"ID":"` + app + `"}}` + "\n"
	})
	for id, want := range map[string]Holder{app: {"acme", "alice"}, "sha256:base": {}} {
		tenant, owner, err := h.kept.Of(&call.Object{Kind: route.Image, ID: id, Name: "mine:1", ByID: true}, &bob.Principal)
		if got := (Holder{tenant, owner}); err != nil || got != want {
			t.Errorf("%s: %+v %v", id, got, err)
		}
	}
	if got := h.of(bob, "sha256:base", "mine:1"); got != (Holder{"acme", "alice"}) {
		t.Errorf("%+v", got)
	}
}

func TestWhoseImages(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	if got := h.of(alice, "sha256:base", "busybox:1"); got != (Holder{}) {
		t.Errorf("an image of the host is %+v's", got)
	}
	app := "sha256:" + strings.Repeat("c", 64)
	h.brings(alice, "POST", "/build?t=acme/app:1", []string{"acme/app:1"}, func() string {
		h.engine[app] = []string{"acme/app:1"}
		return `{"aux":{"ID":"` + app + `"}}` + "\n"
	})
	for _, who := range []*call.Subject{alice, bob} {
		if got := h.of(who, app, "acme/app:1"); got != (Holder{"acme", "alice"}) {
			t.Errorf("%s: %+v", who.Principal.ID, got)
		}
	}
	// A name that was given here is its giver's, also before there is an image of another id behind it.
	if got := h.of(bob, "sha256:else", "docker.io/acme/app:1"); got != (Holder{"acme", "alice"}) {
		t.Errorf("%+v", got)
	}
	// What comes from a registry is held by all who pulled it, and its name is nobody's.
	done := `{"status":"Status: Downloaded newer image for registry.example/db:1"}` + "\n"
	// One that failed brings nothing, whatever is there by then.
	h.engine["sha256:db"] = []string{"registry.example/db:1"}
	h.brings(someone("eve", "other"), "POST", "/images/create?fromImage=registry.example/db&tag=1", []string{"registry.example/db:1"}, func() string {
		return `{"status":"Status: Downloaded","id":"Status: Downloaded newer image for x"}` + "\n" + `{"error":"denied"}`
	})
	if got := h.of(someone("eve", "other"), "sha256:db", "registry.example/db:1"); got != (Holder{}) {
		t.Errorf("%+v", got)
	}
	delete(h.engine, "sha256:db")
	pull := "/images/create?fromImage=registry.example/db&tag=1"
	h.brings(alice, "POST", pull, []string{"registry.example/db:1"}, func() string {
		h.engine["sha256:db"] = []string{"registry.example/db:1"}
		return done
	})
	h.brings(bob, "POST", pull, []string{"registry.example/db:1"}, func() string { return done })
	if a, b := h.of(alice, "sha256:db", "registry.example/db:1"), h.of(bob, "sha256:db", "registry.example/db:1"); a.Owner != "alice" || b.Owner != "bob" {
		t.Errorf("%+v %+v", a, b)
	}
	if got := h.of(someone("eve", "other"), "sha256:db", "registry.example/db:1"); got.Owner != "alice" {
		t.Errorf("%+v", got)
	}
	// What is gone is forgotten at the next look.
	delete(h.engine, app)
	h.brings(bob, "POST", "/build?t=globex/x", []string{"globex/x"}, func() string { h.engine["sha256:x"] = []string{"globex/x:latest"}; return "" })
	if got := h.of(alice, app, "acme/app:1"); got != (Holder{}) {
		t.Errorf("%+v", got)
	}
}

// A tag of what is the host's makes the name one's own, and not the image.
func TestATagTakesNoImage(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	c, err := route.New().Match("POST", "/images/busybox:1/tag?repo=acme/mine&tag=1")
	if err != nil {
		t.Fatal(err)
	}
	a := &call.Ask{
		Subject: alice, Call: c, Object: &call.Object{Kind: route.Image, ID: "sha256:base", Name: "busybox:1"},
		Uses: []call.Use{{Object: call.Object{Kind: route.Image, Name: "acme/mine:1", New: true}, Action: "ImageTag"}},
	}
	_, end, err := h.kept.Watch(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	h.engine["sha256:base"] = []string{"busybox:1", "acme/mine:1"}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.of(bob, "sha256:base", "busybox:1"); got != (Holder{}) {
		t.Errorf("the host's image is %+v's", got)
	}
	if got := h.of(bob, "sha256:base", "acme/mine:1"); got.Owner != "alice" {
		t.Errorf("%+v", got)
	}
}

func TestCallsThatBringNothing(t *testing.T) {
	h := newHouse(t)
	// What the host's own people bring is for all.
	root := someone("root", model.SystemTenant)
	root.Principal.Roles = []string{model.RoleAdministrator}
	h.brings(root, "POST", "/images/create?fromSrc=-&repo=base&tag=2", []string{"base:2"}, func() string {
		id := "sha256:" + strings.Repeat("e", 64)
		h.engine[id] = []string{"base:2"}
		return `{"status":"` + id + `"}`
	})
	if got := h.of(someone("bob", "globex"), "sha256:"+strings.Repeat("e", 64), "base:2"); got != (Holder{}) {
		t.Errorf("%+v", got)
	}
	h.brings(someone("alice", "acme"), "GET", "/images/json", nil, func() string { h.engine["sha256:new"] = []string{"new:1"}; return "" })
	if got := h.of(someone("bob", "globex"), "sha256:new", "new:1"); got != (Holder{}) {
		t.Errorf("%+v", got)
	}
}

func TestNormal(t *testing.T) {
	for name, want := range map[string]string{
		"app": "app:latest", "docker.io/library/app": "app:latest", "library/app:1": "app:1", "localhost:5000/app": "localhost:5000/app:latest",
		"sha256:abc": "sha256:abc", "app@sha256:abc": "app@sha256:abc", "": "",
	} {
		if got := Normal(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// What appears while somebody's call runs, or is written by a program of a build, is not that one's.
func TestNothingOfOthersIsTaken(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	secret, own := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	h.brings(bob, "POST", "/build?t=globex/x:1", []string{"globex/x:1"}, func() string {
		h.brings(alice, "POST", "/build?t=acme/secret:1", []string{"acme/secret:1"}, func() string {
			h.engine[secret] = []string{"acme/secret:1"}
			return `{"aux":{"ID":"` + secret + `"}}` + "\n"
		})
		h.engine[own] = []string{"globex/x:1"}
		return `{"stream":"{\"aux\":{\"ID\":\"` + secret + `\"}}\n"}` + "\n" + `{"stream":"Loaded image: acme/secret:1"}` + "\n" + `{"aux":{"ID":"` + own + `"}}`
	})
	if got := h.of(bob, secret, "acme/secret:1"); got.Owner != "alice" {
		t.Errorf("%+v", got)
	}
	if got := h.of(bob, secret, secret); got.Owner != "alice" {
		t.Errorf("by id: %+v", got)
	}
	if got := h.of(bob, own, own); got.Owner != "bob" {
		t.Errorf("%+v", got)
	}
	// A load that brings a name of somebody else's does not take it.
	h.brings(bob, "POST", "/images/load", nil, func() string { return `{"stream":"Loaded image: acme/secret:1\n"}` })
	if got := h.of(bob, secret, "acme/secret:1"); got.Owner != "alice" {
		t.Errorf("%+v", got)
	}
}

func FuzzSaid(f *testing.F) {
	f.Add([]byte(`{"stream":"Loaded image: a:1"}` + "\n" + `{"aux":{"ID":"sha256:00"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, action := range []route.Action{"ImageBuild", "ImageLoad", "ContainerCommit", "ImagePull"} {
			s := said{action: action}
			if n, err := s.Write(text); n != len(text) || err != nil {
				t.Fatal(n, err)
			}
			s.end()
			if len(s.ids)+len(s.names) > mostSaid || len(s.line) > longestLine {
				t.Fatal("without bound")
			}
		}
	})
}

// TestNamesUnderWay: a name that a call gives is nobody else's meanwhile, and what it stands for is held by whoever made it.
func TestNamesUnderWay(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	begin := func(who *call.Subject, target, name string) (func(context.Context) error, error) {
		c, err := route.New().Match("POST", target)
		if err != nil {
			t.Fatal(err)
		}
		_, end, err := h.kept.Watch(t.Context(), &call.Ask{Subject: who, Call: c, Object: &call.Object{Kind: route.Image, Name: name, New: true}})
		return end, err
	}
	end, err := begin(alice, "/build?t=app:1", "app:1")
	if err != nil {
		t.Fatal(err)
	}
	var no *call.Refusal
	if _, err := begin(bob, "/build?t=app:1", "docker.io/library/app:1"); !errors.As(err, &no) || !no.Busy {
		t.Errorf("two give one name: %v", err)
	}
	if _, err := begin(bob, "/images/create?fromImage=app&tag=1", "app:1"); !errors.As(err, &no) {
		t.Errorf("one is pulled under a name that is given: %v", err)
	}
	again, err := begin(alice, "/build?t=app:1", "app:1")
	if err != nil {
		t.Errorf("one account may do it twice: %v", err)
	}
	for _, e := range []func(context.Context) error{again, end} {
		if err := e(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	end, err = begin(bob, "/build?t=app:1", "app:1") // nobody has it: it was not built
	if err != nil {
		t.Fatal(err)
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, err := begin(alice, "/images/create?fromImage=x&tag=1", "x:1")
	two, err2 := begin(bob, "/images/create?fromImage=x&tag=1", "x:1")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if _, err := begin(alice, "/build?t=x:1", "x:1"); !errors.As(err, &no) {
		t.Errorf("a name is given that others pull: %v", err)
	}
	for _, e := range []func(context.Context) error{one, two} {
		if err := e(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.kept.taken.names) != 0 {
		t.Errorf("left: %v", h.kept.taken.names)
	}
}

// TestNameOfOneImageOfAnother: where a name came to stand for what another tenant brought, it takes both to use it.
func TestNameOfOneImageOfAnother(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	h.brings(alice, "POST", "/build?t=app:1", []string{"app:1"}, func() string {
		h.engine[id(1)] = []string{"app:1"}
		return `{"aux":{"ID":"` + id(1) + `"}}`
	})
	h.brings(bob, "POST", "/build", nil, func() string {
		h.engine[id(2)] = nil
		return `{"aux":{"ID":"` + id(2) + `"}}`
	})
	h.engine[id(1)], h.engine[id(2)] = nil, []string{"app:1"} // moved past the guard
	if got := h.of(alice, id(2), "app:1"); got.Owner != "bob" {
		t.Errorf("alice has bob's image by her name: %v", got)
	}
	if got := h.of(bob, id(2), "app:1"); got.Owner != "alice" {
		t.Errorf("bob has alice's name by his image: %v", got)
	}
}

// TestStepsOfBuilds: what a build leaves behind on its way is the builder's, also when it fails.
func TestStepsOfBuilds(t *testing.T) {
	h := newHouse(t)
	alice, bob := someone("alice", "acme"), someone("bob", "globex")
	h.brings(alice, "POST", "/build?t=app:1", []string{"app:1"}, func() string {
		h.engine[id(3)] = []string{"LABEL " + call.BuiltBy("acme", "alice")}
		h.engine[id(4)] = []string{"LABEL " + call.BuiltBy("globex", "bob")} // meanwhile
		return `{"errorDetail":{"message":"it failed"}}`
	})
	if got := h.of(bob, id(3), ""); got.Owner != "alice" {
		t.Errorf("%v", got)
	}
	if got := h.of(bob, id(4), ""); got.Owner != "" {
		t.Errorf("%v", got)
	}
}

func id(n int) string { return "sha256:" + strings.Repeat(strconv.Itoa(n), 64) }
