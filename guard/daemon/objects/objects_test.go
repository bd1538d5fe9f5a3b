package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// thing is something that the small engine has.
type thing struct{ id, name, tenant string }

// small is an engine with a few things, which finds them as the real ones do.
type small struct {
	containers, networks, images, secrets, configs, services []thing
	volumes                                                  []thing
	asked                                                    int
	previous                                                 string // of the service
}

func hex(c byte) string { return strings.Repeat(string(c), 64) }

func swarmID(c byte) string { return strings.Repeat(string(c), 25) }

// host has containers web and api of red, db of blue whose id begins as a name of red's is, and a few things more.
func host() *small {
	return &small{
		containers: []thing{{hex('a'), "web", "red"}, {hex('b'), "api", "red"}, {"cafe" + hex('c')[4:], "db", "blue"}, {hex('d'), "cafe", "red"}},
		networks:   []thing{{hex('1'), "net", "red"}, {hex('2'), "other", "blue"}, {hex('3'), "two", "red"}, {hex('4'), "two", "blue"}, {swarmID('n'), "over", "red"}, {hex('5'), "bridge", ""}, {hex('6'), "a b/c~d", "red"}},
		images:     []thing{{"sha256:" + hex('e'), "app:1", ""}, {"sha256:" + hex('f'), "app:2", ""}, {"sha256:" + hex('9'), "lib/tool:latest", ""}},
		volumes:    []thing{{"data", "data", "red"}, {"theirs", "theirs", "blue"}},
		secrets:    []thing{{swarmID('s'), "secret", "red"}},
		configs:    []thing{{swarmID('c'), "config", "red"}},
		services:   []thing{{swarmID('v'), "svc", "red"}},
	}
}

func pick(list []thing, name string) (*thing, int) {
	var byName, byPrefix []*thing
	for i, t := range list {
		switch {
		case t.id == name:
			return &list[i], 1
		case t.name == name:
			byName = append(byName, &list[i])
		case strings.HasPrefix(t.id, name):
			byPrefix = append(byPrefix, &list[i])
		}
	}
	if len(byName) == 0 {
		byName = byPrefix
	}
	if len(byName) == 0 {
		return nil, 0
	}
	return byName[0], len(byName)
}

// began is when a container was started: api was, the others never.
func began(name string) string {
	if name == "api" {
		return "2026-01-02T03:04:05.6Z"
	}
	return "0001-01-01T00:00:00Z"
}

func answer(status int, v any) (int, []byte, error) {
	b, err := json.Marshal(v)
	return status, b, err
}

func no(status int, text string) (int, []byte, error) {
	return answer(status, map[string]string{"message": text})
}

// Get implements Engine.
func (s *small) Get(_ context.Context, target string) (int, []byte, error) {
	s.asked++
	u, err := url.Parse(target)
	if err != nil {
		return 0, nil, err
	}
	room, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	name := strings.TrimSuffix(rest, "/json")
	labels := func(t *thing) map[string]string { return map[string]string{call.LabelTenant: t.tenant} }
	switch {
	case room == "containers":
		t, n := pick(s.containers, name)
		switch {
		case n == 0:
			return no(404, "No such container: "+name)
		case n > 1:
			return no(500, "Multiple IDs found with provided prefix: "+name)
		}
		return answer(200, map[string]any{
			"Id": t.id, "Name": "/" + t.name, "Image": "sha256:" + hex('e'), "Config": map[string]any{"Image": "app:1", "Labels": labels(t)},
			"State": map[string]any{"StartedAt": began(t.name)},
			"Mounts": []any{
				map[string]any{"Type": "volume", "Name": "data"},
				map[string]any{"Type": "volume", "Name": hex('0')},
				map[string]any{"Type": "volume", "Name": "gone"},
				map[string]any{"Type": "volume", "Name": "theirs"},
				map[string]any{"Type": "bind", "Source": "/x"},
			},
			"NetworkSettings": map[string]any{"Networks": map[string]any{"net": map[string]any{"NetworkID": ""}, "bridge": nil, "other": map[string]any{"NetworkID": hex('2')}}},
		})
	case room == "networks" && name == "":
		var all []any
		for i := range s.networks {
			all = append(all, map[string]any{"Id": s.networks[i].id, "Name": s.networks[i].name, "Labels": labels(&s.networks[i])})
		}
		return answer(200, all)
	case room == "networks":
		t, n := pick(s.networks, name)
		switch {
		case n == 0:
			return no(404, "network "+name+" not found")
		case n > 1:
			return no(400, "network "+name+" is ambiguous (2 matches found on name)")
		}
		return answer(200, map[string]any{"Id": t.id, "Name": t.name, "Labels": labels(t)})
	case room == "volumes":
		for i := range s.volumes {
			if t := &s.volumes[i]; t.name == name {
				return answer(200, map[string]any{"Name": t.name, "Labels": labels(t)})
			}
		}
		return no(404, "get "+name+": no such volume")
	case room == "images" && rest == "json":
		return answer(200, []any{
			map[string]any{"Id": s.images[0].id, "RepoTags": []string{"app:1", "lib/other:1", "app-2:1"}}, map[string]any{"Id": s.images[1].id, "RepoTags": []string{"app:2"}},
		})
	case room == "images":
		name = strings.TrimPrefix(name, "docker.io/")
		for _, t := range s.images {
			if t.name == name || t.name == name+":latest" || t.id == name || strings.HasPrefix(t.id, "sha256:"+name) {
				config := map[string]any{"Labels": map[string]string{call.LabelTenant: "forged"}}
				if t.name == "app:2" {
					config["OnBuild"] = []string{"RUN true"}
				}
				return answer(200, map[string]any{"Id": t.id, "RepoTags": []string{t.name}, "Config": config})
			}
		}
		return no(404, "no such image: "+name+": No such image: "+name+":latest")
	case room == "info":
		return answer(200, map[string]any{"Swarm": map[string]any{"NodeID": swarmID('k'), "ControlAvailable": true}})
	case room == "services" && name == "":
		t := &s.services[0]
		return answer(200, []any{map[string]any{"ID": t.id, "Spec": map[string]any{
			"Name": t.name, "Labels": map[string]string{call.LabelTenant: t.tenant, call.LabelOwner: "rita"},
			"TaskTemplate": map[string]any{"ContainerSpec": map[string]any{"Mounts": []any{map[string]any{"Type": "volume", "Source": "awaited", "Target": "/v"}}}},
		}}})
	case room == "services" && s.previous != "":
		return answer(200, map[string]any{
			"ID": s.services[0].id, "Version": map[string]any{"Index": 7}, "Spec": map[string]any{"Name": name}, "PreviousSpec": json.RawMessage(s.previous),
		})
	case room == "secrets" || room == "configs" || room == "services":
		list := map[string][]thing{"secrets": s.secrets, "configs": s.configs, "services": s.services}[room]
		t, n := pick(list, name)
		if n == 0 {
			return no(404, room+" "+name+" not found")
		}
		return answer(200, map[string]any{"ID": t.id, "Spec": map[string]any{"Name": t.name, "Labels": labels(t)}})
	}
	return no(503, "This node is not a swarm manager.")
}

func TestFaultsSayWhatTheEngineSaid(t *testing.T) {
	r := New(host())
	for _, c := range []struct {
		kind   route.Object
		name   string
		status int
		reason error
		text   string
	}{
		{route.Container, "nope", 404, ErrNotFound, "No such container: nope"},
		{route.Container, "/cafe" + hex('c')[4:], 404, ErrNotFound, "No such container: /cafe"},
		{route.Container, "", 404, ErrNotFound, "No such container: "},
		{route.Network, "two", 400, ErrAmbiguous, "network two is ambiguous"},
		{route.Network, "", 400, ErrInvalid, "empty"},
		{route.Volume, "nope", 404, ErrNotFound, "get nope: no such volume"},
		{route.Volume, "../data", 400, ErrInvalid, "no name of a volume"},
		{route.Image, "nope", 404, ErrNotFound, "No such image: nope:latest"},
		{route.Image, "a//b", 400, ErrInvalid, "invalid reference format"},
		{route.Exec, "abc", 404, ErrNotFound, "No such exec instance: abc"},
		{route.SwarmNode, "x", 503, nil, "not a swarm manager"},
		{route.Engine, "x", 400, ErrInvalid, "have no names"},
		{route.Container, strings.Repeat("a", 513), 400, ErrInvalid, "more than 512"},
	} {
		o, err := r.Object(t.Context(), c.kind, c.name)
		var f *Fault
		if !errors.As(err, &f) || f.Status != c.status || !errors.Is(f.Reason, c.reason) || !strings.Contains(f.Message, c.text) {
			t.Errorf("%s %.20s: %+v %+v", c.kind, c.name, o, err)
		}
	}
	if o, err := r.Find(t.Context(), route.Container, "nope"); o != nil || err != nil {
		t.Error(o, err)
	}
	if o, err := r.Object(t.Context(), route.Container, "cafe"); err != nil || o.ID != hex('d') {
		t.Errorf("a name comes before the beginning of an id: %+v %v", o, err)
	}
	if o, err := r.Object(t.Context(), route.Image, "app:1"); err != nil || o.Tenant != "" {
		t.Errorf("an image's labels are its maker's: %+v %v", o, err)
	}
}

// odd answers everything with one text.
type odd struct {
	status int
	text   string
	err    error
}

// Get implements Engine.
func (o odd) Get(context.Context, string) (int, []byte, error) {
	return o.status, []byte(o.text), o.err
}

func TestOddAnswersAreNoIdentity(t *testing.T) {
	gone := errors.New("gone")
	for _, e := range []odd{
		{200, "", nil},
		{200, "{}", nil},
		{200, "[]", nil},
		{200, `{"Id":"abc","ID":"abc","Name":"abc"}`, nil},
		{200, `{"Id":"`, nil},
		{301, "", nil},
		{500, "x", nil},
		{0, "", gone},
		{200, `{"Id":"../x","ID":"../x","Name":"../x"}`, nil},
		{200, `{"Id":7}`, nil},
	} {
		for _, kind := range []route.Object{route.Container, route.Image, route.Network, route.Volume, route.Plugin, route.Service, route.Secret, route.Config, route.SwarmNode, route.Task} {
			o, err := New(e).Object(t.Context(), kind, "web")
			if err == nil || e.err != nil && !errors.Is(err, e.err) {
				t.Errorf("%+v: %+v %v", e, o, err)
			}
		}
		if o, err := New(e).Object(t.Context(), route.Exec, hex('a')); err == nil {
			t.Errorf("%+v: %+v", e, o)
		}
	}
}

// recorded answers as a real engine did.
type recorded map[string]string

// Get implements Engine.
func (r recorded) Get(_ context.Context, target string) (int, []byte, error) {
	text, ok := r[target]
	if !ok {
		return no(404, "no "+target)
	}
	return http.StatusOK, []byte(text), nil
}

func TestRecordedAnswers(t *testing.T) {
	for _, kind := range []string{"debian", "current"} {
		t.Run(kind, func(t *testing.T) {
			text := func(name string) string {
				b, err := os.ReadFile(filepath.Join("testdata", kind, name+".json"))
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			id := func(name, key string) string {
				var m map[string]any
				if err := json.Unmarshal([]byte(text(name)), &m); err != nil {
					t.Fatal(err)
				}
				return fmt.Sprint(m[key])
			}
			exec, task, container, service := id("exec", "ID"), id("task", "ID"), id("container", "Id"), id("service", "ID")
			r := New(recorded{
				"/containers/red-web/json": text("container"), "/containers/" + container + "/json": text("container"), "/networks/net-red": text("network"),
				"/volumes/vol-red": text("volume"), "/images/lab/app:1.0.0/json": text("image"), "/services/svc-red": text("service"), "/services/" + service: text("service"),
				"/secrets/secret-red": text("secret"), "/configs/config-red": text("config"), "/nodes/host": text("node"), "/tasks/" + task: text("task"),
				"/exec/" + exec + "/json": text("exec"), "/images/json?filters=" + url.QueryEscape(`{"reference":{"lab/app":true}}`): text("images"),
			})
			for _, c := range []struct {
				kind                route.Object
				name, id, is, image string
				owned               bool
			}{
				{route.Container, "red-web", container, "red-web", "lab/app:1.0.0", true},
				{route.Exec, exec, exec, exec, "lab/app:1.0.0", true},
				{route.Network, "net-red", id("network", "Id"), "net-red", "", true},
				{route.Volume, "vol-red", "vol-red", "vol-red", "", true},
				{route.Image, "lab/app:1.0.0", id("image", "Id"), "lab/app:1.0.0", "", false},
				{route.Service, "svc-red", service, "svc-red", "lab/app:1.0.0", true},
				{route.Secret, "secret-red", id("secret", "ID"), "secret-red", "", true},
				{route.Config, "config-red", id("config", "ID"), "config-red", "", true},
				{route.SwarmNode, "host", id("node", "ID"), "host", "", false},
				{route.Task, task, task, task, "lab/app:1.0.0", true},
			} {
				o, err := r.Object(t.Context(), c.kind, c.name)
				if err != nil {
					t.Errorf("%s: %v", c.kind, err)
					continue
				}
				tenant, owner := "", ""
				if c.owned {
					tenant, owner = "red", "user-red"
				}
				if o.Kind != c.kind || o.ID != c.id || o.Name != c.is || o.Image != c.image || o.Tenant != tenant || o.Owner != owner || o.New {
					t.Errorf("%s: %+v", c.kind, o)
				}
			}
			all, err := r.repository(t.Context(), "lab/app")
			if err != nil || len(all) != 1 || all[0].ID != id("image", "Id") || all[0].Name != "lab/app:1.0.0" {
				t.Errorf("%+v %v", all, err)
			}
		})
	}
}
