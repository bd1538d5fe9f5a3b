package workload_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// restricted is a container that the profile of that name lets pass.
const restricted = `{"Image":"shop:2.1.0","User":"1000","HostConfig":{"CapDrop":["ALL"],"ReadonlyRootfs":true,"SecurityOpt":["no-new-privileges"],
	"Memory":67108864,"PidsLimit":50,"NanoCpus":500000000}}`

func create(t testing.TB, body string) model.Workload {
	t.Helper()
	var b container.CreateRequest
	decode(t, body, &b)
	return reader().FromCreate(context.Background(), &b)
}

// What no command line sends is seen as well: each body is refused by this rule, in this profile and the stricter one.
func TestOtherBodies(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ host, rule string }{
		{`"CapAdd":["CAP_ALL"]`, "capabilities"},
		{`"CapAdd":["Sys_Admin"]`, "capabilities"},
		{`"CapAdd":["CAP_NOT_THERE"]`, "understood"},
		{`"NetworkMode":"h0stnet"`, "host-namespaces"},
		{`"NetworkMode":"gone"`, "understood"},
		{`"NetworkMode":"container:"`, "foreign-namespaces"},
		{`"PidMode":"ns:/proc/1/ns/pid"`, "understood"},
		{`"IpcMode":"container:mine"`, "host-namespaces"}, // which shares the host's
		{`"UTSMode":"container:theirs"`, "foreign-namespaces"},
		{`"UsernsMode":"keep-id"`, "understood"},
		{`"Cgroup":"container:theirs"`, "foreign-namespaces"},
		{`"Cgroup":"x"`, "understood"},
		{`"SecurityOpt":["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]`, "seccomp"},
		{`"SecurityOpt":["disable"]`, "selinux"},
		{`"SecurityOpt":["label=user:root"]`, "selinux"},
		{`"SecurityOpt":["writable-cgroups=true"]`, "writable-cgroups"},
		{`"SecurityOpt":["no-new-privileges=maybe"]`, "understood"},
		{`"SecurityOpt":["new-option=1"]`, "understood"},
		{`"SecurityOpt":["nothing"]`, "understood"},
		{`"MaskedPaths":[]`, "masked-paths"},
		{`"ReadonlyPaths":["/proc/sys"]`, "masked-paths"},
		{`"Binds":["/srv/x:/y:ro:z"]`, "understood"},
		{`"Binds":["/srv/x:/y:upper"]`, "understood"},
		{`"Binds":["broken:/y"]`, "understood"},
		{`"Binds":["/data/docker/volumes/x:/y"]`, "system-paths"},
		{`"Binds":["/data:/y"]`, "system-paths"},
		{`"Binds":["/var:/y:ro"]`, "system-paths"},
		{`"Binds":["//:/y"]`, "host-root"},
		{`"Mounts":[{"Type":"bind","Source":"relative","Target":"/y"}]`, "understood"},
		{`"Mounts":[{"Type":"npipe","Source":"x","Target":"/y"}]`, "understood"},
		{`"Mounts":[{"Type":"bind","Source":"/srv/x","Target":"/y","BindOptions":{"Propagation":"all"}}]`, "understood"},
		{`"Mounts":[{"Type":"volume","Source":"plain","Target":"/y","VolumeOptions":{"Subpath":"../.."}}]`, "understood"},
		{`"Mounts":[{"Type":"volume","Source":"n","Target":"/y","VolumeOptions":{"DriverConfig":{"Options":{"type":"overlay","o":"lowerdir=/,upperdir=/a","device":"overlay"}}}}]`, "volume-devices"},
		{`"Mounts":[{"Type":"volume","Source":"n","Target":"/y","VolumeOptions":{"DriverConfig":{"Options":{"type":"tmpfs","o":"size=1m,lowerdir=/","device":"tmpfs"}}}}]`, "volume-devices"},
		{`"Mounts":[{"Type":"volume","Source":"n","Target":"/y","VolumeOptions":{"DriverConfig":{"Options":{"type":"nfs","o":"rw,rbind","device":"/"}}}}]`, "volume-binds"},
		{`"Mounts":[{"Type":"volume","Source":"n","Target":"/y","VolumeOptions":{"DriverConfig":{"Name":"evil"}}}]`, "volume-drivers"},
		{`"Mounts":[{"Type":"cluster","Source":"c","Target":"/y"}]`, "volume-drivers"},
		{`"Binds":["/home:/y"]`, "system-paths"},
		{`"Binds":["/var/lib/dkms:/y"]`, "system-paths"},
		{`"Devices":[{"PathOnHost":"/home/bob/null"}]`, "devices"},
		{`"Devices":[{"PathOnHost":"/dev/null/../sda"}]`, "devices"},
		{`"VolumesFrom":["theirs"]`, "volumes-from-others"},
		{`"VolumesFrom":["gone"]`, "volumes-from-others"},
		{`"DeviceRequests":[{}]`, "device-requests"},
		{`"DeviceCgroupRules":["a *:* rwm"]`, "device-rules"},
		{`"Isolation":"hyperv"`, "understood"},
		{`"RestartPolicy":{"Name":"sometimes"}`, "understood"},
		{`"PortBindings":{"80/tcp":[{"HostPort":"x"}]}`, "understood"},
		{`"Runtime":"io.containerd.other.v2"`, "runtime"},
		{`"Links":["theirs:x"]`, "foreign-namespaces"},
		{`"Links":["gone:x"]`, "understood"},
	} {
		w := create(t, `{"Image":"busybox:1.36.1","HostConfig":{`+c.host+`}}`)
		for _, profile := range []string{"baseline", "restricted"} {
			if d := decide(t, e, "ContainerCreate", profile, &w); d.Allowed || !strings.Contains(" "+rules(d)+" ", " "+c.rule+" ") {
				t.Errorf("%s: %s: by %s; unknown %q", c.host, profile, rules(d), w.Unknown)
			}
		}
	}
}

// TestFileSystemsOfVolumes: a volume of the driver local has a directory of its own, or memory. What comes from the network is refused as that, and
// whatever else there is, or is written in another way, as something of the host: what is not known is not taken for harmless.
func TestFileSystemsOfVolumes(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const network, device = "network-file-systems", "volume-devices"
	for options, want := range map[string]string{
		``:             "nothing",
		`"size":"10m"`: "nothing",
		`"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=1000"`:                           "nothing",
		`"type":"nfs","o":"addr=192.0.2.9,rw,nfsvers=4","device":":/x"`:                    network,
		`"type":"nfs","o":"addr=files.example","device":"files.example:/x"`:                network,
		`"type":"nfs4","o":"addr=192.0.2.9","device":":/"`:                                 network,
		`"type":"cifs","o":"addr=192.0.2.9,username=u,password=p","device":"//host/share"`: network,
		`"type":"nfs","o":"addr=192.0.2.9,remount","device":":/x"`:                         device,
		`"type":"NFS","o":"addr=192.0.2.9","device":":/x"`:                                 device,
		`"type":"nfs ","o":"addr=192.0.2.9","device":":/x"`:                                device,
		`"o":"addr=192.0.2.9","device":":/x"`:                                              device,
		`"o":"addr=192.0.2.9"`:                                                             device,
		`"type":"none","o":"addr=192.0.2.9","device":":/x"`:                                device,
		`"type":"tmpfs","device":"tmpfs","o":"addr=192.0.2.9"`:                             device,
		`"type":"tmpfs","device":"/srv/x"`:                                                 device,
		`"type":"smb3","o":"addr=192.0.2.9","device":"//host/share"`:                       device,
		`"type":"ceph","o":"name=admin","device":"192.0.2.9:/"`:                            device,
		`"type":"9p","o":"trans=tcp","device":"192.0.2.9"`:                                 device,
		`"type":"fuse.sshfs","device":"u@192.0.2.9:/"`:                                     device,
		`"type":"afs","device":"#root.cell."`:                                              device,
	} {
		var v volume.CreateRequest
		decode(t, `{"Name":"v","Driver":"local","DriverOpts":{`+options+`}}`, &v)
		w := reader().FromVolume(t.Context(), &v)
		if got := rules(decide(t, e, "VolumeCreate", "baseline", &w)); got != want {
			t.Errorf("a volume with %s is refused by %s, and not %s", options, got, want)
		}
		c := create(t, `{"Image":"busybox:1.36.1","HostConfig":{"Mounts":[{"Type":"volume","Source":"n","Target":"/y","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{`+options+`}}}}]}}`)
		if got := rules(decide(t, e, "ContainerCreate", "baseline", &c)); got != want {
			t.Errorf("a container with a volume with %s is refused by %s, and not %s", options, got, want)
		}
		if d := decide(t, e, "ContainerCreate", "restricted", &c); want != "nothing" && !strings.Contains(rules(d), want) {
			t.Errorf("restricted, a container with a volume with %s is refused by %s, and not %s", options, rules(d), want)
		}
	}
}

func TestExecAndUpdate(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := create(t, restricted)
	for body, want := range map[string]string{
		`{"Cmd":["id"]}`:                                  "nothing",
		`{"Cmd":["id"],"Privileged":true}`:                "privileged",
		`{"Cmd":["id"],"User":"0"}`:                       "root",
		`{"Cmd":["id"],"User":"4294967296"}`:              "root",
		`{"Cmd":["id"],"User":"app:root"}`:                "nothing",
		`{"Cmd":["id"],"User":"toor:1000"}`:               "root",
		`{"Cmd":["id"],"User":"app"}`:                     "nothing",
		`{"Cmd":["id"],"WorkingDir":"/proc/./self/fd/8"}`: "working-directory",
	} {
		var b container.ExecCreateRequest
		decode(t, body, &b)
		w := reader().FromExec(&b, in, map[string]int{"app": 1000, "toor": 0})
		if got := rules(decide(t, e, "ContainerExec", "restricted", &w)); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	for body, want := range map[string]string{
		`{}`:                 "nothing",
		`{"Memory":1048576}`: "nothing",
		`{"PidsLimit":-1}`:   "pids",
		`{"PidsLimit":0}`:    "pids",
		`{"CpuQuota":-1}`:    "cpus",
		`{"NanoCpus":-1}`:    "cpus",
		`{"Memory":-1}`:      "memory",
		`{"Memory":-1,"PidsLimit":-1,"CpuQuota":-1,"CpusetCpus":"0-63"}`: "memory pids cpus", // processors that it may choose among are no limit then
		`{"CgroupParent":"/x"}`:    "cgroup-parent",
		`{"OomKillDisable":true}`:  "out-of-memory",
		`{"CpuRealtimeRuntime":5}`: "realtime",
		`{"Devices":[{"PathOnHost":"/dev/sda"}],"DeviceCgroupRules":["a"]}`: "devices device-rules",
	} {
		var b container.UpdateConfig
		decode(t, body, &b)
		w := reader().FromUpdate(&b, in)
		if got := rules(decide(t, e, "ContainerUpdate", "restricted", &w)); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	if again := create(t, restricted); mustJSON(t, again) != mustJSON(t, in) {
		t.Error("reading a change changed what it would be a change of")
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBuild(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    route.Query
		want string
	}{
		{route.Query{Texts: map[string]string{"networkmode": "default", "remote": "client-session", "labels": `{"a":"b"}`, "ulimits": `[{"Name":"nofile","Hard":1,"Soft":1}]`}}, "nothing"},
		{route.Query{Texts: map[string]string{"networkmode": "host"}}, "host-namespaces"},
		{route.Query{Texts: map[string]string{"networkmode": "container:theirs"}}, "foreign-namespaces"},
		{route.Query{Texts: map[string]string{"cgroupparent": "/"}}, "cgroup-parent"},
		{route.Query{Texts: map[string]string{"remote": "http://192.0.2.1/x"}}, "build-remote"},
		{route.Query{Texts: map[string]string{"version": "2", "remote": "upload-request"}}, "nothing"},
		{route.Query{Texts: map[string]string{"version": "2", "remote": "upload-request@192.0.2.1:/x"}}, "build-remote"},
		{route.Query{Texts: map[string]string{"labels": `{"io.example.tenant":"globex"}`}}, "tenant-label"},
		{route.Query{Texts: map[string]string{"labels": `[]`}}, "understood"},
		{route.Query{Texts: map[string]string{"ulimits": `x`}}, "understood"},
		{route.Query{Texts: map[string]string{"isolation": "hyperv"}}, "understood"},
		{route.Query{Lists: map[string][]string{"securityopt": {"seccomp=unconfined", "apparmor:unconfined"}}}, "seccomp apparmor"},
	} {
		w := reader().FromBuild(context.Background(), c.q)
		if got := rules(decide(t, e, "ImageBuild", "baseline", &w)); got != c.want {
			t.Errorf("%+v: %s", c.q, got)
		}
	}
}

func TestVolumeAndPlugin(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"Name":"v"}`: "nothing",
		`{"Name":"v","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=1000"}}`:   "nothing",
		`{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"/var/run/docker.sock"}}`: "engine-socket system-paths volume-binds",
		`{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"/srv/link"}}`:            "engine-socket host-root system-paths volume-binds",
		`{"Name":"v","DriverOpts":{"type":"btrfs","device":"/dev/sda"}}`:                       "volume-devices",
		`{"Name":"v","Driver":"sshfs"}`:                                                        "volume-drivers",
		`{"Name":"v","ClusterVolumeSpec":{}}`:                                                  "volume-drivers",
		`{"Name":"v","Labels":{"io.example.tenant":"globex"}}`:                                 "tenant-label",
	} {
		var b volume.CreateRequest
		decode(t, body, &b)
		w := reader().FromVolume(context.Background(), &b)
		if got := rules(decide(t, e, "VolumeCreate", "baseline", &w)); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	for _, body := range []string{`{"TaskTemplate":{"Runtime":"plugin"}}`, `{"TaskTemplate":{"PluginSpec":{"remote":"x:1.0"}}}`, `{"TaskTemplate":{"NetworkAttachmentSpec":{}}}`} {
		var s swarm.ServiceSpec
		decode(t, body, &s)
		w := reader().FromService(context.Background(), &s)
		if got := rules(decide(t, e, "ServiceCreate", "baseline", &w)); !strings.Contains(got, "plugins") {
			t.Errorf("%s: %s", body, got)
		}
	}
}

// A container that was made before is looked at anew, with what the engine filled in: none of that is taken for a wish.
func TestInspect(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := reader()
	r.Defaults.CgroupNamespace = "host" // of the machine that they were recorded on
	lines := strings.Split(strings.TrimSpace(read(t, "testdata/inspect.jsonl")), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d answers", len(lines))
	}
	for _, line := range lines { // of Debian's engine and the current one, not started and started
		var in container.InspectResponse
		decode(t, line, &in)
		w := r.FromInspect(context.Background(), &in)
		if d := decide(t, e, "ContainerStart", "baseline", &w); !d.Allowed || len(w.Mounts) != 5 {
			t.Errorf("%s %q\n%s", rules(d), w.Unknown, mustJSON(t, w))
		}
		// When what it mounts has become something else, and its source of mounts is gone.
		in.Mounts = append(in.Mounts, container.MountPoint{Type: "bind", Source: "/srv/link", Destination: "/late", RW: true})
		in.HostConfig.VolumesFrom = []string{"gone"}
		w = r.FromInspect(context.Background(), &in)
		if got := rules(decide(t, e, "ContainerStart", "baseline", &w)); got != "engine-socket host-root system-paths open-binds" {
			t.Errorf("%s %q", got, w.Unknown)
		}
	}
}

// FuzzFromCreate holds that no body that can be read makes the reader fall over, that everything that comes of it can be decided,
// and that hardening it comes to an end.
func FuzzFromCreate(f *testing.F) {
	for _, c := range recorded(f) {
		f.Add(c[1])
	}
	f.Add(`{"HostConfig":{"Binds":["a:b:c:d",":","/::"],"Mounts":[{}],"Devices":[{}],"Ulimits":[null],"PortBindings":{"1/tcp":null}},"NetworkingConfig":{"EndpointsConfig":{"x":null}}}`)
	e, err := authz.New(authz.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b container.CreateRequest
		if json.Unmarshal([]byte(text), &b) != nil {
			return
		}
		w := reader().FromCreate(context.Background(), &b)
		if d := decide(t, e, "ContainerCreate", "baseline", &w); len(d.Errors) > 0 || !d.Allowed && len(d.Policies) == 0 && len(text) < 1000 {
			t.Errorf("%+v", d)
		}
		workload.Harden(&b, wanted())
		if again := workload.Harden(&b, wanted()); len(again) > 0 {
			t.Errorf("hardened twice: %q", again)
		}
		var s swarm.ServiceSpec
		if json.Unmarshal([]byte(text), &s) == nil {
			w = reader().FromService(context.Background(), &s)
			decide(t, e, "ServiceCreate", "baseline", &w)
		}
	})
}

func BenchmarkDecideWorkload(b *testing.B) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w := create(b, restricted)
	b.ReportAllocs()
	for b.Loop() {
		if d := decide(b, e, "ContainerCreate", "restricted", &w); !d.Allowed {
			b.Fatal(d)
		}
	}
}
