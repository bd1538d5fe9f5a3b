package workload_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

var digest = "sha256:" + strings.Repeat("ab", 32)

func wanted() workload.Wanted {
	return workload.Wanted{
		NoNewPrivileges: true, DropCapabilities: []string{"ALL"}, ReadOnlyRoot: true, MemoryBytes: 512 << 20, PIDs: 256, NanoCPUs: 1_500_000_000,
		Digest: digest,
	}
}

func TestHardenContainer(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		want    workload.Wanted
		changes []string
		check   func(*container.CreateRequest) bool
	}{
		"nothing wanted changes nothing": {body: `{"Image":"a","HostConfig":{"Privileged":true}}`, check: func(b *container.CreateRequest) bool { return b.HostConfig.Privileged }},
		"a plain one gets everything": {
			body: `{"Image":"shop:1.2"}`, want: wanted(),
			changes: []string{
				"no-new-privileges is on: no program gains rights", "all capabilities are dropped but for those that were asked for by name",
				"the root file system is read-only", "/tmp is memory of 67108864 bytes", "/run is memory of 67108864 bytes",
				"the limit of memory is 536870912 bytes", "the limit of processes is 256", "the limit of processors is 1.5",
				"the image shop:1.2 is shop@" + digest,
			},
			check: func(b *container.CreateRequest) bool {
				return b.HostConfig.ReadonlyRootfs && *b.HostConfig.PidsLimit == 256 && b.HostConfig.NanoCPUs == 1_500_000_000 && slices.Equal(b.HostConfig.CapDrop, []string{"ALL"})
			},
		},
		"what is stronger stays": {
			body: `{"Image":"h:5000/shop@` + digest + `","Volumes":{"/tmp/":{}},"HostConfig":{"SecurityOpt":["no-new-privileges:true"],"CapDrop":["all"],"ReadonlyRootfs":true,
				"Binds":["/srv/r:/run:ro"],"Memory":1048576,"PidsLimit":7,"CpuQuota":5000,"CpuPeriod":10000}}`,
			want: wanted(), changes: nil,
			check: func(b *container.CreateRequest) bool {
				return b.HostConfig.Memory == 1<<20 && b.HostConfig.CPUQuota == 5000
			},
		},
		"an option that turns it off goes": {
			body: `{"Image":"a","HostConfig":{"SecurityOpt":["no-new-privileges","seccomp=x","no-new-privileges:false"]}}`, want: workload.Wanted{NoNewPrivileges: true},
			changes: []string{"no-new-privileges is on: no program gains rights"},
			check: func(b *container.CreateRequest) bool {
				return slices.Equal(b.HostConfig.SecurityOpt, []string{"seccomp=x", "no-new-privileges"})
			},
		},
		"higher and endless limits": {
			body:    `{"Image":"a","HostConfig":{"Memory":8589934592,"MemoryReservation":4294967296,"MemorySwap":17179869184,"PidsLimit":-1,"CpuQuota":900000}}`,
			want:    workload.Wanted{MemoryBytes: 1 << 30, PIDs: 10, NanoCPUs: 1e9},
			changes: []string{"the limit of memory is 1073741824 bytes", "the limit of processes is 10", "the limit of processors is 1"},
			check: func(b *container.CreateRequest) bool {
				h := b.HostConfig
				return h.MemoryReservation == 1<<30 && h.CPUQuota == 0 && h.NanoCPUs == 1e9
			},
		},
		"a capability that is dropped by name is not added": {
			body: `{"Image":"a","HostConfig":{"CapAdd":["net_raw","chown"]}}`, want: workload.Wanted{DropCapabilities: []string{"NET_RAW"}},
			changes: []string{"the capability CAP_NET_RAW is not added", "the capability CAP_NET_RAW is dropped"},
			check:   func(b *container.CreateRequest) bool { return slices.Equal(b.HostConfig.CapAdd, []string{"chown"}) },
		},
		"an id and a bad digest are left": {body: `{"Image":"` + digest + `"}`, want: workload.Wanted{Digest: "sha256:no"}, check: func(b *container.CreateRequest) bool { return b.Image == digest }},
	} {
		t.Run(name, func(t *testing.T) {
			var b container.CreateRequest
			decode(t, c.body, &b)
			if got := workload.Harden(&b, c.want); !slices.Equal(got, c.changes) || !c.check(&b) {
				t.Errorf("%q\n%+v", got, b.HostConfig)
			}
			if again := workload.Harden(&b, c.want); len(again) > 0 {
				t.Errorf("once more: %q", again)
			}
		})
	}
}

func TestHardenService(t *testing.T) {
	var s swarm.ServiceSpec
	decode(t, `{"TaskTemplate":{"ContainerSpec":{"Image":"shop:1.2","Mounts":[{"Type":"tmpfs","Target":"/tmp/"}]},"Resources":{"Reservations":{"MemoryBytes":1073741824}}}}`, &s)
	got := workload.Harden(&s, wanted())
	want := []string{
		"no-new-privileges is on: no program gains rights", "all capabilities are dropped but for those that were asked for by name",
		"the root file system is read-only", "/run is memory of 67108864 bytes", "the limit of memory is 536870912 bytes", "the limit of processes is 256",
		"the limit of processors is 1.5", "the image shop:1.2 is shop@" + digest,
	}
	if !slices.Equal(got, want) || s.TaskTemplate.Resources.Reservations.MemoryBytes != 512<<20 {
		t.Errorf("%q %+v", got, s.TaskTemplate.Resources)
	}
	if again := workload.Harden(&s, wanted()); len(again) > 0 {
		t.Errorf("once more: %q", again)
	}
	for _, other := range []any{nil, (*container.CreateRequest)(nil), &container.CreateRequest{}, (*swarm.ServiceSpec)(nil), &swarm.ServiceSpec{}, "x"} {
		if got := workload.Harden(other, wanted()); got != nil {
			t.Errorf("%T: %q", other, got)
		}
	}
}

// Whatever real bodies ask for, hardening them makes no rule refuse that did not before, and with all that can be added
// only those are left that a person must answer to.
func TestHardenNeverWeakens(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range recorded(t) {
		if strings.Contains(c[0], "docker service") {
			continue
		}
		var b container.CreateRequest
		decode(t, c[1], &b)
		before := reader().FromCreate(context.Background(), &b)
		workload.Harden(&b, wanted())
		after := reader().FromCreate(context.Background(), &b)
		old, now := decide(t, e, "ContainerCreate", "restricted", &before), decide(t, e, "ContainerCreate", "restricted", &after)
		for _, p := range now.Policies {
			if !now.Allowed && !slices.Contains(old.Policies, p) {
				t.Errorf("%s: %s refuses it now", c[0], p)
			}
		}
		for _, mended := range []string{"no-new-privileges", "read-only-root", "memory", "pids", "cpus"} {
			if slices.Contains(now.Policies, "profile_restricted/"+mended) {
				t.Errorf("%s: %s still refuses it", c[0], mended)
			}
		}
		if lost := lostLimits(&before, &after); lost != "" {
			t.Errorf("%s: %s", c[0], lost)
		}
	}
}

func lostLimits(before, after *model.Workload) string {
	for _, l := range [][2]int64{
		{before.Limits.MemoryBytes, after.Limits.MemoryBytes}, {before.Limits.PIDs, after.Limits.PIDs}, {before.Limits.NanoCPUs, after.Limits.NanoCPUs},
	} {
		if l[0] > 0 && l[1] > l[0] || l[1] == 0 {
			text, _ := json.Marshal([]any{before.Limits, after.Limits})
			return string(text)
		}
	}
	return ""
}

// An update can't take back what a create was given.
func TestHardenUpdate(t *testing.T) {
	none, few, many := int64(-1), int64(10), int64(1000)
	w := workload.Wanted{PIDs: 100, MemoryBytes: 64 << 20, NanoCPUs: 1e9}
	for _, c := range []struct {
		pids *int64
		want int64
	}{{&none, 100}, {&many, 100}, {&few, 10}} {
		b := &container.UpdateConfig{Resources: container.Resources{PidsLimit: c.pids}}
		workload.Harden(b, w)
		if b.PidsLimit == nil || *b.PidsLimit != c.want || b.Memory != 0 {
			t.Errorf("%d: %+v", *c.pids, b.PidsLimit)
		}
	}
	b := &container.UpdateConfig{Resources: container.Resources{Memory: 1 << 30, NanoCPUs: 4e9}}
	if changed := workload.Harden(b, w); b.Memory != 64<<20 || b.NanoCPUs != 1e9 || len(changed) != 2 || b.PidsLimit != nil {
		t.Errorf("%+v %v", b, changed)
	}
}
