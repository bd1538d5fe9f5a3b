package docker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/storage"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/model"
)

func hostConfig(t *testing.T, body string) *container.HostConfig {
	t.Helper()
	var hc container.HostConfig
	if err := json.Unmarshal([]byte(body), &hc); err != nil {
		t.Fatal(err)
	}
	return &hc
}

// What Debian's 20.10 answers of a container that asks for nothing.
const (
	masked   = `["/proc/asound","/proc/acpi","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware"]`
	readonly = `["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]`
)

func TestSecurity(t *testing.T) {
	plain := hostView{seccomp: "default"}
	for _, c := range []struct {
		host string
		view hostView
		want model.Workload
	}{
		{`{}`, plain, model.Workload{Seccomp: "default"}},
		{`{}`, hostView{seccomp: "custom", noNewPrivileges: true}, model.Workload{Seccomp: "custom", NoNewPrivileges: true}},
		{`{"SecurityOpt":["no-new-privileges"]}`, plain, model.Workload{Seccomp: "default", NoNewPrivileges: true}},
		{`{"SecurityOpt":["no-new-privileges:true"]}`, plain, model.Workload{Seccomp: "default", NoNewPrivileges: true}},
		{`{"SecurityOpt":["no-new-privileges=false"]}`, hostView{seccomp: "default", noNewPrivileges: true}, model.Workload{Seccomp: "default"}},
		{`{"SecurityOpt":["seccomp=unconfined"]}`, plain, model.Workload{Seccomp: "unconfined"}},
		{`{"SecurityOpt":["seccomp:{\"defaultAction\":\"x\"}"]}`, plain, model.Workload{Seccomp: "custom"}},
		{`{"SecurityOpt":["apparmor=unconfined","label=disable"]}`, plain, model.Workload{Seccomp: "default", AppArmor: "unconfined", SELinux: []string{"disabled"}}},
		{`{"Privileged":true}`, hostView{seccomp: "default", apparmor: true}, model.Workload{Seccomp: "unconfined", AppArmor: "unconfined", MaskedPathsOff: true}},
		{`{"MaskedPaths":[],"ReadonlyPaths":[]}`, plain, model.Workload{Seccomp: "default", MaskedPathsOff: true}},
		{`{"MaskedPaths":` + masked + `,"ReadonlyPaths":` + readonly + `}`, plain, model.Workload{Seccomp: "default"}},
		{`{"MaskedPaths":["/proc/kcore"],"ReadonlyPaths":` + readonly + `}`, plain, model.Workload{Seccomp: "default", MaskedPathsOff: true}},
		{`{"MaskedPaths":` + masked + `,"ReadonlyPaths":["/proc/bus"]}`, plain, model.Workload{Seccomp: "default", MaskedPathsOff: true}},
	} {
		var w model.Workload
		security(&w, container.InspectResponse{HostConfig: hostConfig(t, c.host)}, &c.view)
		got, _ := json.Marshal(w)
		want, _ := json.Marshal(c.want)
		if string(got) != string(want) {
			t.Errorf("%s\n got %s\nwant %s", c.host, got, want)
		}
	}
}

func TestNamespaces(t *testing.T) {
	v1, v2 := &hostView{info: system.Info{CgroupVersion: "1"}}, &hostView{info: system.Info{CgroupVersion: "2"}, remapped: true}
	for _, c := range []struct {
		host string
		view *hostView
		want model.Namespaces
	}{
		{`{}`, v1, model.Namespaces{Network: "bridge", PID: "private", IPC: "private", UTS: "private", User: "host", Cgroup: "host"}},
		{`{"NetworkMode":"default","IpcMode":"shareable"}`, v2, model.Namespaces{Network: "bridge", PID: "private", IPC: "private", UTS: "private", User: "private", Cgroup: "private"}},
		{
			`{"NetworkMode":"host","PidMode":"host","IpcMode":"host","UTSMode":"host","UsernsMode":"host","CgroupnsMode":"host"}`, v2,
			model.Namespaces{Network: "host", PID: "host", IPC: "host", UTS: "host", User: "host", Cgroup: "host"},
		},
		{
			`{"NetworkMode":"container:abc","PidMode":"container:abc","IpcMode":"none","CgroupnsMode":"private"}`, &hostView{rootless: true},
			model.Namespaces{Network: "container:abc", PID: "container:abc", IPC: "none", UTS: "private", User: "private", Cgroup: "private"},
		},
	} {
		check(t, c.host, namespaces(hostConfig(t, c.host), c.view), c.want)
	}
}

// TestUser resolves names by the container's own accounts, without following its links out of it.
func TestUser(t *testing.T) {
	root := hostRoot(t, map[string]string{
		"/layers/up/tmp/x": "", "/layers/low/etc/passwd": "toor:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
		"/layers/evil/etc/passwd": "-> /../../../../etc/passwd", "/etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:0:0::/:/bin/sh\n",
	})
	_ = os.Remove(filepath.Join(root, "etc/passwd"))
	write(t, root, "/etc/passwd", "app:x:0:0::/:/bin/sh\n") // the host's, which must not be asked
	e := collector(root, nil)
	for _, c := range []struct {
		user, upper string
		root        bool
		gaps        int
	}{
		{"", "/layers/up", true, 0},
		{"root", "/layers/up", true, 0},
		{"0:0", "/layers/up", true, 0},
		{"00", "/layers/up", true, 0},
		{"1000", "/layers/up", false, 0},
		{"app:app", "/layers/up", false, 0},
		{"toor", "/layers/up", true, 0},
		{"nobody", "/layers/up", false, 1},
		{"app", "/layers/evil", false, 1},
		{"app", "relative", false, 1},
	} {
		in := container.InspectResponse{State: &container.State{}, GraphDriver: &storage.DriverData{
			Name: "overlay2",
			Data: map[string]string{"UpperDir": c.upper, "LowerDir": "/layers/none:/layers/low"},
		}}
		if c.upper == "/layers/evil" {
			in.GraphDriver.Data["LowerDir"] = ""
		}
		w, out := model.Workload{UserEffective: c.user}, model.Container{}
		e.user(&w, in, &hostView{local: true}, &out)
		if w.Root != c.root || len(out.Gaps) != c.gaps {
			t.Errorf("user %q in %s: root %v, gaps %+v", c.user, c.upper, w.Root, out.Gaps)
		}
	}
}

func TestMounts(t *testing.T) {
	root := hostRoot(t, map[string]string{"/run/docker.sock": "", "/srv/data/x": "", "/var/run": "-> /run", "/srv/link": "-> ../run/docker.sock", "/srv/up": "-> /"})
	e := collector(root, nil)
	h := &hostView{local: true, sockets: []string{"/run/docker.sock"}, volumes: map[string]volume.Volume{
		"plain": {Driver: "local"}, "bound": {Driver: "local", Options: map[string]string{"o": "rw,bind", "device": "/var/run"}},
		"nfs": {Driver: "local", Options: map[string]string{"o": "addr=h", "device": ":/x"}},
	}}
	in := container.InspectResponse{HostConfig: hostConfig(t, `{"Tmpfs":{"/t":"size=1m,ro"}}`)}
	for _, m := range []struct{ kind, name, source, target string }{
		{"bind", "", "/var/run/docker.sock", "/1"},
		{"bind", "", "/srv/link", "/2"},
		{"bind", "", "/srv/../var/run", "/3"},
		{"bind", "", "/srv/data", "/4"},
		{"volume", "bound", "/v/bound", "/5"},
		{"volume", "plain", "/v/plain", "/6"},
		{"volume", "nfs", "/v/nfs", "/7"},
		{"bind", "", "/srv/up", "/8"},
		{"bind", "", "/gone/podman.sock", "/9"},
	} {
		p := container.MountPoint{Name: m.name, Source: m.source, Destination: m.target, RW: true}
		p.Type = container.MountPoint{}.Type
		if err := json.Unmarshal([]byte(`{"Type":"`+m.kind+`"}`), &p); err != nil {
			t.Fatal(err)
		}
		in.Mounts = append(in.Mounts, p)
	}
	c := &model.Container{}
	var got []string
	for _, m := range e.mounts(in, h, c) {
		line := m.Target + " " + m.Resolved
		if m.EngineSocket {
			line += " socket"
		}
		if m.ReadOnly {
			line += " ro"
		}
		got = append(got, line)
	}
	want := []string{
		"/1 /run/docker.sock socket", "/2 /run/docker.sock socket", "/3 /run socket", "/4 /srv/data", "/5 /run socket",
		"/6 /v/plain", "/7 /v/nfs", "/8 / socket", "/9 /gone/podman.sock socket", "/t  ro",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	check(t, "gaps", len(c.Gaps), 0)
}
