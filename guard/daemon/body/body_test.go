package body

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// create is what the docker command line sends for `docker run -p 8080:80 --health-interval 5s -v a:/b …`, shortened.
const create = `{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,
"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["sh"],
"Healthcheck":{"Test":["CMD","true"],"Interval":5000000000},"Image":"alpine:3","Volumes":{"/x":{}},"WorkingDir":"","Entrypoint":null,
"OnBuild":null,"Labels":{"a":"b"},
"HostConfig":{"Binds":["a:/b"],"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default",
"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true,
"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[24,80],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],
"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,
"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,
"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"KernelMemory":0,"KernelMemoryTCP":0,"Devices":[],
"DeviceCgroupRules":null,"DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,
"PidsLimit":0,"Ulimits":null,"CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null},
"NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null,"Links":null,"Aliases":null,"NetworkID":"","EndpointID":"","Gateway":"",
"IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"MacAddress":"","DriverOpts":null}}}}`

// What a client says and what the engine is sent are the same to the engine's own decoder.
func TestDecodeAsTheEngine(t *testing.T) {
	var ours, engines, again container.CreateRequest
	if err := Decode([]byte(create), &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(create), &engines); err != nil {
		t.Fatal(err)
	}
	b, err := Encode(ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	for _, other := range []container.CreateRequest{engines, again} {
		if d := cmp.Diff(ours, other, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, network.Port{})); d != "" {
			t.Error(d)
		}
	}
	if ours.HostConfig == nil || ours.Image != "alpine:3" || ours.Healthcheck.Interval != 5e9 {
		t.Errorf("%+v", ours)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, field, why string }{
		{`{"HostConfig":{"privileged":true}}`, "/HostConfig/privileged", "no such field"},
		{`{"hostconfig":{"Privileged":true}}`, "/hostconfig", "no such field"},
		{`{"Image":"a","Privileged":true}`, "/Privileged", "no such field"}, // where Docker 20.10 takes it too
		{`{"HostConfig":{"Privileged":false,"Privileged":true}}`, "/HostConfig/Privileged", "twice"},
		{`{"HostConfig":null,"HostConfig":{"Privileged":true}}`, "/HostConfig", "twice"},
		{`{"HostConfig":{"Privileged":false,"\u0050rivileged":true}}`, "/HostConfig/Privileged", "twice"},
		{`{"HostConfig":{"PrivileGed":true}}`, "/HostConfig/PrivileGed", "no such field"},
		{"{\"Ho\u017ftConfig\":{\"Privileged\":true}}", "/HoſtConfig", "no such field"},                       // folds to an s
		{`{"NetworkingConfig":{"EndPointsConfig":{}}}`, "/NetworkingConfig/EndPointsConfig", "no such field"}, // though it says nothing
		{"{\"Ho\u017ftConfig\":null}", "/HoſtConfig", "no such field"},
		{`{"HostConfig":{"x":null,"CAPADD":[]}}`, "/HostConfig/CAPADD", "no such field"},
		{`{"Image":"a"}{"Image":"b"}`, "", "not well formed"},
		{`{"Image":"a"} x`, "", "not well formed"},
		{`{"Image":"a`, "/Image", "not well formed"},
		{`{"Image":7}`, "/Image", "number"},
		{`{"Volumes":[]}`, "/Volumes", "list"},
		{`[]`, "", "list"},
		{`"x"`, "", "text"},
		{``, "", "empty"},
		{"\xef\xbb\xbf{}", "", "not well formed"},
		{"{\"Image\":\"\xff\"}", "/Image", "not well formed"},
		{`{"HostConfig":{"Memory":1e400}}`, "/HostConfig/Memory", "number"},
		{`{"HostConfig":{"Memory":1.5}}`, "/HostConfig/Memory", "number"},
		{`{"Image":"a","Unknown":{"x":1}}`, "/Unknown", "no such field"},
		{`{"a":` + strings.Repeat(`{"a":`, 11000) + `1` + strings.Repeat(`}`, 11001), "", ""},
	} {
		var r container.CreateRequest
		err := Decode([]byte(c.text), &r)
		var f *Fault
		if !errors.As(err, &f) || f.Status != 400 || c.field != "" && f.Field != c.field || !strings.Contains(f.Why, c.why) {
			t.Errorf("%.60s: %v", c.text, err)
		}
	}
}

func TestIdleMembers(t *testing.T) {
	var r container.CreateRequest
	if err := Decode([]byte(`{"Image":"a","Old":null,"HostConfig":{"KernelMemory":0,"x":{},"y":[ ],"z":"","CapAdd":["A"]},"f":false}`), &r); err != nil {
		t.Fatal(err)
	}
	if r.Image != "a" || len(r.HostConfig.CapAdd) != 1 {
		t.Errorf("%+v", r)
	}
	many := strings.Builder{}
	for i := range 100 {
		many.WriteString(`,"x` + strings.Repeat("y", i) + `":0`)
	}
	if err := Decode([]byte(`{"Image":"a"`+many.String()+`}`), &r); err == nil {
		t.Error("a hundred unknown fields are taken")
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		header  http.Header
		length  int64
		present bool
		status  int
	}{
		{http.Header{}, 0, false, 0},
		{http.Header{"Content-Type": {"application/json"}}, 2, true, 0},
		{http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, -1, true, 0},
		{http.Header{"Content-Type": {"application/json"}}, 0, false, 0},
		{http.Header{"Content-Type": {"text/plain"}}, 0, false, 0}, // old clients
		{http.Header{}, 2, false, 415},
		{http.Header{}, -1, false, 415},
		{http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 2, false, 415},
		{http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, 2, false, 415},
		{http.Header{"Content-Type": {"application/json; charset=utf-16"}}, 2, false, 415},
		{http.Header{"Content-Type": {"application/json", "text/plain"}}, 2, false, 400},
		{http.Header{"Content-Type": {"a/b/c;;"}}, 2, false, 415},
		{http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, 2, false, 415},
	} {
		present, err := Check(c.header, c.length)
		var f *Fault
		if present != c.present || (err != nil) != (c.status != 0) || err != nil && (!errors.As(err, &f) || f.Status != c.status) {
			t.Errorf("%v of %d: %v, %v", c.header, c.length, present, err)
		}
	}
}

// Whatever is accepted means the same to the engine's decoder: of the caller's bytes, and of what the engine is sent.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(create))
	f.Add([]byte(`{"HostConfig":{"CapAdd":["SYS_ADMIN"],"Devices":[{"PathOnHost":"/dev/kmsg"}]},"Old":0}`))
	f.Add([]byte(`{"NetworkingConfig":{"EndpointsConfig":{"a":{"MacAddress":"02:42:ac:11:00:02"}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ours, engines, again container.CreateRequest
		if Decode(text, &ours) != nil {
			return
		}
		if err := json.Unmarshal(text, &engines); err != nil {
			t.Fatalf("the engine does not take what was accepted: %v", err)
		}
		b, err := Encode(ours)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("the engine does not take what it is sent: %v", err)
		}
		for _, other := range []container.CreateRequest{engines, again} {
			if d := cmp.Diff(ours, other, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, network.Port{})); d != "" {
				t.Fatalf("%s\n%s", b, d)
			}
		}
	})
}
