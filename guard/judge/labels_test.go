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
