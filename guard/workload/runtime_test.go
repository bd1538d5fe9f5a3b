package workload_test

import (
	"context"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
)

// cuda is a world in which images say more.
type cuda struct {
	world
	env []string
}

func (c cuda) Image(context.Context, string) (workload.Image, bool, error) {
	return workload.Image{ID: "sha256:1", Env: c.env}, c.env != nil, nil
}

func readerOf(h workload.Host, d workload.Defaults) *workload.Reader {
	return &workload.Reader{Host: h, Texts: secret.New([]byte("k")), Defaults: d}
}

func TestDevicesByEnvironment(t *testing.T) {
	all := workload.DeviceRuntimes(map[string]system.RuntimeWithStatus{
		"runc": {}, "nvidia": {}, "fast": {Runtime: system.Runtime{Path: "/usr/bin/nvidia-container-runtime"}}, "io.containerd.runc.v2": {},
	})
	if !slices.Equal(all, []string{"fast", "nvidia"}) {
		t.Fatal(all)
	}
	for _, c := range []struct {
		what, standard, runtime string
		image, env              []string
		want                    []string
	}{
		{"asked for", "runc", "nvidia", []string{}, []string{"NVIDIA_VISIBLE_DEVICES=all"}, []string{"NVIDIA_VISIBLE_DEVICES=all"}},
		{"by the standard runtime", "fast", "", []string{}, []string{"NVIDIA_VISIBLE_DEVICES=0"}, []string{"NVIDIA_VISIBLE_DEVICES=0"}},
		{"by the image", "nvidia", "", []string{"NVIDIA_VISIBLE_DEVICES=all"}, nil, []string{"NVIDIA_VISIBLE_DEVICES=all"}},
		{"taken back", "nvidia", "", []string{"NVIDIA_VISIBLE_DEVICES=all"}, []string{"NVIDIA_VISIBLE_DEVICES=void"}, []string{}},
		{"by an image of before", "nvidia", "", []string{"CUDA_VERSION=8"}, nil, []string{"CUDA_VERSION=8"}},
		{"with another runtime", "nvidia", "runc", []string{"NVIDIA_VISIBLE_DEVICES=all"}, nil, []string{}},
		{"with none of those", "runc", "", []string{}, []string{"NVIDIA_VISIBLE_DEVICES=all"}, []string{}},
		{"capabilities alone", "nvidia", "", []string{}, []string{"NVIDIA_DRIVER_CAPABILITIES=all"}, []string{}},
	} {
		d := workload.Defaults{Runtime: c.standard, DeviceRuntimes: all}
		w := readerOf(cuda{env: c.image}, d).FromCreate(t.Context(), &container.CreateRequest{
			Config: &container.Config{Image: "x", Env: c.env}, HostConfig: &container.HostConfig{Runtime: c.runtime},
		})
		if got := workload.Facts(&w, workload.Extra{Defaults: d})["device_requests"]; !slices.Equal(got.([]string), c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
	d := workload.Defaults{Runtime: "nvidia", DeviceRuntimes: all}
	w := readerOf(cuda{env: []string{}}, d).FromCreate(t.Context(), &container.CreateRequest{
		Config:     &container.Config{Image: "x"},
		HostConfig: &container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/dev/null", Target: "/var/run/nvidia-container-devices/all"}}},
	})
	if len(w.Devices) != 1 {
		t.Errorf("by a mount: %v", w.Devices)
	}
	spec := &swarm.ServiceSpec{TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: "x"}}}
	if w := readerOf(cuda{}, d).FromService(t.Context(), spec); len(w.Unknown) == 0 {
		t.Error("an image that is not here asks for nothing")
	}
	if w := readerOf(cuda{}, d).FromBuild(t.Context(), route.Query{}, nil); len(w.Unknown) == 0 {
		t.Error("a build gets no devices")
	}
	d.Runtime = "runc"
	if w := readerOf(cuda{}, d).FromBuild(t.Context(), route.Query{}, nil); len(w.Unknown) != 0 {
		t.Error(w.Unknown)
	}
}

// TestReadOnlyAbove: what is mounted below a read-only mount may be one that can be written to.
func TestReadOnlyAbove(t *testing.T) {
	for _, c := range []struct {
		what   string
		source string
		deep   bool
		o      mount.BindOptions
		open   bool
	}{
		{"an old engine", "/srv/disks", false, mount.BindOptions{}, true},
		{"an old engine, nothing below", "/srv/shop", false, mount.BindOptions{}, false},
		{"a new engine", "/srv/disks", true, mount.BindOptions{}, false},
		{"a new engine that is told not to", "/srv/disks", true, mount.BindOptions{ReadOnlyNonRecursive: true}, true},
		{"a new engine that must", "/srv/disks", false, mount.BindOptions{ReadOnlyForceRecursive: true}, false},
		{"what is below is left out", "/srv/disks", false, mount.BindOptions{NonRecursive: true}, false},
		{"what comes later", "/srv/shop", true, mount.BindOptions{Propagation: mount.PropagationRSlave}, true},
	} {
		d := workload.Defaults{ReadOnlyDeep: c.deep}
		w := readerOf(world{}, d).FromCreate(t.Context(), &container.CreateRequest{Config: &container.Config{Image: "x"}, HostConfig: &container.HostConfig{
			Mounts: []mount.Mount{{Type: mount.TypeBind, Source: c.source, Target: "/m", ReadOnly: true, BindOptions: &c.o}},
		}})
		f := workload.Facts(&w, workload.Extra{Defaults: d})
		if open := len(f["open_binds"].([]string)) > 0; open != c.open {
			t.Errorf("%s: %v", c.what, f["open_binds"])
		}
	}
}

// TestClosed: what may be read is what is named, what is below it, and what everybody reads.
func TestClosed(t *testing.T) {
	for _, c := range []struct {
		source   string
		writes   bool
		remapped bool
		closed   bool
	}{
		{source: "/srv/shop", closed: true},
		{source: "/srv/data"},
		{source: "/srv/data/below"},
		{source: "/srv/database", closed: true},
		{source: "/srv", closed: true},
		{source: "/srv/writable"},
		{source: "/srv/writable/below", closed: true},
		{source: "/usr/share/zoneinfo/UTC"},
		{source: "/etc/shadow", closed: true},
		{source: "/srv/shop", writes: true}, // that is for open_binds
		{source: "/srv/shop", remapped: true},
	} {
		d := workload.Defaults{ReadOnlyDeep: true, Remapped: c.remapped, ReadablePaths: []string{"/srv/data"}, WritablePaths: []string{"/srv/writable"}}
		w := readerOf(world{}, d).FromCreate(t.Context(), &container.CreateRequest{Config: &container.Config{Image: "x"}, HostConfig: &container.HostConfig{
			Mounts: []mount.Mount{{Type: mount.TypeBind, Source: c.source, Target: "/m", ReadOnly: !c.writes}},
		}})
		if closed := len(workload.Facts(&w, workload.Extra{Defaults: d})["closed_binds"].([]string)) > 0; closed != c.closed {
			t.Errorf("%+v: closed %v", c, closed)
		}
	}
}

func TestEngineOption(t *testing.T) {
	for option, want := range map[string][2]string{
		"name=seccomp,profile=default": {"seccomp", "default"}, "profile=/etc/x.json,name=seccomp": {"seccomp", "/etc/x.json"},
		"name=userns": {"userns", ""}, "apparmor": {"apparmor", ""}, "": {"", ""}, "name=": {"", ""}, "of=another,name=cgroupns": {"cgroupns", ""},
	} {
		if name, profile := workload.EngineOption(option); name != want[0] || profile != want[1] {
			t.Errorf("%q: %q %q", option, name, profile)
		}
	}
}
