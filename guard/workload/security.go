package workload

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/bulkhead-security/bulkhead/model"
)

// Security reads the options that harden or open a container, over the engine's defaults. apparmor is the profile in force where
// nothing is asked for.
func Security(w *model.Workload, hc *container.HostConfig, d Defaults) {
	w.NoNewPrivileges, w.Seccomp, w.AppArmor = d.NoNewPrivileges, d.Seccomp, d.AppArmor
	if hc.Privileged {
		w.Seccomp = unconfined
	}
	securityOptions(w, hc.SecurityOpt, d)
	w.MaskedPathsOff = w.MaskedPathsOff || hc.Privileged || opened(hc.MaskedPaths, alwaysMasked()) || opened(hc.ReadonlyPaths, ReadonlyPaths())
}

const unconfined = "unconfined"

// EngineOption reads what an engine says of its own security: "name=seccomp,profile=default", or the name alone, as engines before 1.13 do.
func EngineOption(o string) (name, profile string) {
	for part := range strings.SplitSeq(o, ",") {
		switch k, v, ok := strings.Cut(part, "="); {
		case !ok:
			name = part
		case k == "name":
			name = v
		case k == "profile":
			profile = v
		}
	}
	return name, profile
}

// securityOptions reads them as the engine does: the first "=" ends the name, and where there is none, the first ":".
func securityOptions(w *model.Workload, options []string, d Defaults) {
	for _, o := range options {
		key, value, found := strings.Cut(o, "=")
		if !found {
			key, value, found = strings.Cut(o, ":")
		}
		switch {
		case !found && o == "disable":
			key, value = "label", "disable"
		case !found && (o == noNewPrivileges || o == writableCgroups):
			value = "true"
		case !found:
			note(w, "/HostConfig/SecurityOpt", strconv.Quote(o)+" is not known")
			continue
		}
		securityOption(w, key, value, d)
	}
	slices.Sort(w.SELinux)
}

const (
	noNewPrivileges = "no-new-privileges"
	writableCgroups = "writable-cgroups"
)

func securityOption(w *model.Workload, key, value string, d Defaults) {
	switch key {
	case noNewPrivileges:
		on, err := strconv.ParseBool(value)
		if err != nil {
			note(w, "/HostConfig/SecurityOpt", key+" is neither true nor false")
		}
		w.NoNewPrivileges = on
	case "seccomp":
		switch value {
		case "":
			w.Seccomp = d.Seccomp
		case unconfined, "builtin":
			w.Seccomp = value
		default:
			w.Seccomp = "custom"
		}
	case "apparmor":
		w.AppArmor = value
		if value == "" {
			w.AppArmor = d.AppArmor
		}
	case "label":
		if value == "disable" {
			value = "disabled"
		}
		w.SELinux = append(w.SELinux, value)
	case "systempaths":
		w.MaskedPathsOff = w.MaskedPathsOff || value == unconfined
		if value != unconfined {
			note(w, "/HostConfig/SecurityOpt", "systempaths has an unknown value")
		}
	case writableCgroups:
		if on, err := strconv.ParseBool(value); on || err != nil {
			weaken(w, writableCgroups)
		}
	default:
		note(w, "/HostConfig/SecurityOpt", strconv.Quote(key)+" is not known")
	}
}

func weaken(w *model.Workload, what string) {
	if !slices.Contains(w.Weakened, what) {
		w.Weakened = append(w.Weakened, what)
		slices.Sort(w.Weakened)
	}
}

// weakened compares what was asked for with what the engine gives by itself.
func weakened(w *model.Workload, d Defaults) {
	if w.Seccomp != d.Seccomp && w.Seccomp != "default" && w.Seccomp != "builtin" {
		weaken(w, "seccomp")
	}
	// A profile by another name can be one that allows all.
	if w.AppArmor != d.AppArmor && w.AppArmor != "docker-default" {
		weaken(w, "apparmor")
	}
	for _, l := range w.SELinux {
		if !confinedLabel(l) {
			weaken(w, "selinux")
		}
	}
	if d.NoNewPrivileges && !w.NoNewPrivileges {
		weaken(w, noNewPrivileges)
	}
}

// confinedLabel knows the options of SELinux that leave a container where containers belong.
func confinedLabel(option string) bool {
	key, value, _ := strings.Cut(option, ":")
	switch key {
	case "level", "nested":
		return key == "level"
	case "type":
		return slices.Contains([]string{"container_t", "container_init_t", "container_kvm_t", "svirt_lxc_net_t"}, value)
	}
	return false
}

// opened says that a list leaves out what every engine hides. No list means the engine's own.
func opened(list, needed []string) bool {
	return list != nil && slices.ContainsFunc(needed, func(p string) bool { return !slices.Contains(list, p) })
}

// alwaysMasked are those that all versions of the engine mask.
func alwaysMasked() []string {
	return []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"}
}

// shows says that a list that a caller gives leaves out what the engine hides by itself: it takes the place of the engine's own. One that an
// engine tells of is not held to this, since earlier engines fill in shorter ones. Paths that a host does not have may stand there.
func (d *Defaults) shows(hc *container.HostConfig) bool {
	needed := d.Masked
	if needed == nil {
		needed = MaskedPaths()
	}
	return opened(hc.MaskedPaths, needed)
}

// What engines came to mask, beside what all do.
const (
	powercap   = "/sys/devices/virtual/powercap" // CVE-2020-8694, GHSA-jq35-85cj-fj4p: since 20.10.27, 24.0.7 and 25.0
	interrupts = "/proc/interrupts"              // GHSA-6fw5-f8r9-fgfm: since 28
)

// MaskedPaths are those that any version of the engine masks, but for the ones that it finds on its host (thermal_throttle of each processor).
func MaskedPaths() []string { return append(firstMasked(), powercap, interrupts) }

func firstMasked() []string {
	return append(alwaysMasked(), "/proc/asound", "/proc/latency_stats", "/proc/timer_stats")
}

// MaskedBy are those that an engine masks by itself, of a version and the newest version of its API. Where that is not known for sure it is all
// of them. processors are the paths of its host's processors that later engines mask.
func MaskedBy(version, api string, processors []string) []string {
	number, _, _ := strings.Cut(version, "+")
	number, _, _ = strings.Cut(number, "-")
	switch {
	case strings.HasPrefix(number, "20.10.") && versions.LessThan(number, "20.10.27"):
		return firstMasked()
	case api != "" && versions.GreaterThanOrEqualTo(api, "1.44") && versions.LessThan(api, "1.48"):
		return append(firstMasked(), powercap)
	case api != "" && versions.GreaterThanOrEqualTo(api, "1.49"):
		return append(MaskedPaths(), processors...)
	}
	return MaskedPaths()
}

// ReadonlyPaths are those that all versions make read-only, and no version more.
func ReadonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
