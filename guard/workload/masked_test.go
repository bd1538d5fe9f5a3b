package workload_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/moby/moby/api/types/container"
)

// A list of the caller's has what any engine hides: it takes the place of the engine's own. One that an engine filled in is what that one has.
func TestMaskedPaths(t *testing.T) {
	earlier := []string{
		"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
		"/sys/firmware",
	}
	later := append([]string{"/proc/interrupts", "/sys/devices/virtual/powercap"}, earlier...)
	for _, c := range []struct {
		list           []string
		create, exists bool // opens
	}{
		{nil, false, false},
		{[]string{}, true, true},
		{later, false, false},
		{append([]string{"/sys/devices/system/cpu/cpu0/thermal_throttle"}, later...), false, false},
		{earlier, true, false},
		{later[1:], true, false},
		{later[:len(later)-1], true, true},
	} {
		hc := &container.HostConfig{MaskedPaths: c.list}
		cfg := &container.Config{Image: "shop:2.1.0"}
		made := reader().FromCreate(context.Background(), &container.CreateRequest{Config: cfg, HostConfig: hc})
		is := reader().FromInspect(context.Background(), &container.InspectResponse{Config: cfg, HostConfig: hc})
		if made.MaskedPathsOff != c.create || is.MaskedPathsOff != c.exists {
			t.Errorf("%v: %v to create, %v to start", c.list, made.MaskedPathsOff, is.MaskedPathsOff)
		}
	}
	for _, c := range []struct {
		list  string
		opens bool
	}{{`null`, false}, {`["/proc/sys"]`, true}, {`["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]`, false}} {
		if w := create(t, fmt.Sprintf(`{"Image":"shop:2.1.0","HostConfig":{"ReadonlyPaths":%s}}`, c.list)); w.MaskedPathsOff != c.opens {
			t.Errorf("read-only %s: %v", c.list, w.MaskedPathsOff)
		}
	}
}
