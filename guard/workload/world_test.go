package workload_test

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// world is a host with a few things that bodies name.
type world struct{}

const mine, theirs = "3f5a3f5a3f5a", "99999999ffff"

func (world) Path(p string) workload.Path {
	links := map[string]string{"/srv/link": "/", "/var/run/docker.sock": "/run/docker.sock", "/etc/localtime": "/usr/share/zoneinfo/Etc/UTC"}
	if p == "/home/bob/null" { // a link of bob's
		return workload.Path{Resolved: "/dev/null", Unstable: "/home/bob belongs to the uid 1000"}
	}
	out := workload.Path{Resolved: path.Clean(p)}
	if to, ok := links[p]; ok {
		out.Resolved = to
	}
	switch {
	case strings.HasPrefix(p, "/home/"):
		out.Unstable = "/home/bob belongs to the uid 1000"
	case strings.HasPrefix(p, "/nonexistent"):
		out.Unstable = "/nonexistent does not exist"
	}
	return out
}

func (world) Below(p string) bool { return p == "/srv/disks" }

func (world) Volume(_ context.Context, name string) (workload.Volume, bool, error) {
	v, ok := map[string]workload.Volume{
		"plain":  {Driver: "local"},
		"bound":  {Driver: "local", Options: map[string]string{"type": "none", "o": "bind,rw", "device": "/etc"}},
		"disk":   {Driver: "local", Options: map[string]string{"type": "ext4", "device": "/dev/sda1"}},
		"nfs":    {Driver: "local", Options: map[string]string{"type": "nfs", "o": "addr=192.0.2.9,rw", "device": ":/x"}},
		"theirs": {Driver: "local", Foreign: true},
	}[name]
	if name == "broken" {
		return v, false, errors.New("the engine does not answer")
	}
	return v, ok, nil
}

func (world) Container(_ context.Context, name string) (workload.Peer, error) {
	switch name {
	case "mine", mine:
		return workload.Peer{
			ID: mine, Namespaces: model.Namespaces{Network: "bridge", PID: "private", IPC: "host", UTS: "private", Cgroup: "private"},
			Mounts: []model.Mount{{Type: "bind", Source: "/srv/shop", Target: "/m"}, {Type: "volume", Source: "bound", Volume: "bound", Target: "/n"}},
		}, nil
	case "theirs", theirs:
		return workload.Peer{
			ID: theirs, Foreign: true, Namespaces: model.Namespaces{PID: "private"}, Mounts: []model.Mount{{Type: "volume", Volume: "plain", Target: "/t"}},
		}, nil
	}
	return workload.Peer{}, errors.New("there is no such container")
}

func (world) Network(_ context.Context, name string) (workload.Network, error) {
	n := map[string]workload.Network{
		"bridge": {ID: "b", Name: "bridge", Driver: "bridge"}, "shop": {ID: "s", Name: "shop", Driver: "bridge"},
		"foreign": {ID: "f", Name: "foreign", Driver: "bridge", Foreign: true}, "h0stnet": {ID: "h0stnet", Name: "host", Driver: "host"},
	}
	if found, ok := n[name]; ok {
		return found, nil
	}
	return workload.Network{}, errors.New("there is no such network")
}

func (world) Image(_ context.Context, ref string) (workload.Image, bool, error) {
	switch {
	case strings.HasPrefix(ref, "nginx"):
		return workload.Image{ID: "sha256:n", Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx"}}, true, nil
	case strings.HasPrefix(ref, "shop"):
		return workload.Image{ID: "sha256:s", User: "app", Entrypoint: []string{"/shop"}, Accounts: map[string]int{"app": 1000, "toor": 0}}, true, nil
	}
	return workload.Image{ID: "sha256:b", Cmd: []string{"sh"}}, true, nil
}

func defaults() workload.Defaults {
	return workload.Defaults{
		Seccomp: "default", AppArmor: "docker-default", CgroupNamespace: "private", Runtime: "runc", Runtimes: []string{"runc", "runsc"},
		LogDriver: "json-file", Sockets: []string{"/run/docker.sock", "/run/containerd/containerd.sock"}, SystemPaths: []string{"/data/docker"}, ReadablePaths: []string{"/srv/shop"},
	}
}

func reader() *workload.Reader {
	return &workload.Reader{
		Host: world{}, Texts: &secret.Detector{}, Defaults: defaults(),
		TenantLabel: "io.example.tenant", SensitivityLabel: "io.example.sensitivity",
	}
}

// decide asks the shipped policies.
func decide(t testing.TB, e *authz.Engine, action, profile string, w *model.Workload) model.Decision {
	t.Helper()
	typ := map[string]string{"S": "Service", "V": "Volume", "I": "Image", "B": "Host"}[action[:1]]
	if typ == "" {
		typ = "Container"
	}
	r := model.Request{
		Principal: model.Principal{
			Ref: model.Ref{Type: "User", ID: "bob"}, Name: "bob", Tenant: "acme", Roles: []string{model.RoleOwner},
			Credential: model.Ref{Type: "Session", ID: "s"}, Auth: model.Strength{MFA: true},
		},
		Action: action, Resource: model.Object{Ref: model.Ref{Type: typ, ID: "x"}, Parents: []model.Ref{{Type: "Tenant", ID: "acme"}}},
		Facts: map[string]any{"door": "engine", "address": "unix:pid=7", "profile": profile, "workload": workload.Facts(w, workload.Extra{Defaults: defaults(), Tenant: "acme"})},
	}
	return e.Decide(context.Background(), r)
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
