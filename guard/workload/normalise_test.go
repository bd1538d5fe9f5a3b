package workload

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

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

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestLimits(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: `{}`,
		`{"Memory":1048576,"MemorySwap":-1,"NanoCpus":1500000000,"PidsLimit":10}`: `{"memory_bytes":1048576,"memory_swap":-1,"nano_cpus":1500000000,"pids":10}`,
		`{"CpuQuota":50000}`:                   `{"nano_cpus":500000000}`,
		`{"CpuQuota":20000,"CpuPeriod":10000}`: `{"nano_cpus":2000000000}`,
		`{"CpusetCpus":"0-2,7"}`:               `{"nano_cpus":4000000000,"cpu_set":"0-2,7"}`,
		`{"PidsLimit":-1,"CpuQuota":-1}`:       `{}`,
		`{"OomKillDisable":true,"Ulimits":[null,{"Name":"nofile","Soft":1,"Hard":2}]}`: `{"ulimits":["nofile=1:2"],"oom_disabled":true}`,
	} {
		got, err := json.Marshal(Limits(hostConfig(t, body).Resources))
		if err != nil || string(got) != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
	for set, want := range map[string]int{"": 0, "0": 1, "1-": 0, "3-1": 0, "a": 0, "0-99999999": 0, "0,1": 2} {
		check(t, "cpus "+set, CPUs(set), want)
	}
}

func TestCapabilities(t *testing.T) {
	check(t, "normalised", strings.Join(Capabilities([]string{"sys_admin", "CAP_SYS_ADMIN", "all", "Cap_All", "Net_Raw"}), " "), "ALL CAP_NET_RAW CAP_SYS_ADMIN")
}

func TestDevices(t *testing.T) {
	hc := hostConfig(t, `{"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/x","CgroupPermissions":"rwm"}],
		"DeviceRequests":[{"Driver":"nvidia","Count":-1,"Capabilities":[["gpu","compute"]]}]}`)
	got := Devices(hc.Resources)
	if len(got) != 2 || got[0] != (model.Device{Host: "/dev/sda", Container: "/dev/x", Permissions: "rwm"}) || got[1].Request != "nvidia,gpu+compute,count=-1" {
		t.Errorf("%+v", got)
	}
}
