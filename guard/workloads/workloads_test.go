package workloads

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

var errMissing = errors.New("missing")

// engine answers by path, and counts what it is asked.
type engine struct {
	answers map[string]string
	asked   map[string]int
}

func (e *engine) Get(_ context.Context, target string) (int, []byte, error) {
	e.asked[target]++
	text, ok := e.answers[target]
	if !ok {
		return 404, []byte(`{"message":"no such thing"}`), nil
	}
	return 200, []byte(text), nil
}

// names are what things are called, with whose they are.
type names map[string]call.Object

func (n names) Object(_ context.Context, kind route.Object, name string) (*call.Object, error) {
	if o, ok := n[string(kind)+" "+name]; ok {
		return &o, nil
	}
	return nil, errMissing
}

// stable is a host on which every path is what it says.
type stable struct{}

func (stable) Below(string) bool { return false }

func (stable) Path(path string) workload.Path { return workload.Path{Resolved: path} }

const anonymous = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func newWorkloads() (*Workloads, *engine) {
	e := &engine{asked: map[string]int{}, answers: map[string]string{
		"/info":                 `{"SecurityOptions":["name=seccomp,profile=default","name=cgroupns","name=apparmor"],"Runtimes":{"runc":{}},"DefaultRuntime":"runc","LoggingDriver":"json-file","DockerRootDir":"/var/lib/docker"}`,
		"/images/sha256:i/json": `{"Id":"sha256:i","RepoDigests":["app@sha256:` + strings.Repeat("d", 64) + `"],"Config":{"User":"1000","Entrypoint":["/app"]}}`,
		"/containers/c1/json": `{"Id":"c1","Image":"sha256:i","Config":{"Image":"app:1"},"HostConfig":{"Binds":["mine:/m","theirs:/t"]},
			"Mounts":[{"Type":"volume","Name":"mine","Destination":"/m"},{"Type":"volume","Name":"theirs","Destination":"/t"},{"Type":"volume","Name":"` + anonymous + `","Destination":"/a","RW":true}]}`,
		"/volumes/mine": `{"Name":"mine","Driver":"local"}`, "/volumes/theirs": `{"Name":"theirs","Driver":"local"}`, "/volumes/" + anonymous: `{"Name":"` + anonymous + `","Driver":"local"}`,
	}}
	find := names{
		"Image app:1":         {Kind: route.Image, ID: "sha256:i", Name: "app:1"},
		"Image sha256:i":      {Kind: route.Image, ID: "sha256:i"},
		"Volume mine":         {Kind: route.Volume, ID: "mine", Tenant: "acme"},
		"Volume theirs":       {Kind: route.Volume, ID: "theirs", Tenant: "globex"},
		"Volume " + anonymous: {Kind: route.Volume, ID: anonymous},
	}
	return New(Parts{Engine: e, Find: find, Missing: errMissing, Paths: stable{}, Texts: secret.New([]byte("key")), Tenant: model.SystemTenant, PinDigest: true}), e
}

func ask(target string, body any, o *call.Object, uses ...call.Use) *call.Ask {
	c, err := route.New().Match("POST", target)
	if err != nil {
		panic(err)
	}
	return &call.Ask{Subject: &call.Subject{Principal: model.Principal{Tenant: "acme"}}, Call: c, Body: body, Object: o, Uses: uses}
}

func set(t *testing.T, facts map[string]any, name string) []string {
	t.Helper()
	list, ok := facts[name].([]string)
	if !ok {
		t.Fatalf("%s is %#v", name, facts[name])
	}
	return list
}

// A volume that the engine made for the container itself is not another's; one that it names is whose it is.
func TestWhatAStartWouldMount(t *testing.T) {
	k, _ := newWorkloads()
	facts, err := k.Facts(t.Context(), ask("/containers/c1/start", nil, &call.Object{Kind: route.Container, ID: "c1"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := set(t, facts, "foreign_volumes"); len(got) != 1 || got[0] != "theirs" {
		t.Errorf("%v", got)
	}
	if facts["seccomp"] != "default" || facts["apparmor"] == "" {
		t.Errorf("%v %v", facts["seccomp"], facts["apparmor"])
	}
}

func TestACreateAsksLittle(t *testing.T) {
	k, e := newWorkloads()
	use := call.Use{Object: call.Object{Kind: route.Image, ID: "sha256:i", Name: "app:1"}, Action: "ImageRun", Field: "/Image"}
	for range 3 {
		body := &container.CreateRequest{Config: &container.Config{Image: "app:1"}, HostConfig: &container.HostConfig{}}
		a := ask("/containers/create", body, &call.Object{Kind: route.Container, New: true}, use)
		changed, err := k.Harden(t.Context(), a)
		if err != nil || len(changed) != 1 || !strings.HasSuffix(body.Image, strings.Repeat("d", 64)) {
			t.Fatalf("%v %v %s", err, changed, body.Image)
		}
		facts, err := k.Facts(t.Context(), a)
		if err != nil || facts["user"] != "1000" || a.Workload == nil {
			t.Fatalf("%v %v", err, facts["user"])
		}
	}
	if n := e.asked["/images/sha256:i/json"]; n != 1 {
		t.Errorf("the engine was asked %d times for an image", n)
	}
	if n := e.asked["/info"]; n != 1 {
		t.Errorf("the engine was asked %d times for its settings", n)
	}
}

// What can't be told is an error, and no harmless workload.
func TestWhatCanNotBeTold(t *testing.T) {
	k, e := newWorkloads()
	if _, err := k.Facts(t.Context(), ask("/containers/gone/start", nil, &call.Object{Kind: route.Container, ID: "gone"})); err == nil {
		t.Error("a container that the engine does not show")
	}
	e.answers["/containers/odd/json"] = `{"Id":"odd"}`
	if _, err := k.Facts(t.Context(), ask("/containers/odd/start", nil, &call.Object{Kind: route.Container, ID: "odd"})); err == nil {
		t.Error("a container without a configuration")
	}
	if _, err := k.Facts(t.Context(), ask("/containers/c1/start", nil, nil)); err == nil {
		t.Error("a start of nothing")
	}
	k, e = newWorkloads()
	delete(e.answers, "/info")
	if _, err := k.Facts(t.Context(), ask("/containers/create", &container.CreateRequest{Config: &container.Config{}}, nil)); err == nil {
		t.Error("an engine that does not say its settings")
	}
}

func TestProfiles(t *testing.T) {
	for profile, want := range map[string]string{"": "default", "default": "default", "builtin": "builtin", "unconfined": "unconfined", "/etc/x.json": "custom"} {
		if got := profileOf(profile); got != want {
			t.Errorf("%q: %s", profile, got)
		}
	}
}
