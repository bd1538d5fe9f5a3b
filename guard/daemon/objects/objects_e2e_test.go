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
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
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

func images(e *real) {
	img, err := e.cli.ImageInspect(e.t.Context(), app)
	e.no(err)
	hex := strings.TrimPrefix(img.ID, "sha256:")
	names := []string{app, "docker.io/" + app, hex, hex[:12], img.ID, "lab/app@" + img.ID}
	for _, name := range names {
		o, err := e.r.Object(e.t.Context(), route.Image, name)
		if strings.Contains(name, "@") && len(img.RepoDigests) == 0 {
			continue // the older engine knows digests of what was pulled only
		}
		if err != nil || o.ID != img.ID || o.Name == "" || o.Tenant != "" {
			e.t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	for _, name := range []string{"nope", "lab/app", "LAB/app:1.0.0", "lab/app:1.0.0 ", "", "/", "lab//app", "a?b", strings.Repeat("a", 600)} {
		if o, err := e.r.Object(e.t.Context(), route.Image, name); !errors.Is(err, objects.ErrNotFound) && !errors.Is(err, objects.ErrInvalid) {
			e.t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	_, err = e.cli.ImageTag(e.t.Context(), client.ImageTagOptions{Source: app, Target: "lab/app:2"})
	e.no(err)
	a, err := e.ask("GET", "/images/get?names=lab/app", "")
	e.no(err)
	if len(a.Uses) != 2 {
		e.t.Errorf("all tags are saved, but %+v", a.Uses)
	}
	if a, err = e.ask("DELETE", "/images/lab/app:2", ""); err != nil || a.Call.Name != "lab/app:2" {
		e.t.Errorf("%+v %v", a.Call, err)
	}
	if status, text := e.make(a); status != 200 {
		e.t.Errorf("%d %s", status, text)
	}
	if a, err = e.ask("GET", "/images/"+hex[:12]+"/json", ""); err != nil || a.Call.Name != img.ID {
		e.t.Errorf("%+v %v", a.Call, err)
	}
	var f *objects.Fault
	if _, err = e.ask("POST", "/containers/create", `{"Image":"nope"}`); !errors.As(err, &f) || f.Status != 404 || f.Message != "No such image: nope:latest" {
		e.t.Errorf("%v", err)
	}
	status, text, err := e.send(e.t.Context(), "POST", "/containers/create", `{"Image":"nope","Cmd":["true"]}`)
	if err != nil || status != 404 || !strings.Contains(string(text), `"`+f.Message+`"`) {
		e.t.Errorf("the engine itself says %d %s", status, text)
	}
}

func volumes(e *real) {
	_, err := e.cli.VolumeCreate(e.t.Context(), client.VolumeCreateOptions{Name: "data", Labels: map[string]string{call.LabelTenant: "red"}})
	e.no(err)
	a, err := e.ask("POST", "/containers/create", `{"Image":"`+app+`","HostConfig":{"Binds":["data:/a:ro","fresh:/b","/tmp:/c","/d"],"Mounts":[{"Type":"volume","Source":"data","Target":"/e"},{"Type":"volume","Target":"/f"}]}}`)
	e.no(err)
	got := map[string]string{}
	for _, u := range a.Uses {
		got[u.Field] = fmt.Sprint(u.Action, " ", u.Object.ID, " ", u.Object.Tenant, " ", u.Object.New)
	}
	for field, want := range map[string]string{
		"/HostConfig/Binds/0": "VolumeMount data red false", "/HostConfig/Binds/1": "VolumeCreate fresh  true", "/HostConfig/Mounts/0/Source": "VolumeMount data red false",
	} {
		if got[field] != want {
			e.t.Errorf("%s: %s", field, got[field])
		}
	}
	if len(got) != 4 { // and the image
		e.t.Errorf("%v", got)
	}
	if a, err = e.ask("POST", "/volumes/create", `{"Name":"data"}`); err != nil || a.Object.New || a.Object.Tenant != "red" {
		e.t.Errorf("%+v %v", a.Object, err)
	}
	for _, name := range []string{"../data", "data/..", "a b", ""} {
		if _, err := e.r.Object(e.t.Context(), route.Volume, name); !errors.Is(err, objects.ErrInvalid) {
			e.t.Errorf("%s: %v", name, err)
		}
	}
}

// pinned: a container that was made with a network does not join another of that name.
func pinned(e *real) {
	mine, err := e.cli.NetworkCreate(e.t.Context(), "mine", client.NetworkCreateOptions{})
	e.no(err)
	a, err := e.ask("POST", "/containers/create?name=waits", `{"Image":"`+app+`","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"mine"}}`)
	e.no(err)
	if status, text := e.make(a); status != 201 {
		e.t.Fatal(status, text)
	}
	_, err = e.cli.NetworkRemove(e.t.Context(), mine.ID, client.NetworkRemoveOptions{})
	e.no(err)
	_, err = e.cli.NetworkCreate(e.t.Context(), "mine", client.NetworkCreateOptions{})
	e.no(err)
	if _, err = e.cli.ContainerStart(e.t.Context(), "waits", client.ContainerStartOptions{}); err == nil {
		e.t.Error("it joined another network of the same name")
	}
	// What was made past the guard is looked at when it starts.
	_, err = e.cli.ContainerCreate(e.t.Context(), client.ContainerCreateOptions{
		Name: "past", Config: &container.Config{Image: app, Cmd: []string{"true"}}, HostConfig: &container.HostConfig{NetworkMode: "mine"},
	})
	e.no(err)
	start, err := e.ask("POST", "/containers/past/start", "")
	e.no(err)
	if len(start.Uses) != 1 || start.Uses[0].Action != "NetworkConnect" || start.Uses[0].Object.Name != "mine" {
		e.t.Errorf("%+v", start.Uses)
	}
}

// verified: a tag that moved between judging and use is seen.
func verified(e *real) {
	_, err := lab.Load(e.t.Context(), e.cli, lab.Image{Tag: "lab/other:1", Layers: []lab.Layer{{Files: map[string]lab.File{"/other": {Body: []byte("x"), Mode: 0o644}}}}})
	e.no(err)
	_, err = e.cli.ImageTag(e.t.Context(), client.ImageTagOptions{Source: app, Target: "lab/moves:1"})
	e.no(err)
	for _, moves := range []bool{false, true} {
		a, err := e.ask("POST", "/containers/create", `{"Image":"lab/moves:1","Cmd":["true"],"HostConfig":{"Binds":["new-volume:/a"]}}`)
		e.no(err)
		if moves {
			_, err := e.cli.ImageTag(e.t.Context(), client.ImageTagOptions{Source: "lab/other:1", Target: "lab/moves:1"})
			e.no(err)
		}
		status, text := e.make(a)
		if status != 201 {
			e.t.Fatal(status, text)
		}
		_, id, _ := strings.Cut(text, `"Id":"`)
		id, _, _ = strings.Cut(id, `"`)
		if err := e.r.Verify(e.t.Context(), a, id); errors.Is(err, objects.ErrChanged) != moves || !moves && err != nil {
			e.t.Errorf("moved %v: %v", moves, err)
		}
	}
}

// shown: what users see of a container is as if the guard were not there.
func shown(e *real) {
	_, err := e.cli.NetworkCreate(e.t.Context(), "net", client.NetworkCreateOptions{})
	e.no(err)
	target := e.create("target", nil)
	_, err = e.cli.ContainerStart(e.t.Context(), target, client.ContainerStartOptions{})
	e.no(err)
	for _, text := range []string{
		`{"Image":"` + app + `","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"net","VolumesFrom":["target"],"IpcMode":"","Binds":["vv:/v"]},"NetworkingConfig":{"EndpointsConfig":{"net":{"Aliases":["x"]}}}}`,
		`{"Image":"` + app + `","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"container:target","PidMode":"container:target"}}`,
		`{"Image":"` + app + `","Cmd":["sleep","1000"],"HostConfig":{"Links":["target:t"]}}`,
	} {
		look := func(id string) string {
			e.t.Helper()
			_, err := e.cli.ContainerStart(e.t.Context(), id, client.ContainerStartOptions{})
			e.no(err)
			c, err := e.cli.ContainerInspect(e.t.Context(), id, client.ContainerInspectOptions{})
			e.no(err)
			h := c.Container.HostConfig
			var names []string
			for name, n := range c.Container.NetworkSettings.Networks {
				names = append(names, name, n.NetworkID)
			}
			links := strings.ReplaceAll(strings.Join(h.Links, " "), c.Container.Name, "")
			_, err = e.cli.ContainerRemove(e.t.Context(), id, client.ContainerRemoveOptions{Force: true})
			e.no(err)
			return fmt.Sprint(c.Container.Config.Image, c.Container.Image, h.NetworkMode, h.PidMode, h.VolumesFrom, links, h.Binds, names)
		}
		status, direct, err := e.send(e.t.Context(), "POST", "/v1.41/containers/create?name=same", text)
		if e.no(err); status != 201 {
			e.t.Fatal(status, string(direct))
		}
		want := look("same")
		a, err := e.ask("POST", "/containers/create?name=same", text)
		e.no(err)
		if status, text := e.make(a); status != 201 {
			e.t.Fatal(status, text)
		}
		if got := look("same"); got != want {
			e.t.Errorf("through the guard %s\nwithout %s", got, want)
		}
	}
}

func inSwarm(e *real) {
	ctx := e.t.Context()
	_, err := e.cli.SwarmInit(ctx, client.SwarmInitOptions{ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1"})
	e.no(err)
	red := map[string]string{call.LabelTenant: "red"}
	s, err := e.cli.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: "s", Labels: red}, Data: []byte("x")}})
	e.no(err)
	c, err := e.cli.ConfigCreate(ctx, client.ConfigCreateOptions{Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "c", Labels: red}, Data: []byte("x")}})
	e.no(err)
	n, err := e.cli.NetworkCreate(ctx, "over", client.NetworkCreateOptions{Driver: "overlay", Labels: red})
	e.no(err)
	const spec = `{"Name":"svc","Labels":{"io.bulkhead.tenant":"red"},"TaskTemplate":{"ContainerSpec":{"Image":"lab/app:1.0.0","Command":["sleep","1000"],"Secrets":[{"SecretID":"%s","SecretName":"s","File":{"Name":"s","UID":"0","GID":"0","Mode":292}}],
		"Configs":[{"ConfigID":"%s","ConfigName":"c","File":{"Name":"c","UID":"0","GID":"0","Mode":292}}],"Mounts":[{"Type":"volume","Source":"sv","Target":"/v"}]},"Networks":[{"Target":"over"}]}}`
	a, err := e.ask("POST", "/services/create", fmt.Sprintf(spec, s.ID, c.ID))
	e.no(err)
	got := map[string]string{}
	for _, u := range a.Uses {
		got[u.Action] = u.Object.ID
	}
	if got["SecretUse"] != s.ID || got["ConfigUse"] != c.ID || got["NetworkConnect"] != n.ID || got["VolumeCreate"] != "sv" || got["ImageRun"] == "" || !a.Object.New {
		e.t.Errorf("%v", got)
	}
	if m := a.Body.(*swarm.ServiceSpec).TaskTemplate.ContainerSpec.Mounts[0]; m.Type != mount.TypeVolume {
		e.t.Errorf("%+v", m)
	}
	status, text := e.make(a)
	if status != 201 {
		e.t.Fatal(status, text)
	}
	if _, err := e.ask("POST", "/services/create", fmt.Sprintf(spec, s.ID[:12], c.ID)); !errors.Is(err, objects.ErrInvalid) {
		e.t.Error(err)
	}
	svc, err := e.r.Object(ctx, route.Service, "svc")
	e.no(err)
	for kind, id := range map[route.Object]string{route.Service: svc.ID, route.Secret: s.ID, route.Config: c.ID, route.Network: n.ID} {
		for _, name := range []string{id, id[:15]} {
			if o, err := e.r.Object(ctx, kind, name); err != nil || o.ID != id || o.Tenant != "red" || o.Name == "" {
				e.t.Errorf("%s %s: %+v %v", kind, name, o, err)
			}
		}
		if _, err := e.r.Object(ctx, kind, "nope"); !errors.Is(err, objects.ErrNotFound) {
			e.t.Errorf("%s: %v", kind, err)
		}
	}
	nodes, err := e.cli.NodeList(ctx, client.NodeListOptions{})
	e.no(err)
	for _, name := range []string{nodes.Items[0].ID, nodes.Items[0].ID[:12], nodes.Items[0].Description.Hostname} {
		if o, err := e.r.Object(ctx, route.SwarmNode, name); err != nil || o.ID != nodes.Items[0].ID || o.Tenant != "" || o.Name == "" {
			e.t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	var tasks client.TaskListResult
	for range 100 {
		if tasks, err = e.cli.TaskList(ctx, client.TaskListOptions{}); err != nil || len(tasks.Items) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil || len(tasks.Items) == 0 {
		e.t.Fatal("no task came", err)
	}
	if o, err := e.r.Object(ctx, route.Task, tasks.Items[0].ID[:12]); err != nil || o.ID != tasks.Items[0].ID || o.Tenant != "red" {
		e.t.Errorf("%+v %v", o, err)
	}
	if _, err := e.cli.ServiceRemove(ctx, svc.ID, client.ServiceRemoveOptions{}); err != nil {
		e.t.Error(err)
	}
	if _, err := e.cli.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true}); err != nil {
		e.t.Error(err)
	}
}
