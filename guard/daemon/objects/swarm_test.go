package objects

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// A volume that is not there belongs to the owner of the service that names it.
func TestAwaitedVolumes(t *testing.T) {
	for _, c := range []struct {
		who, target, body string
		use               int // which use is the volume; -1 for what the call is about
		taken             bool
	}{
		{"bob", "/volumes/create", `{"Name":"awaited"}`, -1, true},
		{"rita", "/volumes/create", `{"Name":"awaited"}`, -1, false},
		{"bob", "/volumes/create", `{"Name":"fresh"}`, -1, false},
		{"bob", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":["awaited:/v"]}}`, 1, true},
		{"rita", "/containers/create", `{"Image":"app:1","HostConfig":{"Binds":["awaited:/v"]}}`, 1, false},
		{"bob", "/services/create", `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","Source":"awaited","Target":"/v"}]}}}`, 0, true},
	} {
		a := askOf(t, "POST", c.target, c.body)
		a.Subject = &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: c.who}, Tenant: "red"}}
		if err := New(host()).Complete(t.Context(), a); err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		o := a.Object
		if c.use >= 0 {
			o = &a.Uses[c.use].Object
		}
		if c.taken != (!o.New && o.Owner == "rita" && o.Tenant == "red") || !c.taken && !o.New {
			t.Errorf("%+v: %+v", c, o)
		}
	}
}

// What a service goes back to is what is judged, and only while the call names the version that it was read of.
func TestRollback(t *testing.T) {
	const previous = `{"Name":"svc","TaskTemplate":{"ContainerSpec":{"Image":"app:2","Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]}}}`
	for _, c := range []struct{ previous, query, refused string }{
		{previous, "version=7&rollback=previous", ""},
		{previous, "version=8&rollback=previous", "out of sequence"},
		{"null", "version=7&rollback=previous", "does not have a previous spec"},
		{`{"Name":"svc","Networks":[{"Target":"over"}]}`, "version=7&rollback=previous", "is not understood"},
	} {
		e := host()
		e.previous = c.previous
		a := askOf(t, "POST", "/services/svc/update?"+c.query, `{"Name":"svc","TaskTemplate":{"ContainerSpec":{"Image":"app:1"}}}`)
		err := New(e).Complete(t.Context(), a)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", c.query, err)
			}
			continue
		}
		b, ok := a.Body.(*swarm.ServiceSpec)
		if err != nil || !ok || b.TaskTemplate.ContainerSpec.Image != "app:2" || a.Swarm == nil || a.Swarm.Node != swarmID('k') || a.Swarm.Image != "sha256:"+hex('f') {
			t.Errorf("%v %+v %+v", err, a.Body, a.Swarm)
		}
	}
	a := askOf(t, "POST", "/services/svc/update?version=7", `{"Name":"svc","TaskTemplate":{"ContainerSpec":{"Image":"app:1"}}}`)
	if err := New(host()).Complete(t.Context(), a); err != nil || a.Body.(*swarm.ServiceSpec).TaskTemplate.ContainerSpec.Image != "app:1" {
		t.Errorf("%v %+v", err, a.Body)
	}
}

func TestByContents(t *testing.T) {
	digest := "sha256:" + hex('1')
	for _, c := range []struct {
		ref     string
		digests []string
		want    string
	}{
		{"app:1", nil, "sha256:" + hex('e')},
		{"app:1", []string{"other@" + digest}, "sha256:" + hex('e')},
		{"app:1", []string{"reg.example/app@" + digest, "app@" + digest}, "app@" + digest},
		{"reg.example:5000/a/b:2", []string{"reg.example:5000/a/b@" + digest}, "reg.example:5000/a/b@" + digest},
	} {
		if got := byContents(c.ref, "sha256:"+hex('e'), c.digests); got != c.want {
			t.Errorf("%s %v: %s", c.ref, c.digests, got)
		}
	}
}
