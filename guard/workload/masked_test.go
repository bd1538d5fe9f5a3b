package workload_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/workload"
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

// A list that a tool copies from a container of the same engine passes; a version that is in doubt is held to all.
func TestMaskedBy(t *testing.T) {
	throttle := []string{"/sys/devices/system/cpu/cpu0/thermal_throttle"}
	const powercap, interrupts = "/sys/devices/virtual/powercap", "/proc/interrupts"
	for _, c := range []struct {
		version, api                   string
		powercap, interrupts, throttle bool
	}{
		{"20.10.24+dfsg1", "1.41", false, false, false},
		{"20.10.27", "1.41", true, true, false},
		{"20.10.5-ce", "1.41", false, false, false},
		{"23.0.1", "1.42", true, true, false},
		{"24.0.9", "1.43", true, true, false},
		{"25.0.3", "1.44", true, false, false},
		{"27.5.1", "1.47", true, false, false},
		{"28.0.4", "1.48", true, true, false},
		{"28.1.1", "1.49", true, true, true},
		{"dev", "1.54", true, true, true},
		{"", "", true, true, false},
		{"podman", "1.41", true, true, false},
	} {
		list := workload.MaskedBy(c.version, c.api, throttle)
		for _, p := range []struct {
			path string
			in   bool
		}{{powercap, c.powercap}, {interrupts, c.interrupts}, {throttle[0], c.throttle}, {"/proc/kcore", true}, {"/proc/asound", true}} {
			if slices.Contains(list, p.path) != p.in {
				t.Errorf("%s (%s): %s is asked for: %v", c.version, c.api, p.path, !p.in)
			}
		}
		r := reader()
		r.Defaults.Masked = list
		cfg := &container.Config{Image: "shop:2.1.0"}
		same := r.FromCreate(context.Background(), &container.CreateRequest{Config: cfg, HostConfig: &container.HostConfig{MaskedPaths: list}})
		less := r.FromCreate(context.Background(), &container.CreateRequest{Config: cfg, HostConfig: &container.HostConfig{MaskedPaths: list[:len(list)-1]}})
		if same.MaskedPathsOff || !less.MaskedPathsOff {
			t.Errorf("%s: its own list opens: %v, one path less: %v", c.version, same.MaskedPathsOff, less.MaskedPathsOff)
		}
	}
}
