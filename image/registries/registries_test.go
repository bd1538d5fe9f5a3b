package registries

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bulkhead-security/bulkhead/model"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestEnrich(t *testing.T) {
	snap := &model.Snapshot{
		Engine: &model.Engine{
			InsecureRegistries: []string{"127.0.0.0/8", "old.example:5000", "10.0.0.0/8"},
			RegistryMirrors:    []string{"http://mirror.example/"},
		},
		Images: []model.Image{
			{Tags: []string{"built-here:1", "ghcr.io/o/app:2"}},
			{Digests: []string{"nginx@sha256:" + strings.Repeat("ab", 32)}},
		},
		Containers: []model.Container{{Workload: model.Workload{Image: model.ImageRef{Ref: "10.1.2.3:5000/x:1"}}}},
		Kubernetes: &model.Kubernetes{Pods: []model.KubePod{{Containers: []model.KubeContainer{
			{Workload: model.Workload{Image: model.ImageRef{Ref: "registry.k8s.io/pause:3.10"}}},
		}}}},
	}
	root := fstest.MapFS{
		"etc/containerd/certs.d/reg.example_5000_/hosts.toml": file("server = \"https://reg.example:5000\"\nskip_verify = true\n[host.\"https://cache.example\"]\nca = [\"cache.crt\"]\n"),
		"etc/containerd/certs.d/_default/hosts.toml":          file("[host.\"http://proxy.example:8080\"]\n"),
		"etc/docker/certs.d/private.example/ca.crt":           file("x"),
		"etc/containerd/config.toml":                          file("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.\"cri.example\".tls]\ninsecure_skip_verify = true\n"),
		"etc/containers/registries.conf":                      file("unqualified-search-registries = [\"quay.io\"]\n[[registry]]\nlocation = \"pod.example/team\"\ninsecure = true\n[[registry.mirror]]\nlocation = \"m.example\"\n[[registry]]\nlocation = \"blocked.example\"\nblocked = true\n"),
		"etc/containers/registries.conf.d/old.conf":           file("[registries.insecure]\nregistries = [\"v1.example\"]\n"),
		"etc/containers/registries.conf.d/README":             file("= no TOML ="),
	}
	enrich(context.Background(), snap, root, false)
	want := []model.Registry{
		{Host: "10.1.2.3:5000", Sources: []string{"image:10.1.2.3:5000/x:1"}, Insecure: true},
		{Host: "cache.example", Sources: []string{sourceHosts}, Mirror: true, Scheme: "https"},
		{Host: "cri.example", Sources: []string{sourceCRI}, Insecure: true},
		{Host: "docker.io", Sources: []string{"image:docker.io/library/nginx"}},
		{Host: "ghcr.io", Sources: []string{"image:ghcr.io/o/app:2"}},
		{Host: "m.example", Sources: []string{sourcePodman}, Mirror: true},
		{Host: "mirror.example", Sources: []string{"daemon.json:registry-mirrors"}, Mirror: true, Scheme: "http"},
		{Host: "old.example:5000", Sources: []string{"daemon.json:insecure-registries"}, Insecure: true},
		{Host: "pod.example", Sources: []string{sourcePodman}, Insecure: true},
		{Host: "private.example", Sources: []string{sourceCertsDir}},
		{Host: "proxy.example:8080", Sources: []string{sourceHosts}, Mirror: true, Scheme: "http"},
		{Host: "quay.io", Sources: []string{sourcePodman}},
		{Host: "reg.example:5000", Sources: []string{sourceHosts}, Insecure: true, Scheme: "https"},
		{Host: "registry.k8s.io", Sources: []string{"image:registry.k8s.io/pause:3.10"}},
		{Host: "v1.example", Sources: []string{sourcePodman}, Insecure: true},
	}
	for i := range max(len(want), len(snap.Registries)) {
		var w, g model.Registry
		if i < len(want) {
			w = want[i]
		}
		if i < len(snap.Registries) {
			g = snap.Registries[i]
		}
		if !reflect.DeepEqual(w, g) {
			t.Errorf("registry %d:\n got %+v\nwant %+v", i, g, w)
		}
	}
	if len(snap.Gaps) != 0 {
		t.Errorf("gaps: %+v", snap.Gaps)
	}
}

func TestEnrichReadsBelowRoot(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "etc/docker/certs.d/reg.example:5000")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte("skip_verify = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	snap := &model.Snapshot{}
	Enrich(context.Background(), snap, root, false)
	if len(snap.Registries) != 1 || snap.Registries[0].Host != "reg.example:5000" || !snap.Registries[0].Insecure {
		t.Errorf("registries: %+v, gaps: %+v", snap.Registries, snap.Gaps)
	}
}

// denied refuses one file and passes on the rest.
type denied struct {
	fs.FS
	name string
}

func (d denied) Open(name string) (fs.File, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.FS.Open(name)
}

func TestEnrichGaps(t *testing.T) {
	const conf = "etc/containers/registries.conf"
	cases := []struct {
		name string
		root fs.FS
		want model.GapReason
	}{
		{"malformed", fstest.MapFS{conf: file("[[registry")}, model.GapMalformed},
		{"wrong type", fstest.MapFS{conf: file("registry = 1")}, model.GapMalformed},
		{"too large", fstest.MapFS{conf: file(strings.Repeat("#", maxFile+1))}, model.GapLimit},
		{"a directory", fstest.MapFS{conf + "/x": file("")}, model.GapMalformed},
		{"denied", denied{fstest.MapFS{conf: file("")}, conf}, model.GapPermission},
		{"denied directory", denied{fstest.MapFS{}, "etc/docker/certs.d"}, model.GapPermission},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			snap := &model.Snapshot{}
			enrich(context.Background(), snap, c.root, false)
			if len(snap.Gaps) != 1 || snap.Gaps[0].Reason != c.want || snap.Gaps[0].Path != "/registries" || snap.Gaps[0].Collector != collector {
				t.Errorf("gaps: %+v, want one with reason %s", snap.Gaps, c.want)
			}
		})
	}
}

func TestEnrichCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	snap := &model.Snapshot{}
	enrich(ctx, snap, fstest.MapFS{"etc/docker/certs.d/h/ca.crt": file("")}, false)
	if len(snap.Gaps) != 1 || snap.Gaps[0].Reason != model.GapTimeout {
		t.Errorf("gaps: %+v", snap.Gaps)
	}
}

func TestIsHost(t *testing.T) {
	for host, want := range map[string]bool{
		"a.example": true, "a.example:5000": true, "[::1]:5000": true, "127.0.0.1": true, "localhost": true,
		"": false, "a b": false, "a/b": false, "user@host": false, "*.example": false, ":5000": false, "a:port": false,
	} {
		if got := isHost(host); got != want {
			t.Errorf("isHost(%q) = %v", host, got)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("server = \"https://a\"\nca = [1, \"x\"]\n[host.\"http://b\"]\nskip_verify = true\n"))
	f.Add([]byte("[[registry]]\nlocation = \"a/b\"\n[[registry.mirror]]\nlocation = \"c\"\n"))
	f.Add([]byte("[plugins.cri.registry.mirrors.\"docker.io\"]\nendpoint = [\"https://m\"]\n"))
	f.Add([]byte("[registries.search]\nregistries = ['docker.io']\n"))
	f.Add([]byte("a = [[[[[\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &set{byHost: map[string]*entry{}}
		err := errors.Join(s.addHosts("reg.example", "etc/docker/certs.d/reg.example", data), s.addPodman(data), s.addCRI(data))
		for _, r := range s.list() {
			if !isHost(r.Host) || len(r.Sources) == 0 {
				t.Fatalf("%+v (%v)", r, err)
			}
		}
	})
}

func TestFilesOfAnotherMachineAreNotRead(t *testing.T) {
	root := fstest.MapFS{"etc/containers/registries.conf": {Data: []byte("[[registry]]\nlocation = \"local.example\"\ninsecure = true\n")}}
	for endpoint, want := range map[string]bool{"unix:///run/docker.sock": true, "tcp://10.0.0.1:2376": false} {
		snap := &model.Snapshot{Engine: &model.Engine{Endpoint: endpoint}}
		enrich(t.Context(), snap, root, false)
		read := slices.ContainsFunc(snap.Registries, func(r model.Registry) bool { return r.Host == "local.example" })
		told := slices.ContainsFunc(snap.Gaps, func(g model.Gap) bool { return g.Path == "/registries" })
		if read != want || told == want {
			t.Errorf("%s: read %v, gap %v", endpoint, read, told)
		}
	}
}
