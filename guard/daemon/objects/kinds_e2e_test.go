//go:build e2e

package objects_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

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
		if err != nil || o.ID != img.ID || o.Tenant != "" || o.ByID != strings.HasPrefix(img.ID, "sha256:"+strings.TrimPrefix(name, "sha256:")) ||
			o.ByID != (o.Name == "") || o.ByID && !slices.Contains(o.Names, app) {
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
	if len(start.Uses) != 2 || start.Uses[0].Action != "ImageRun" || start.Uses[1].Action != "NetworkConnect" || start.Uses[1].Object.Name != "mine" {
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
		// Where nobody saw it, the start asks about the image that it is.
		in, err := e.cli.ContainerInspect(e.t.Context(), id, client.ContainerInspectOptions{})
		e.no(err)
		for _, target := range []string{"/start", "/restart", "/archive?path=/"} {
			method := http.MethodPost
			if target == "/archive?path=/" {
				method = http.MethodGet
			}
			start, err := e.ask(method, "/containers/"+id+target, "")
			e.no(err)
			if len(start.Uses) != 2 || start.Uses[0].Object.ID != in.Container.Image || (start.Uses[0].Object.ID == a.Uses[0].Object.ID) == moves || !start.Uses[0].Object.ByID ||
				start.Uses[0].Object.Name != "lab/moves:1" || start.Uses[1].Object.Name != "new-volume" {
				e.t.Errorf("moved %v: %s: %+v", moves, target, start.Uses)
			}
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
	got := map[string]bool{}
	for _, u := range a.Uses {
		got[u.Action+" "+u.Object.ID] = true
		got[u.Action] = true
	}
	for _, want := range []string{"SecretUse " + s.ID, "SecretUse " + c.ID, "NetworkConnect " + n.ID, "VolumeCreate sv", "ImageRun"} {
		if !got[want] {
			e.t.Errorf("%s is not asked: %v", want, got)
		}
	}
	if !a.Object.New {
		e.t.Errorf("%+v", a.Object)
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
	for range 600 {
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
