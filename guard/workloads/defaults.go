package workloads

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/bulkhead-security/bulkhead/guard/workload"
)

// fresh is for how long the engine's settings are taken for what they were.
const fresh = time.Minute

// engineDefaults are what the engine gives where nothing is asked for.
func (k *Workloads) engineDefaults(ctx context.Context) (workload.Defaults, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.read.IsZero() && k.p.Now().Sub(k.read) < fresh {
		return k.defaults, nil
	}
	var info system.Info
	if err := k.get(ctx, "/info", &info); err != nil {
		return workload.Defaults{}, fmt.Errorf("the engine's settings: %w", err)
	}
	k.defaults, k.read = k.of(&info), k.p.Now()
	k.versioned(ctx)
	return k.defaults, nil
}

// throttles are what later engines mask for each processor that has it. Some hosts' have none.
const throttles = "/sys/devices/system/cpu/cpu*/thermal_throttle"

// versioned asks the engine for its version, and fills in what depends on it; what it does not say it does not do.
func (k *Workloads) versioned(ctx context.Context) {
	var v struct{ Version, APIVersion, KernelVersion string }
	if err := k.get(ctx, "/version", &v); err != nil || v.APIVersion == "" {
		return
	}
	kernel, _, _ := strings.Cut(v.KernelVersion, "-")
	k.defaults.ReadOnlyDeep = versions.GreaterThanOrEqualTo(v.APIVersion, "1.44") && versions.GreaterThanOrEqualTo(kernel, "5.12")
	processors, err := filepath.Glob(throttles)
	if err != nil { // the pattern is malformed
		return
	}
	k.defaults.Masked = workload.MaskedBy(v.Version, v.APIVersion, processors)
}

func (k *Workloads) of(i *system.Info) workload.Defaults {
	d := workload.Defaults{
		Seccomp: "unconfined", CgroupNamespace: "host", LogDriver: i.LoggingDriver, Runtime: i.DefaultRuntime,
		WritablePaths: k.p.WritablePaths, ReadablePaths: k.p.ReadablePaths, Sockets: k.p.Sockets, SystemPaths: append(slices.Clone(k.p.SystemPaths), i.DockerRootDir),
	}
	for name := range i.Runtimes {
		d.Runtimes = append(d.Runtimes, name)
	}
	d.DeviceRuntimes = workload.DeviceRuntimes(i.Runtimes)
	slices.Sort(d.Runtimes)
	for _, o := range i.SecurityOptions {
		name, profile := workload.EngineOption(o)
		switch name {
		case "seccomp":
			d.Seccomp = profileOf(profile)
		case "apparmor":
			d.AppArmor = "docker-default"
		case "userns", "rootless":
			d.Remapped = true
		case "cgroupns":
			d.CgroupNamespace = "private"
		case "no-new-privileges":
			d.NoNewPrivileges = true
		}
	}
	return d
}

func profileOf(profile string) string {
	switch profile {
	case "", "default":
		return "default"
	case "builtin", "unconfined":
		return profile
	}
	return "custom"
}
