package objects

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// askOf is a call that was understood.
func askOf(t testing.TB, method, target, text string) *call.Ask {
	t.Helper()
	c, err := route.New().Match(method, target)
	if err != nil {
		t.Fatal(err)
	}
	a := &call.Ask{Call: c}
	if into := call.BodyOf(c.Route); into != nil && text != "" {
		if err := body.Decode([]byte(text), into); err != nil {
			t.Fatal(text, err)
		}
		a.Body = into
	}
	return a
}

func usesOf(a *call.Ask) []string {
	var out []string
	for _, u := range a.Uses {
		s := u.Action + " " + u.Object.ID
		if u.Object.New {
			s += " new"
		}
		out = append(out, s+" "+u.Field)
	}
	return out
}

func TestComplete(t *testing.T) {
	a, b, cafe := hex('a'), hex('b'), "cafe"+hex('c')[4:]
	e, f := "sha256:"+hex('e'), "sha256:"+hex('f')
	made := []string{"ImageRun " + e + " /Image", "VolumeMount data /Mounts/data", "VolumeMount theirs /Mounts/theirs"} // what a container really is made of
	for _, c := range []struct {
		method, target, body string
		object               string // its id; "new x" where the call makes it
		uses                 []string
		sent, in             string // what is sent then, and what the body has
	}{
		{"GET", "/containers/web/json", "", a, nil, "/v1.41/containers/" + a + "/json", ""},
		{"GET", "/containers/aaa/json", "", a, nil, "/v1.41/containers/" + a + "/json", ""},
		{"GET", "/containers/cafe/json", "", hex('d'), nil, "/v1.41/containers/" + hex('d') + "/json", ""},
		{"GET", "/containers/cafec/json", "", cafe, nil, "/v1.41/containers/" + cafe + "/json", ""},
		{"POST", "/containers/web/rename?name=new", "", a, nil, "/v1.41/containers/" + a + "/rename?name=new", ""},
		{"POST", "/containers/web/start", "", a, append(slices.Clone(made), "NetworkConnect "+hex('1')+" /NetworkSettings/Networks/net"), "/v1.41/containers/" + a + "/start", ""},
		{"POST", "/containers/api/restart", "", b, []string{"NetworkConnect " + hex('1') + " /NetworkSettings/Networks/net"}, "/v1.41/containers/" + b + "/restart", ""},
		{"POST", "/commit?container=web&repo=mine&tag=3", "{}", a, append(slices.Clone(made), "ImageTag mine:3 new query repo"), "/v1.41/commit?container=" + a + "&repo=mine&tag=3", ""},
		{"POST", "/commit?container=api&repo=mine&tag=3", "{}", b, []string{"ImageTag mine:3 new query repo"}, "/v1.41/commit?container=" + b + "&repo=mine&tag=3", ""},
		{"GET", "/containers/web/archive?path=/", "", a, made, "", ""},
		{"GET", "/containers/api/archive?path=/", "", b, nil, "", ""},
		{"GET", "/containers/web/export", "", a, made, "", ""},
		{
			"GET", "/containers/json?filters=" + `%7B%22before%22%3A%5B%22web%22%5D%7D`, "", "",
			[]string{"ContainerRead " + a + " query before"},
			"/v1.41/containers/json?filters=%7B%22before%22%3A%7B%22" + a + "%22%3Atrue%7D%7D", "",
		},
		{"GET", "/containers/json?since=web", "", "", []string{"ContainerRead " + a + " query since"}, "/v1.41/containers/json?since=" + a, ""},
		{"GET", "/images/get?names=app&names=app:2", "", e, []string{"ImageSave " + e + " query names/0", "ImageSave " + f + " query names/0", "ImageSave " + f + " query names/1"}, "/v1.41/images/get?names=app&names=app%3A2", ""},
		{"GET", "/images/get?names=" + hex('e')[:12], "", e, []string{"ImageSave " + e + " query names/0"}, "/v1.41/images/get?names=sha256%3A" + hex('e'), ""},
		{"GET", "/images/app/get", "", e, []string{"ImageSave " + e + " path", "ImageSave " + f + " path"}, "/v1.41/images/app/get", ""},
		{"POST", "/images/app/push?tag=2", "", f, nil, "/v1.41/images/app/push?tag=2", ""},
		{"POST", "/images/app/push", "", e, []string{"ImagePush " + e + " path", "ImagePush " + f + " path"}, "/v1.41/images/app/push", ""},
		{"DELETE", "/images/lib/tool", "", "sha256:" + hex('9'), nil, "/v1.41/images/lib/tool:latest", ""},
		{"DELETE", "/images/" + hex('9')[:14], "", "sha256:" + hex('9'), []string{"ImageDelete sha256:" + hex('9') + " names of the image"}, "/v1.41/images/sha256:" + hex('9'), ""},
		{"POST", "/images/app:1/tag?repo=app&tag=2", "", e, []string{"ImageTag app:2 new query repo", "ImageTag " + f + " query repo"}, "/v1.41/images/app:1/tag?repo=app&tag=2", ""},
		{"POST", "/images/create?fromImage=reg.example/x&tag=1", "", "new reg.example/x:1", nil, "/v1.41/images/create?fromImage=reg.example%2Fx&tag=1", ""},
		{"POST", "/images/create?fromImage=app&tag=1", "", "new app:1", []string{"ImageTag " + e + " query fromImage"}, "/v1.41/images/create?fromImage=app&tag=1", ""},
		{"POST", "/images/create?fromSrc=-&repo=imported", "", "new imported:latest", []string{"ImageTag imported:latest new query repo"}, "/v1.41/images/create?fromSrc=-&repo=imported", ""},
		{"POST", "/images/load", "", "new ", nil, "/v1.41/images/load", ""},
		{
			"POST", "/build?t=made:1&t=made&networkmode=container:web&cachefrom=%5B%22app:1%22,%22nope%22%5D", "", "new made:1",
			[]string{"ImageTag made:1 new query t/0", "ImageTag made:latest new query t/1", "ImageRead " + e + " query cachefrom/0", "ContainerShare " + a + " query networkmode"},
			"", "",
		},
		{
			"POST", "/build?version=2&cachefrom=%5B%22app:1%22,%22reg.example/x:1,nope%22%5D", "", "new ",
			[]string{"ImageRead " + e + " query cachefrom/0", "ImagePull reg.example/x:1 new query cachefrom/1", "ImagePull nope new query cachefrom/1"},
			"", "",
		},
		{"POST", "/build?networkmode=net", "", "new ", []string{"NetworkConnect " + hex('1') + " query networkmode"}, "/v1.41/build?networkmode=" + hex('1'), ""},
		{"POST", "/networks/create", `{"Name":"mine","ConfigFrom":{"Network":"net"}}`, "new mine", []string{"NetworkRead " + hex('1') + " /ConfigFrom/Network"}, "", `"ConfigFrom":{"Network":"net"}`},
		{"POST", "/networks/net/connect", `{"Container":"web","EndpointConfig":{"NetworkID":"111"}}`, hex('1'), []string{"ContainerUpdate " + a + " /Container"}, "/v1.41/networks/" + hex('1') + "/connect", `"Container":"` + a + `"`},
		{"POST", "/networks/net/disconnect", `{"Container":"gone","Force":true}`, hex('1'), []string{"ContainerUpdate gone /Container"}, "", `"Container":"gone"`},
		{"POST", "/volumes/create", `{"Name":"theirs"}`, "theirs", nil, "", ""},
		{"POST", "/volumes/create", `{"Name":"fresh"}`, "new fresh", nil, "", ""},
		{"POST", "/volumes/create", `{}`, "new ", nil, "", ""},
		{"PUT", "/volumes/data?version=1", `{"Spec":{"Secrets":[{"Key":"k","Secret":"secret"}]}}`, "data", []string{"SecretUse " + swarmID('s') + " /Spec/Secrets/0/Secret"}, "", `"Secret":"` + swarmID('s') + `"`},
		{"GET", "/distribution/reg.example/x/json", "", "reg.example", nil, "", ""},
		{"GET", "/images/search?term=web", "", "docker.io", nil, "", ""},
		{"GET", "/images/search?term=Reg.example/NO+name", "", "reg.example", nil, "", ""}, // the engine would ask that one
		{"POST", "/plugins/pull?remote=reg.example/plug", "[]", "new reg.example/plug", nil, "", ""},
		{"POST", "/auth", `{"serveraddress":"reg.example"}`, "reg.example", nil, "", ""},
		{"POST", "/secrets/create", `{"Name":"x"}`, "new x", nil, "", ""},
		{"POST", "/secrets/secret/update?version=1", `{"Name":"secret"}`, swarmID('s'), nil, "/v1.41/secrets/" + swarmID('s') + "/update?version=1", ""},
		{"GET", "/containers/json", "", "", nil, "/v1.41/containers/json", ""},
		{"POST", "/containers/create?name=x", `{"Image":"app:1"}`, "new x", []string{"ImageRun " + e + " /Image"}, "/v1.41/containers/create?name=x", `"Image":"app:1"`},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"container:web","IpcMode":"container:bb","PidMode":"container:/db","VolumesFrom":["web:ro","cafe"]}}`, "new ",
			[]string{
				"ImageRun " + e + " /Image", "ContainerShare " + b + " /HostConfig/IpcMode", "ContainerShare " + a + " /HostConfig/NetworkMode", "ContainerShare " + cafe + " /HostConfig/PidMode",
				"ContainerShare " + a + " /HostConfig/VolumesFrom/0", "ContainerShare " + hex('d') + " /HostConfig/VolumesFrom/1",
			},
			"", `"VolumesFrom":["web:ro","` + hex('d') + `"]`,
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Links":["web","/api:/x/alias","bbb:z"]}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "ContainerShare " + a + " /HostConfig/Links/0", "ContainerShare " + b + " /HostConfig/Links/1", "ContainerShare " + b + " /HostConfig/Links/2"},
			"",
			`"Links":["` + a + `:web","` + b + `:alias","` + b + `:z"]`,
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"net"}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "NetworkConnect " + hex('1') + " /NetworkingConfig/EndpointsConfig/net"},
			"", `"NetworkMode":"net"`,
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"net"},"NetworkingConfig":{"EndpointsConfig":{"other":{},"bridge":{"NetworkID":"` + hex('2') + `"}}}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "NetworkConnect " + hex('2') + " /NetworkingConfig/EndpointsConfig/other", "NetworkConnect " + hex('1') + " /HostConfig/NetworkMode"},
			"", `"NetworkID":""`,
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"222222222222"},"NetworkingConfig":{"EndpointsConfig":{"222222222222":null}}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "NetworkConnect " + hex('2') + " /NetworkingConfig/EndpointsConfig/222222222222"},
			"", `"NetworkMode":"` + hex('2') + `"`,
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"a b/c~d"}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "NetworkConnect " + hex('6') + " /NetworkingConfig/EndpointsConfig/a b~1c~0d"},
			"", hex('6'),
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"to-come"}}`, "new ",
			[]string{"ImageRun " + e + " /Image", "NetworkConnect to-come /NetworkingConfig/EndpointsConfig/to-come", "NetworkConnect to-come /HostConfig/NetworkMode"},
			"", "",
		},
		{
			"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":["data:/a","/x:/y","fresh:/b:ro","/z"],"Mounts":[{"Type":"volume","Source":"theirs","Target":"/t"},{"Type":"bind","Source":"/a","Target":"/b"},{"Type":"image","Source":"app:2","Target":"/i"},{"Type":"cluster","Source":"group:g","Target":"/g"}]}}`, "new ",
			[]string{
				"ImageRun " + e + " /Image", "VolumeMount data /HostConfig/Binds/0", "VolumeCreate fresh new /HostConfig/Binds/2", "VolumeMount theirs /HostConfig/Mounts/0/Source",
				"ImageRun " + f + " /HostConfig/Mounts/2/Source", "VolumeMount group:g /HostConfig/Mounts/3/Source",
			},
			"", "",
		},
		{
			"POST", "/services/create", `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"far:1","Secrets":[{"SecretID":"` + swarmID('s') + `"},null],"Configs":[{"ConfigID":"` + swarmID('c') + `"}]},"Networks":[{"Target":"over"}]}}`, "new s",
			[]string{
				"NetworkConnect " + swarmID('n') + " /TaskTemplate/Networks/0/Target", "ImageRun far:1 new /TaskTemplate/ContainerSpec/Image", "SecretUse " + swarmID('s') + " /TaskTemplate/ContainerSpec/Secrets/0/SecretID",
				"SecretUse " + swarmID('c') + " /TaskTemplate/ContainerSpec/Configs/0/ConfigID",
			},
			"", `"Target":"` + swarmID('n') + `"`,
		},
		{"POST", "/services/svc/update?version=1", `{"Name":"svc","TaskTemplate":{"Runtime":"plugin","PluginSpec":{"name":"p","remote":"reg.example/p"}}}`, swarmID('v'), []string{"PluginChange reg.example/p new /TaskTemplate/PluginSpec"}, "/v1.41/services/" + swarmID('v') + "/update?version=1", ""},
	} {
		t.Run(c.method+" "+c.target+" "+c.body, func(t *testing.T) {
			ask := askOf(t, c.method, c.target, c.body)
			if err := New(host()).Complete(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
			object := ""
			if ask.Object != nil {
				object = ask.Object.ID
				if ask.Object.New {
					object = "new " + object
				}
			}
			if object != c.object {
				t.Errorf("it is about %q", object)
			}
			got, want := usesOf(ask), slices.Clone(c.uses)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("it names\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if sent, err := ask.Call.Target("1.41", ask.Call.Name); c.sent != "" && (err != nil || sent != c.sent) {
				t.Errorf("%s %v", sent, err)
			}
			if text, err := json.Marshal(ask.Body); err != nil || !strings.Contains(string(text), c.in) {
				t.Errorf("%s has no %s", text, c.in)
			}
		})
	}
}

func TestCompleteRefuses(t *testing.T) {
	lots := func(n int, text string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(text, i)
		}
		return strings.Join(list, ",")
	}
	for _, c := range []struct {
		method, target, body string
		status               int
		reason               error
	}{
		{"GET", "/containers/nope/json", "", 404, ErrNotFound},
		{"POST", "/containers/create?name=" + hex('a'), `{"Image":"app:1"}`, 400, ErrInvalid},
		{"POST", "/containers/create?name=/" + hex('7'), `{"Image":"app:1"}`, 400, ErrInvalid},
		{"POST", "/containers/create?name=cafecccccccc", `{"Image":"app:1"}`, 409, ErrInvalid},
		{"POST", "/containers/web/rename?name=" + hex('b')[:12], "", 409, ErrInvalid},
		{"POST", "/networks/create", `{"Name":"` + hex('2')[:20] + `"}`, 409, ErrInvalid},
		{"POST", "/services/create", `{"Name":"vvvvvvvvvvvv"}`, 409, ErrInvalid},
		{"POST", "/images/app:1/tag?repo=" + hex('f')[:12], "", 409, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"nope"}`, 404, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"../containers/web"}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"container:nope"}}`, 400, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"container:"}}`, 400, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"VolumesFrom":[":ro"]}}`, 400, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Links":["a:b:c"]}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Links":[""]}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":["../data:/a"]}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"two"}}`, 400, ErrAmbiguous},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"NetworkMode":"777777777777"}}`, 400, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"app:1","NetworkingConfig":{"EndpointsConfig":{"net":{"NetworkID":"other"}}}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","NetworkingConfig":{"EndpointsConfig":{"net":{},"1111":{}}}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","NetworkingConfig":{"EndpointsConfig":{"":{}}}}`, 400, ErrInvalid},
		{"POST", "/networks/net/connect", `{"Container":"web","EndpointConfig":{"NetworkID":"other"}}`, 400, ErrInvalid},
		{"POST", "/networks/net/connect", `{"Container":"nope"}`, 404, ErrNotFound},
		{"POST", "/networks/net/disconnect", `{"Container":"nope"}`, 404, ErrNotFound},
		{"POST", "/commit?container=nope", "{}", 404, ErrNotFound},
		{"POST", "/commit", "{}", 404, ErrNotFound},
		{"POST", "/images/nope/push?tag=1", "", 404, ErrNotFound},
		{"POST", "/images/" + hex('e')[:12] + "/push", "", 404, ErrNotFound},
		{"POST", "/plugins/create", "", 400, ErrInvalid},
		{"POST", "/build?cachefrom=7", "", 400, ErrInvalid},
		{"POST", "/services/create", `{"TaskTemplate":{"ContainerSpec":{"Secrets":[{"SecretID":"secret"}]}}}`, 400, ErrInvalid},
		{"POST", "/services/create", `{"TaskTemplate":{"NetworkAttachmentSpec":{"ContainerID":"web"}}}`, 400, ErrInvalid},
		{"POST", "/services/create", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"VOLUME","Source":"victims","Target":"/v"}]}}}`, 400, ErrInvalid},
		{"POST", "/services/create", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Source":"/","Target":"/v"}]}}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Mounts":[{"Type":"Bind","Source":"/","Target":"/v"}]}}`, 400, ErrInvalid},
		{"POST", "/services/create", `{"TaskTemplate":{"Networks":[{"Target":"nope"}]}}`, 400, ErrNotFound},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":[` + lots(2000, `"volume-%d:/a"`) + `]}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":[` + lots(2000, `"data:/a%d"`) + `]}}`, 400, ErrInvalid},
		{"POST", "/containers/create", `{"Image":"app:1","HostConfig":{"VolumesFrom":["` + strings.Repeat("a", 100000) + `"]}}`, 400, ErrInvalid},
	} {
		e := host()
		ask := askOf(t, c.method, c.target, c.body)
		err := New(e).Complete(t.Context(), ask)
		var f *Fault
		if !errors.As(err, &f) || f.Status != c.status || !errors.Is(err, c.reason) {
			t.Errorf("%s %.60s %.100s: %v %+v", c.method, c.target, c.body, err, f)
		}
		if f != nil && len(f.Error()) > 400 {
			t.Errorf("%.100s: a long message: %d bytes", c.body, len(f.Error()))
		}
		if e.asked > mostLookups+2 {
			t.Errorf("%.100s: the engine was asked %d times", c.body, e.asked)
		}
	}
}

func TestVerify(t *testing.T) {
	e := host()
	r := New(e)
	create := `{"Image":"app:1","HostConfig":{"VolumesFrom":["web"],"Binds":["fresh:/a"],"NetworkMode":"net"}}`
	a := askOf(t, "POST", "/containers/create", create)
	if err := errors.Join(r.Complete(t.Context(), a), r.Verify(t.Context(), a, hex('b'))); err != nil {
		t.Fatal(err)
	}
	e.volumes = append(e.volumes, thing{"fresh", "fresh", "red"}) // the engine made it
	if err := r.Verify(t.Context(), a, hex('b')); err != nil {
		t.Error(err)
	}
	e.containers[0].name, e.containers[1].name = "api", "web"
	if err := r.Verify(t.Context(), a, hex('b')); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	e = host()
	r = New(e)
	a = askOf(t, "POST", "/containers/create", `{"Image":"app:2"}`)
	if err := r.Complete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(t.Context(), a, hex('b')); !errors.Is(err, ErrChanged) { // containers of the small engine all have app:1
		t.Error(err)
	}
	for _, id := range []string{"", "web"} {
		if err := r.Verify(t.Context(), a, id); err == nil || errors.Is(err, ErrChanged) {
			t.Error(id, err)
		}
	}
	if err := r.Verify(t.Context(), a, hex('0')); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	a = askOf(t, "POST", "/networks/create", `{"Name":"mine","ConfigFrom":{"Network":"net"}}`)
	if err := errors.Join(r.Complete(t.Context(), a), r.Verify(t.Context(), a, "")); err != nil {
		t.Error(err)
	}
}

// FuzzComplete: whatever a body says, what is sent has one identity in every place that names a container, and reading it again finds the same.
func FuzzComplete(f *testing.F) {
	targets := []string{"/containers/create", "/networks/net/connect", "/networks/net/disconnect", "/networks/create", "/services/create", "/services/svc/update", "/volumes/create"}
	for i, text := range []string{
		`{"Image":"app:1","HostConfig":{"NetworkMode":"net","IpcMode":"container:web","VolumesFrom":["web:ro","cafe"],"Binds":["data:/a"],"Links":["web:x"],"Mounts":[{"Type":"volume","Source":"x1","Target":"/x"}]},"NetworkingConfig":{"EndpointsConfig":{"net":{"NetworkID":"1"},"over":null}}}`,
		`{"Container":"web","EndpointConfig":{"NetworkID":"net"}}`, `{"Container":"x","Force":true}`, `{"Name":"x","ConfigFrom":{"Network":"net"}}`,
		`{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"app:1","Mounts":[{"Type":"image","Source":"eee","Target":"/x"}]},"Networks":[{"Target":"over"}]}}`, `{"TaskTemplate":{"Runtime":"plugin"}}`,
		`{"Name":"data","ClusterVolumeSpec":{"Secrets":[{"Secret":"secret"}]}}`,
	} {
		f.Add(uint8(i), "name", text)
	}
	f.Fuzz(func(t *testing.T, which uint8, name, text string) {
		c, err := route.New().Match("POST", targets[int(which)%len(targets)])
		if err != nil {
			t.Fatal(err)
		}
		if c.Route.Action == "ContainerCreate" {
			c.Query.Texts["name"] = name
		}
		a := &call.Ask{Call: c, Body: call.BodyOf(c.Route)}
		if body.Decode([]byte(text), a.Body) != nil {
			return
		}
		e := host()
		r := New(e)
		if err := r.Complete(t.Context(), a); err != nil {
			var f *Fault
			if !errors.As(err, &f) || f.Status < 400 || f.Status > 599 || f.Message == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if len(a.Uses) > mostUses || e.asked > 2*mostLookups {
			t.Errorf("%d uses, %d lookups", len(a.Uses), e.asked)
		}
		if b, ok := a.Body.(*container.CreateRequest); ok && b.HostConfig != nil {
			for _, mode := range []string{string(b.HostConfig.NetworkMode), string(b.HostConfig.IpcMode), string(b.HostConfig.PidMode)} {
				if other, ok := strings.CutPrefix(mode, "container:"); ok && !r.hexID.MatchString(other) {
					t.Errorf("%q is no id", mode)
				}
			}
		}
		sent, err := body.Encode(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		again := &call.Ask{Call: c, Body: call.BodyOf(c.Route), Object: a.Object}
		if err := body.Decode(sent, again.Body); err != nil {
			t.Fatalf("%s: %v", sent, err)
		}
		if err := r.Complete(t.Context(), again); err != nil {
			t.Fatalf("%s: %v", sent, err)
		}
		ids := func(a *call.Ask) []string {
			var out []string
			for _, u := range a.Uses {
				out = append(out, u.Action+" "+u.Object.ID)
			}
			slices.Sort(out)
			return out
		}
		if !slices.Equal(ids(a), ids(again)) {
			t.Errorf("%s: %v, and %v then", sent, ids(a), ids(again))
		}
	})
}
