package assess

import (
	"fmt"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// safeRegistries is a node that uses one registry well and hosts another well.
func safeRegistries() *model.Snapshot {
	built := snapshotTime.AddDate(0, 0, -20)
	return &model.Snapshot{
		Taken:  snapshotTime,
		Host:   &model.Host{},
		Engine: &model.Engine{Product: "docker", InsecureRegistries: []string{"127.0.0.0/8", "::1/128"}},
		Registries: []model.Registry{
			{Host: "registry.example", Sources: []string{"image:registry.example/web:1.2.3"}},
			{Host: "localhost:5000", Insecure: true},
		},
		Containers: []model.Container{{
			ID: "r", Name: "reg", State: "running",
			Workload: model.Workload{
				Image:    model.ImageRef{Ref: "registry.example/distribution/registry:3.0.0", ID: "sha256:aa"},
				EnvNames: []string{"REGISTRY_AUTH", "REGISTRY_HTTP_TLS_CERTIFICATE", "REGISTRY_HTTP_TLS_KEY"},
				Ports:    []model.PortMap{{HostPort: 5000, ContainerPort: 5000, Protocol: "tcp"}}, ReadOnlyRoot: true,
			},
		}},
		Images: []model.Image{{
			ID: "sha256:aa", Tags: []string{"registry.example/distribution/registry:3.0.0"}, Created: built, UsedBy: []string{"r"},
			Digests: []string{"registry.example/distribution/registry@sha256:aa"},
		}},
	}
}

func TestRegistries(t *testing.T) {
	hosted := func(f func(w *model.Workload)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Containers[0].Workload) }
	}
	none := hosted(func(w *model.Workload) { w.Image.Ref, w.EnvNames = "web:1", nil })
	probe := func(host string, p model.RegistryProbe) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Registries = []model.Registry{{Host: host, Probe: &p}} }
	}
	ca := func(f model.FileFact) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f.Exists = true; s.Host.Files = []model.FileFact{f} }
	}
	trust := func(names ...string) []func(*Settings) {
		return []func(*Settings){func(s *Settings) { s.TrustedRegistries = names }}
	}
	unused := func(n int, days int) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			for i := range n {
				s.Images = append(s.Images, model.Image{ID: fmt.Sprint("u", i), Created: snapshotTime.AddDate(0, 0, -days)})
			}
		}
	}
	cases := []struct {
		name, check string
		sin         func(*model.Snapshot)
		want        model.CheckStatus
		settings    []func(*Settings)
	}{
		{"good", "8.2.a/privileges", nil, model.CheckPass, nil},
		{"privileged", "8.2.a/privileges", hosted(func(w *model.Workload) { w.Privileged = true }), model.CheckFail, nil},
		{"none here", "8.2.a/privileges", none, model.CheckNotApplicable, nil},
		{"unread", "8.2.a/privileges", func(s *model.Snapshot) { s.Gaps = []model.Gap{{Path: "/containers"}} }, model.CheckUnknown, nil},
		{"tls", "8.2.a/listener", nil, model.CheckPass, nil},
		{"plain", "8.2.a/listener", hosted(func(w *model.Workload) { w.EnvNames = nil }), model.CheckFail, nil},
		{"plain on loopback", "8.2.a/listener", hosted(func(w *model.Workload) { w.EnvNames = nil; w.Ports[0].HostIP = "127.0.0.1" }), model.CheckPass, nil},
		{"own file", "8.2.a/listener", hosted(func(w *model.Workload) {
			w.EnvNames = nil
			w.Mounts = []model.Mount{{Type: "bind", Target: "/etc/distribution/config.yml"}}
		}), model.CheckUnknown, nil},
		{"user", "8.2.a/user", nil, model.CheckPass, nil},
		{"root", "8.2.a/user", hosted(func(w *model.Workload) { w.Root = true }), model.CheckFail, nil},
		{"user unread", "8.2.a/user", func(s *model.Snapshot) {
			s.Containers[0].Gaps = []model.Gap{{Path: "/workload/root", Reason: model.GapPermission}}
		}, model.CheckUnknown, nil},
		{"writable", "8.2.a/user", hosted(func(w *model.Workload) { w.ReadOnlyRoot = false }), model.CheckWarn, nil},
		{"recent", "8.2.a/version", nil, model.CheckPass, nil},
		{"old", "8.2.a/version", func(s *model.Snapshot) { s.Images[0].Created = snapshotTime.AddDate(-2, 0, 0) }, model.CheckFail, nil},
		{"moving", "8.2.a/version", hosted(func(w *model.Workload) { w.Image.Ref = "registry" }), model.CheckWarn, nil},
		{"no guard", "8.2.a/registry-guard", nil, model.CheckWarn, nil},
		{"nothing to guard", "8.2.a/registry-guard", none, model.CheckNotApplicable, nil},
		{"loopback only", "8.2.b/insecure-registries", nil, model.CheckPass, nil},
		{"insecure", "8.2.b/insecure-registries", func(s *model.Snapshot) { s.Registries[0].Insecure = true }, model.CheckFail, nil},
		{"http", "8.2.b/insecure-registries", func(s *model.Snapshot) { s.Registries[0].Scheme = "http" }, model.CheckFail, nil},
		{"insecure range", "8.2.b/insecure-registries", func(s *model.Snapshot) { s.Engine.InsecureRegistries = []string{"10.0.0.0/8"} }, model.CheckFail, nil},
		{"everything", "8.2.b/insecure-registries", func(s *model.Snapshot) { s.Engine.InsecureRegistries = []string{"0.0.0.0/0"} }, model.CheckFail, nil},
		{"none", "8.2.b/insecure-registries", func(s *model.Snapshot) { s.Registries = nil }, model.CheckNotApplicable, nil},
		{"not asked", "8.2.b/registry-answers", nil, model.CheckNotApplicable, nil},
		{"verified", "8.2.b/registry-answers", probe("r.example", model.RegistryProbe{Reachable: true, TLS: true, Verified: true, TLSVersion: "TLS 1.3"}), model.CheckPass, nil},
		{"plain http", "8.2.b/registry-answers", probe("r.example", model.RegistryProbe{Reachable: true, PlainHTTP: true}), model.CheckFail, nil},
		{"bad certificate", "8.2.b/registry-answers", probe("r.example", model.RegistryProbe{Reachable: true, TLS: true}), model.CheckFail, nil},
		{"old tls", "8.2.b/registry-answers", probe("r.example", model.RegistryProbe{TLS: true, Verified: true, TLSVersion: "TLS 1.0"}), model.CheckFail, nil},
		{"silent", "8.2.b/registry-answers", probe("r.example", model.RegistryProbe{Error: "timeout"}), model.CheckUnknown, nil},
		{"no certificates", "8.2.b/certificate-files", nil, model.CheckNotApplicable, nil},
		{"good", "8.2.b/certificate-files", ca(model.FileFact{Path: "/etc/docker/certs.d/r/ca.crt", Mode: "0444"}), model.CheckPass, nil},
		{"writable", "8.2.b/certificate-files", ca(model.FileFact{Path: "/x", Purpose: "registry-ca", Mode: "0666"}), model.CheckFail, nil},
		{"few", "8.2.c/unused-images", unused(20, 1), model.CheckPass, nil},
		{"many", "8.2.c/unused-images", unused(21, 1), model.CheckFail, nil},
		{"fresh", "8.2.c/stale-images", unused(1, 1), model.CheckPass, nil},
		{"stale", "8.2.c/stale-images", unused(1, 200), model.CheckWarn, nil},
		{"base of one in use", "8.2.c/stale-images", func(s *model.Snapshot) {
			unused(1, 200)(s)
			s.Images[0].Layers, s.Images[1].Layers = []string{"a", "b"}, []string{"a"}
		}, model.CheckPass, nil},
		{"few", "8.2.c/dead-containers", nil, model.CheckPass, nil},
		{"many", "8.2.c/dead-containers", func(s *model.Snapshot) {
			for range 26 {
				s.Containers = append(s.Containers, model.Container{State: "exited"})
			}
		}, model.CheckFail, nil},
		{"asks", "8.2.d/anonymous", nil, model.CheckPass, nil},
		{"open", "8.2.d/anonymous", hosted(func(w *model.Workload) { w.EnvNames = nil }), model.CheckFail, nil},
		{"answers anyone", "8.2.d/anonymous", probe("r.example", model.RegistryProbe{TLS: true, Anonymous: true}), model.CheckFail, nil},
		{"public", "8.2.d/anonymous", probe("mcr.microsoft.com", model.RegistryProbe{TLS: true, Anonymous: true}), model.CheckWarn, nil},
		{"nothing known", "8.2.d/anonymous", none, model.CheckNotApplicable, nil},
		{"unread", "8.2.d/anonymous", func(s *model.Snapshot) { s.Gaps = []model.Gap{{Path: "/containers"}} }, model.CheckUnknown, nil},
		{"no list", "8.2.d/trusted-registries", nil, model.CheckWarn, nil},
		{"trusted", "8.2.d/trusted-registries", nil, model.CheckPass, trust("registry.example")},
		{"trusted part", "8.2.d/trusted-registries", nil, model.CheckPass, trust("registry.example/distribution")},
		{"other part", "8.2.d/trusted-registries", nil, model.CheckFail, trust("registry.example/dist")},
		{"not trusted", "8.2.d/trusted-registries", nil, model.CheckFail, trust("ghcr.io")},
		{"built here", "8.2.d/trusted-registries", func(s *model.Snapshot) { s.Images[0].Digests = nil }, model.CheckPass, trust("ghcr.io")},
	}
	for _, c := range cases {
		t.Run(c.check+" "+c.name, func(t *testing.T) {
			snap := safeRegistries()
			if c.sin != nil {
				c.sin(snap)
			}
			wantCheck(t, c.want, c.check, snap, c.settings...)
		})
	}
}

func TestIsLoopback(t *testing.T) {
	cases := map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "127.0.0.0/8": true,
		"::1/128": true, "127.0.0.0/1": false, "0.0.0.0/0": false, "registry.example": false, "10.0.0.1:5000": false, "": false,
	}
	for host, want := range cases {
		if got := isLoopback(host); got != want {
			t.Errorf("isLoopback(%q) = %v", host, got)
		}
	}
}
