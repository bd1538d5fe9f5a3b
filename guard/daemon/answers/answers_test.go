package answers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// engine is one whose answers were recorded: two tenants, red and blue, with containers, networks, volumes and a service each.
type engine struct {
	t    testing.TB
	kind string
}

func (e engine) text(name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", e.kind, name+".json"))
	if err != nil {
		e.t.Fatal(err)
	}
	return b
}

// List implements Engine.
func (e engine) List(_ context.Context, target string, each func(*jsontext.Decoder) error) (int, error) {
	switch target {
	case "/containers/json?all=1":
		return http.StatusOK, forward.Elements(bytes.NewReader(e.text("containers")), each)
	case "/images/json":
		return http.StatusOK, forward.Elements(bytes.NewReader(e.text("images")), each)
	}
	return 0, fmt.Errorf("no answer to %s", target)
}

// Find implements Finder.
func (e engine) Find(_ context.Context, kind route.Object, name string) (*call.Object, error) {
	file := map[route.Object]string{
		route.Container: "containers", route.Network: "networks", route.Volume: "volumes", route.Service: "services", route.Secret: "secrets",
		route.Config: "configs", route.SwarmNode: "nodes", route.Image: "images",
	}[kind]
	text := value(bytes.TrimSpace(e.text(file)))
	if kind == route.Volume {
		var v struct{ Volumes json.RawMessage }
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, err
		}
		text = value(v.Volumes)
	}
	list, err := elements(text)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		r, err := elementOf(kind, v)
		if err != nil {
			return nil, err
		}
		if o := r.object(kind); o.ID == name || o.Name == strings.TrimPrefix(name, "/") {
			return &o, nil
		}
	}
	return nil, nil
}

func everything(_ context.Context, objects []call.Object) ([]bool, error) {
	seen := make([]bool, len(objects))
	for i := range seen {
		seen[i] = true
	}
	return seen, nil
}

// of sees what belongs to a tenant, and every image.
func of(tenant string) Sees {
	return func(_ context.Context, objects []call.Object) ([]bool, error) {
		seen := make([]bool, len(objects))
		for i, o := range objects {
			seen[i] = o.Tenant == tenant || o.Kind == route.Image
		}
		return seen, nil
	}
}

func nothing(_ context.Context, objects []call.Object) ([]bool, error) {
	return make([]bool, len(objects)), nil
}

func routeOf(t testing.TB, action route.Action) *route.Route {
	t.Helper()
	all := route.Table()
	i := slices.IndexFunc(all, func(r route.Route) bool { return r.Action == action })
	if i < 0 {
		t.Fatalf("there is no action %s", action)
	}
	return &all[i]
}

func write(t testing.TB, e engine, action route.Action, body io.Reader, sees Sees, whole bool) (*httptest.ResponseRecorder, error) {
	t.Helper()
	f, err := New(e, e)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	res := &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(body),
		Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"7"}, "Api-Version": {"1.41"}, "Connection": {"close"}},
	}
	err = f.Write(t.Context(), w, &call.Ask{Call: &route.Call{Route: routeOf(t, action)}}, res, sees, func() bool { return whole })
	return w, err
}

// recorded are the answers in testdata.
func recorded() map[string]route.Action {
	return map[string]route.Action{
		"containers": "ContainerList", "containers-size": "ContainerList", "images": "ImageList", "networks": "NetworkList", "volumes": "VolumeList",
		"services": "ServiceList", "tasks": "TaskList", "secrets": "SecretList", "configs": "ConfigList", "nodes": "SwarmNodeList",
		"plugins": "PluginList", "df": "EngineDiskUsage", "df-old": "EngineDiskUsage", "df-verbose": "EngineDiskUsage", "info": "EngineInfo",
		"network": "NetworkInspect", "network-swarm": "NetworkInspect", "container": "ContainerInspect",
	}
}

func kinds(t *testing.T, f func(t *testing.T, e engine)) {
	for _, kind := range []string{"debian", "current"} {
		t.Run(kind, func(t *testing.T) { f(t, engine{t, kind}) })
	}
}

func TestWhoSeesAllGetsTheEnginesBytes(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		for name, action := range recorded() {
			text := e.text(name)
			w, err := write(t, e, action, iotest.OneByteReader(bytes.NewReader(text)), everything, true)
			if err != nil || !bytes.Equal(w.Body.Bytes(), text) {
				t.Errorf("%s: %v, %d bytes of %d\n%s", name, err, w.Body.Len(), len(text), w.Body)
			}
			if w.Header().Get("Content-Length") != "" || w.Header().Get("Connection") != "" || w.Header().Get("Api-Version") != "1.41" {
				t.Errorf("%s: %v", name, w.Header())
			}
		}
	})
}

func TestNobodySeesOthers(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		for name, action := range recorded() {
			w, err := write(t, e, action, bytes.NewReader(e.text(name)), of("blue"), false)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s is no JSON: %s", name, w.Body)
			}
			text := strings.ReplaceAll(w.Body.String(), "cpu.cfs_red", "")
			if action == "NetworkInspect" {
				_, text, _ = strings.Cut(text, `"Containers"`) // the network itself is looked at by the judge
				text = strings.ReplaceAll(text, "lb-over-red", "")
				text = strings.ReplaceAll(text, "over-red-endpoint", "")
				text = strings.ReplaceAll(text, `"Labels":{"io.bulkhead.owner":"user-red","io.bulkhead.tenant":"red"}`, "")
			}
			for _, word := range []string{"red-web", "red-api", "svc-red", "net-red", "vol-red", "user-red", "secret-red", "config-red"} {
				if strings.Contains(text, word) {
					t.Errorf("%s tells of %s: %s", name, word, text)
				}
			}
			if action != "NetworkInspect" && action != "ContainerInspect" && action != "EngineInfo" && action != "ImageList" && name != "nodes" &&
				name != "plugins" && name != "tasks" && !strings.Contains(text, "blue") {
				t.Errorf("%s has nothing of blue: %s", name, text)
			}
		}
	})
}

func TestEmptyLists(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		for name, want := range map[string]string{
			"containers": "[]\n", "images": "[]\n", "networks": "[]\n", "volumes": `{"Volumes":[],"Warnings":null}` + "\n", "services": "[]\n", "tasks": "[]\n",
		} {
			w, err := write(t, e, recorded()[name], bytes.NewReader(e.text(name)), nothing, false)
			if err != nil || w.Body.String() != want {
				t.Errorf("%s: %v %s", name, err, w.Body)
			}
		}
	})
}

func TestTasksAreTheirServices(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		var all, left []struct{ ServiceID string }
		w, err := write(t, e, "TaskList", bytes.NewReader(e.text("tasks")), of("blue"), false)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal(e.text("tasks"), &all), json.Unmarshal(w.Body.Bytes(), &left)); err != nil {
			t.Fatal(err)
		}
		s, _ := e.Find(t.Context(), route.Service, "svc-blue")
		if len(all) != 2 || len(left) != 1 || left[0].ServiceID != s.ID {
			t.Errorf("%v of %v", left, all)
		}
	})
}

func TestUseOfTheDisk(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		for _, name := range []string{"df", "df-old", "df-verbose"} {
			w, err := write(t, e, "EngineDiskUsage", bytes.NewReader(e.text(name)), nothing, false)
			if err != nil {
				t.Fatal(err)
			}
			var left any
			if err := json.Unmarshal(w.Body.Bytes(), &left); err != nil {
				t.Fatal(err)
			}
			if n := figures(left); n != 0 {
				t.Errorf("%s: nothing is seen, but figures of %v are: %s", name, n, w.Body)
			}
		}
	})
}

// figures is the sum of all numbers.
func figures(v any) float64 {
	sum := 0.0
	switch v := v.(type) {
	case float64:
		return v
	case []any:
		for _, x := range v {
			sum += figures(x)
		}
	case map[string]any:
		for _, x := range v {
			sum += figures(x)
		}
	}
	return sum
}

func TestInfo(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		w, err := write(t, e, "EngineInfo", bytes.NewReader(e.text("info")), of("blue"), false)
		if err != nil {
			t.Fatal(err)
		}
		var info struct {
			Containers, ContainersRunning, ContainersPaused, ContainersStopped, Images int
			Driver                                                                     string
			Swarm                                                                      map[string]any
		}
		if err := json.Unmarshal(w.Body.Bytes(), &info); err != nil {
			t.Fatal(err)
		}
		// blue-web and linked; blue-api is gone.
		if info.Containers != 2 || info.ContainersRunning != 2 || info.ContainersPaused != 0 || info.ContainersStopped != 0 || info.Images != 1 || info.Driver == "" {
			t.Errorf("%+v", info)
		}
		if info.Swarm["Cluster"] != nil || info.Swarm["RemoteManagers"] != nil || info.Swarm["NodeAddr"] != "" || info.Swarm["LocalNodeState"] != "active" {
			t.Errorf("%v", info.Swarm)
		}
		hidden := `{"Labels":["a=b"],"HttpProxy":"http://u:p@h","RegistryConfig":{"Mirrors":["https://m"],"IndexConfigs":{"r":{}}},"NCPU":2}`
		w, err = write(t, e, "EngineInfo", strings.NewReader(hidden), everything, false)
		if want := `{"Labels":[],"HttpProxy":"","RegistryConfig":{"Mirrors":[],"IndexConfigs":{}},"NCPU":2}`; err != nil || w.Body.String() != want {
			t.Errorf("%v %s", err, w.Body)
		}
	})
}

func TestLinks(t *testing.T) {
	kinds(t, func(t *testing.T, e engine) {
		w, err := write(t, e, "ContainerInspect", bytes.NewReader(e.text("container")), of("red"), false)
		if err != nil || !strings.Contains(w.Body.String(), `"Links":["/red-api:/linked/r"]`) {
			t.Errorf("%v %s", err, w.Body)
		}
		w, err = write(t, e, "ContainerInspect", bytes.NewReader(e.text("container")), of("blue"), false)
		if err != nil || !strings.Contains(w.Body.String(), `"Links":[]`) {
			t.Errorf("%v %s", err, w.Body)
		}
	})
}

func TestErrorsPassAsTheyAre(t *testing.T) {
	f, err := New(engine{}, engine{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	res := &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(`{"message":"no"}`)), Header: http.Header{}}
	err = f.Write(t.Context(), w, &call.Ask{Call: &route.Call{Route: routeOf(t, "ContainerList")}}, res, everything, func() bool { return false })
	if err != nil || w.Code != http.StatusBadRequest || w.Body.String() != `{"message":"no"}` {
		t.Errorf("%v %d %s", err, w.Code, w.Body)
	}
}

func TestBrokenAnswers(t *testing.T) {
	many := strings.Repeat(`{"Id":"a","Names":["/a"],"Labels":{"x":"`+strings.Repeat("y", 500)+`"}},`, 300)
	for text, begun := range map[string]bool{
		"": false, "[": false, `[{"Id":"a"}`: false, `[{"Id":"a"}] x`: false, `{"a":1}`: false, `[1]`: false, `[{"Id":1}]`: false, `"x"`: false,
		"[" + many:                           true,
		"[" + many + `{"Id":7}]`:             true,
		"[" + many + `{"Id":"b"}]` + " more": true,
	} {
		w, err := write(t, engine{t, "debian"}, "ContainerList", strings.NewReader(text), everything, false)
		if err == nil || errors.Is(err, ErrBroken) != begun {
			t.Errorf("%.30q: %v", text, err)
		}
		if !begun && w.Body.Len() > 0 {
			t.Errorf("%.30q: part of it was given: %s", text, w.Body)
		}
	}
	for _, action := range []route.Action{"EngineDiskUsage", "EngineInfo", "NetworkInspect", "ContainerInspect", "VolumeList"} {
		for _, text := range []string{"", "{", `{"Containers":`, `{"Containers":[{"Id":"a"}`, `{} {}`, `{"Containers":[}`} {
			if w, err := write(t, engine{t, "debian"}, action, strings.NewReader(text), everything, false); err == nil {
				t.Errorf("%s: %q gave %s", action, text, w.Body)
			}
		}
	}
	broken := errors.New("broken")
	w, err := write(t, engine{t, "debian"}, "ContainerList", io.MultiReader(strings.NewReader("["+many), iotest.ErrReader(broken)), everything, false)
	if !errors.Is(err, ErrBroken) || !errors.Is(err, broken) {
		t.Errorf("%v %d", err, w.Body.Len())
	}
	for _, text := range []string{"", "[]", `[{"Id":"a"}]`} { // also where it could end
		w, err := write(t, engine{t, "debian"}, "ContainerList", io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF)), everything, false)
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrBroken) || w.Body.Len() > 0 {
			t.Errorf("%q: %v %s", text, err, w.Body)
		}
	}
	_, err = write(t, engine{t, "debian"}, "ContainerList", strings.NewReader(`[{"Id":"a"}]`), func(context.Context, []call.Object) ([]bool, error) { return nil, broken }, false)
	if !errors.Is(err, broken) || errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	_, err = write(t, engine{t, "debian"}, "ContainerList", strings.NewReader(`[{"Id":"a"}]`), func(context.Context, []call.Object) ([]bool, error) { return nil, nil }, false)
	if err == nil {
		t.Error("an answer for no object was taken for one for all")
	}
}

// endless is a list without an end.
type endless struct{ n, most int }

// Read implements io.Reader.
func (e *endless) Read(b []byte) (int, error) {
	if e.n >= e.most {
		return 0, io.EOF
	}
	e.n += len(b)
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestElementsAreBounded(t *testing.T) {
	source := &endless{most: 64 << 20}
	_, err := write(t, engine{t, "debian"}, "ContainerList", io.MultiReader(strings.NewReader(`[{"Id":"`), source), everything, false)
	if !errors.Is(err, errLarge) || source.n > mostElement+1<<20 {
		t.Errorf("%v after %d bytes", err, source.n)
	}
	source = &endless{most: 64 << 20}
	_, err = write(t, engine{t, "debian"}, "EngineEvents", io.MultiReader(strings.NewReader(`{"Type":"`), source), everything, false)
	if !errors.Is(err, errLong) || source.n > mostEvent+1<<20 {
		t.Errorf("%v after %d bytes", err, source.n)
	}
	source = &endless{most: 64 << 20}
	if _, err = write(t, engine{t, "debian"}, "EngineInfo", source, everything, false); err == nil || source.n > mostWhole+1<<20 {
		t.Errorf("%v after %d bytes", err, source.n)
	}
}

func BenchmarkContainerList(b *testing.B) {
	e := engine{b, "current"}
	list, err := elements(bytes.TrimSpace(e.text("containers")))
	if err != nil {
		b.Fatal(err)
	}
	for len(list) < 100 {
		list = append(list, list...)
	}
	text := array(list[:100])
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := write(b, e, "ContainerList", bytes.NewReader(text), of("blue"), false); err != nil {
			b.Fatal(err)
		}
	}
}
