package judge_test

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// TestLongLabels: labels of a call have a bound, wherever they stand in it, and the answer says where and which.
func TestLongLabels(t *testing.T) {
	long := func(n int) map[string]string { return map[string]string{"a": strings.Repeat("x", n)} }
	const most = 256<<10 - 1
	two := &container.CreateRequest{Config: &container.Config{Labels: long(most / 2)}, HostConfig: &container.HostConfig{
		Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: "/v", VolumeOptions: &mount.VolumeOptions{Labels: long(most/2 + 2)}}},
	}}
	for _, c := range []struct {
		target string
		kind   route.Object
		body   any
		field  string
	}{
		{"/containers/create", route.Container, &container.CreateRequest{Config: &container.Config{Labels: long(most)}}, ""},
		{"/containers/create", route.Container, &container.CreateRequest{Config: &container.Config{Labels: long(most + 1)}}, "/Labels"},
		{"/containers/create", route.Container, two, "/HostConfig/Mounts/0/VolumeOptions/Labels"},
		{"/volumes/create", route.Volume, &volume.CreateRequest{Labels: long(most + 1)}, "/Labels"},
		{"/networks/create", route.Network, &call.NetworkCreate{}, ""},
		{"/secrets/create", route.Secret, &swarm.SecretSpec{Annotations: swarm.Annotations{Labels: long(most + 1)}}, "/Labels"},
		{"/commit", route.Container, &container.Config{Labels: long(most + 1)}, "/Labels"},
	} {
		a := ask(t, dev("dev"), "POST", c.target)
		a.Object, a.Body = &call.Object{Kind: c.kind, Name: "web", New: true}, c.body
		err := newJudge(t, &log{}).Judge(t.Context(), a)
		if refused := err != nil && strings.Contains(err.Error(), "256 KiB"); refused != (c.field != "") || refused && !strings.Contains(err.Error(), c.field) {
			t.Errorf("%.40s, %q: %v", c.target, c.field, err)
		}
	}
}

// TestLabelsOfImages: the containers of a build have the labels of the image that it begins with, so that nobody puts any of the guard's there.
func TestLabelsOfImages(t *testing.T) {
	of := map[string]string{call.LabelTenant: "acme", call.LabelOwner: "dev"}
	for _, c := range []struct {
		labels map[string]string
		fine   bool
	}{
		{nil, true},
		{map[string]string{"a": "b"}, true},
		{of, true},
		{map[string]string{call.LabelOwner: "mallory"}, false},
		{map[string]string{"IO.Bulkhead.owner": "dev"}, false},
	} {
		a := ask(t, dev("dev"), "POST", "/commit")
		a.Object = &call.Object{Kind: route.Container, ID: "c1", Name: "web", Tenant: "acme", Owner: "dev", Labels: of}
		body := &container.Config{Labels: c.labels}
		a.Body = body
		err := newJudge(t, &log{}).Judge(t.Context(), a)
		if told := err != nil && strings.Contains(err.Error(), "/Labels"); told == c.fine || len(body.Labels) != len(c.labels) {
			t.Errorf("%v: %v, %v", c.labels, err, body.Labels)
		}
	}
}
