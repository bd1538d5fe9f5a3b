//go:build e2e

package objects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// real is a line to a real engine.
type real struct {
	t    *testing.T
	http *http.Client
	cli  *client.Client
	r    *objects.Resolver
}

// Get implements objects.Engine.
func (e *real) Get(ctx context.Context, target string) (int, []byte, error) {
	return e.send(ctx, http.MethodGet, target, "")
}

func (e *real) send(ctx context.Context, method, target, text string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+target, strings.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	if text != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return res.StatusCode, b, err
}

// ask is a call that was understood and completed; err is why it was not.
func (e *real) ask(method, target, text string) (*call.Ask, error) {
	e.t.Helper()
	c, err := route.New().Match(method, target)
	if err != nil {
		e.t.Fatal(err)
	}
	a := &call.Ask{Call: c}
	if into := call.BodyOf(c.Route); into != nil && text != "" {
		if err := body.Decode([]byte(text), into); err != nil {
			e.t.Fatal(err)
		}
		a.Body = into
	}
	return a, e.r.Complete(e.t.Context(), a)
}

// make makes a call that was completed.
func (e *real) make(a *call.Ask) (int, string) {
	e.t.Helper()
	target, err := a.Call.Target("1.41", a.Call.Name)
	if err != nil {
		e.t.Fatal(err)
	}
	text := ""
	if a.Body != nil {
		b, err := body.Encode(a.Body)
		if err != nil {
			e.t.Fatal(err)
		}
		text = string(b)
	}
	status, b, err := e.send(e.t.Context(), a.Call.Route.Method, target, text)
	if err != nil {
		e.t.Fatal(err)
	}
	return status, string(b)
}

const app = "lab/app:1.0.0"

// create makes a container and gives its id.
func (e *real) create(name string, labels map[string]string) string {
	e.t.Helper()
	c, err := e.cli.ContainerCreate(e.t.Context(), client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: app, Cmd: []string{"sleep", "1000"}, Labels: labels},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return c.ID
}

func (e *real) no(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// TestRealEngines holds the resolver to what real engines take names for.
func TestRealEngines(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			engine, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Dir: t.TempDir(), Private: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := engine.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			cli, err := engine.Client()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cli.Close() })
			if _, err := lab.Load(ctx, cli, lab.Image{Tag: app}); err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", engine.Socket)
			}}
			t.Cleanup(transport.CloseIdleConnections)
			for name, test := range map[string]func(*real){
				"short ids": shortIDs, "renamed": renamed, "execs": execs, "networks": networks, "images": images, "volumes": volumes,
				"pinned": pinned, "verify": verified, "shown": shown,
			} {
				t.Run(name, func(t *testing.T) {
					e := &real{t: t, http: &http.Client{Transport: transport}, cli: cli}
					e.r = objects.New(e)
					test(e)
				})
			}
			t.Run("swarm", func(t *testing.T) {
				e := &real{t: t, http: &http.Client{Transport: transport}, cli: cli}
				e.r = objects.New(e)
				inSwarm(e)
			})
		})
	}
}

// shortIDs: a name that is another's short id means the same to guard and engine, and can't be given through the guard.
func shortIDs(e *real) {
	victim := e.create("victim", map[string]string{call.LabelTenant: "red", call.LabelOwner: "u1"})
	short := victim[:12]
	for _, name := range []string{"victim", "/victim", short, victim, victim[:40]} {
		o, err := e.r.Object(e.t.Context(), route.Container, name)
		if err != nil || o.ID != victim || o.Name != "victim" || o.Tenant != "red" || o.Owner != "u1" || o.Image != app || o.Privileged {
			e.t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	for _, name := range []string{"/" + short, "VICTIM", victim + "0", "", "/", "a b", "../victim", "victim/json"} {
		if o, err := e.r.Object(e.t.Context(), route.Container, name); !errors.Is(err, objects.ErrNotFound) {
			e.t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	for _, call := range []string{"/containers/create?name=" + short, "/containers/create?name=" + victim, "/containers/victim/rename?name=" + victim[:20]} {
		if _, err := e.ask("POST", call, `{"Image":"`+app+`","Cmd":["true"]}`); !errors.Is(err, objects.ErrInvalid) {
			e.t.Errorf("%s: %v", call, err)
		}
	}
	attacker := e.create(short, nil) // past the guard
	a, err := e.ask("GET", "/containers/"+short+"/json", "")
	e.no(err)
	direct, err := e.cli.ContainerInspect(e.t.Context(), short, client.ContainerInspectOptions{})
	e.no(err)
	if a.Object.ID != attacker || direct.Container.ID != attacker || a.Call.Name != attacker {
		e.t.Errorf("the guard takes %s for %s, the engine for %s", short, a.Object.ID, direct.Container.ID)
	}
	if a, err = e.ask("GET", "/containers/"+victim[:13]+"/json", ""); err != nil || a.Object.ID != victim {
		e.t.Errorf("%+v %v", a.Object, err)
	}
	// Prefixes that fit several: there are not more than sixteen to begin with.
	for i := range 17 {
		e.create(fmt.Sprintf("many-%d", i), nil)
	}
	ambiguous := 0
	for _, p := range "0123456789abcdef" {
		if _, err := e.r.Object(e.t.Context(), route.Container, string(p)); errors.Is(err, objects.ErrAmbiguous) {
			ambiguous++
		}
	}
	if ambiguous == 0 {
		e.t.Error("no prefix was ambiguous")
	}
}

// renamed: what was resolved stays what it was.
func renamed(e *real) {
	web := e.create("web", nil)
	other := e.create("other", nil)
	inspect, err := e.ask("GET", "/containers/web/json", "")
	e.no(err)
	create, err := e.ask("POST", "/containers/create?name=side", `{"Image":"`+app+`","Cmd":["true"],"HostConfig":{"NetworkMode":"container:web","PidMode":"container:web","VolumesFrom":["web:ro"],"Links":null}}`)
	e.no(err)
	for _, u := range create.Uses {
		if u.Action == "ContainerShare" && u.Object.ID != web {
			e.t.Errorf("%+v", u)
		}
	}
	for _, names := range [][2]string{{"web", "old"}, {"other", "web"}} {
		_, err := e.cli.ContainerRename(e.t.Context(), names[0], client.ContainerRenameOptions{NewName: names[1]})
		e.no(err)
	}
	if status, text := e.make(inspect); status != 200 || !strings.Contains(text, `"Id":"`+web+`"`) {
		e.t.Errorf("%d %s", status, text)
	}
	status, text := e.make(create)
	if status != 201 {
		e.t.Fatalf("%d %s", status, text)
	}
	made, err := e.cli.ContainerInspect(e.t.Context(), "side", client.ContainerInspectOptions{})
	e.no(err)
	if h := made.Container.HostConfig; string(h.NetworkMode) != "container:"+web || string(h.PidMode) != "container:"+web {
		e.t.Errorf("%s %s, but %s is another", h.NetworkMode, h.PidMode, other)
	}
	// The name of volumes-from stayed, since inspections show it: that it changed is seen after.
	if err := e.r.Verify(e.t.Context(), create, made.Container.ID); !errors.Is(err, objects.ErrChanged) {
		e.t.Errorf("%v", err)
	}
}

// execs belong to their containers.
func execs(e *real) {
	id := e.create("runs", map[string]string{call.LabelTenant: "red"})
	_, err := e.cli.ContainerStart(e.t.Context(), id, client.ContainerStartOptions{})
	e.no(err)
	x, err := e.cli.ExecCreate(e.t.Context(), id, client.ExecCreateOptions{Cmd: []string{"true"}})
	e.no(err)
	a, err := e.ask("GET", "/exec/"+x.ID+"/json", "")
	e.no(err)
	if o := a.Object; o.Kind != route.Exec || o.ID != x.ID || o.Container.ID != id || o.Tenant != "red" || o.Container.Name != "runs" {
		e.t.Errorf("%+v", o)
	}
	for _, name := range []string{x.ID[:12], "nope", strings.ToUpper(x.ID)} {
		if _, err := e.ask("GET", "/exec/"+name+"/json", ""); !errors.Is(err, objects.ErrNotFound) {
			e.t.Errorf("%s: %v", name, err)
		}
	}
	_, err = e.cli.ContainerRemove(e.t.Context(), id, client.ContainerRemoveOptions{Force: true})
	e.no(err)
	if _, err := e.ask("GET", "/exec/"+x.ID+"/json", ""); !errors.Is(err, objects.ErrNotFound) {
		e.t.Error(err)
	}
}

// networks of one name are ambiguous; where the engine has no such, it says so.
func networks(e *real) {
	one, err := e.cli.NetworkCreate(e.t.Context(), "twice", client.NetworkCreateOptions{Labels: map[string]string{call.LabelTenant: "red"}})
	e.no(err)
	status, text, err := e.Get(e.t.Context(), "/networks/twice")
	if e.no(err); status != 200 {
		e.t.Fatal(string(text))
	}
	status, text, err = e.send(e.t.Context(), "POST", "/v1.41/networks/create", `{"Name":"twice"}`)
	e.no(err)
	_, err = e.r.Object(e.t.Context(), route.Network, "twice")
	switch status {
	case 201:
		if !errors.Is(err, objects.ErrAmbiguous) {
			e.t.Errorf("%v", err)
		}
		_, err = e.ask("POST", "/containers/create", `{"Image":"`+app+`","NetworkingConfig":{"EndpointsConfig":{"twice":{}}}}`)
		if !errors.Is(err, objects.ErrAmbiguous) {
			e.t.Errorf("%v", err)
		}
	case 409:
		if err != nil {
			e.t.Error(err)
		}
	default:
		e.t.Errorf("%d %s", status, text)
	}
	for _, name := range []string{one.ID, one.ID[:12]} {
		if o, err := e.r.Object(e.t.Context(), route.Network, name); err != nil || o.ID != one.ID || o.Name != "twice" || o.Tenant != "red" {
			e.t.Errorf("%+v %v", o, err)
		}
	}
	if _, err := e.ask("POST", "/networks/create", `{"Name":"`+one.ID[:12]+`"}`); !errors.Is(err, objects.ErrInvalid) {
		e.t.Errorf("%v", err)
	}
	odd, err := e.cli.NetworkCreate(e.t.Context(), "odd name", client.NetworkCreateOptions{})
	e.no(err)
	if o, err := e.r.Object(e.t.Context(), route.Network, "odd name"); err != nil || o.ID != odd.ID {
		e.t.Errorf("%+v %v", o, err)
	}
	for _, name := range []string{"nope", "../networks/twice", "odd  name", "%6fdd"} {
		if _, err := e.r.Object(e.t.Context(), route.Network, name); !errors.Is(err, objects.ErrNotFound) {
			e.t.Errorf("%s: %v", name, err)
		}
	}
	// A body can't name another network beside that of the path or of the key.
	two, err := e.cli.NetworkCreate(e.t.Context(), "two", client.NetworkCreateOptions{})
	e.no(err)
	c := e.create("joins", nil)
	for target, text := range map[string]string{
		"/networks/two/connect": `{"Container":"joins","EndpointConfig":{"NetworkID":"` + one.ID + `"}}`,
		"/containers/create":    `{"Image":"` + app + `","Cmd":["true"],"NetworkingConfig":{"EndpointsConfig":{"two":{"NetworkID":"` + one.ID[:20] + `"}}}}`,
	} {
		if _, err := e.ask("POST", target, text); !errors.Is(err, objects.ErrInvalid) {
			e.t.Errorf("%s: %v", target, err)
		}
	}
	a, err := e.ask("POST", "/networks/two/connect", `{"Container":"`+c[:12]+`","EndpointConfig":{"NetworkID":"two"}}`)
	e.no(err)
	if status, text := e.make(a); status != 200 || a.Body.(*network.ConnectRequest).Container != c || a.Call.Name != two.ID {
		e.t.Errorf("%d %s %+v", status, text, a.Body)
	}
}
