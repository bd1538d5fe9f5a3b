package workload

import (
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/model"
)

// DeviceRuntimes are those runtimes of an engine that give devices to whatever asks by its environment, by name.
func DeviceRuntimes(all map[string]system.RuntimeWithStatus) []string {
	var list []string
	for name, r := range all {
		words := strings.ToLower(name + " " + path.Base(r.Path) + " " + r.Type)
		if slices.ContainsFunc([]string{"nvidia", "habana", "amd-container", "ascend"}, func(s string) bool { return strings.Contains(words, s) }) {
			list = add(list, name)
		}
	}
	return list
}

// deviceVariables are what such runtimes read. NVIDIA_DRIVER_CAPABILITIES and the like say what of a device is given, and give none.
func deviceVariables() []string {
	return []string{
		"NVIDIA_VISIBLE_DEVICES", "NVIDIA_MIG_CONFIG_DEVICES", "NVIDIA_MIG_MONITOR_DEVICES", "NVIDIA_IMEX_CHANNELS", "NVIDIA_GDS", "NVIDIA_MOFED",
		"HABANA_VISIBLE_DEVICES", "HABANA_VISIBLE_MODULES", "AMD_VISIBLE_DEVICES", "ASCEND_VISIBLE_DEVICES",
	}
}

// deviceMounts is where a mount asks the runtime for a device by its name.
const deviceMounts = "/var/run/nvidia-container-devices"

// runtimeDevices are devices that a runtime gives to what its image or its body asks for by the environment, or by mounts that stand for
// devices.
func (r *Reader) runtimeDevices(w *model.Workload, runtime string, env, imageEnv []string) {
	d := &r.Defaults
	if !slices.Contains(d.DeviceRuntimes, or(runtime, d.Runtime)) {
		return
	}
	asked := map[string]string{}
	for _, one := range append(slices.Clone(imageEnv), env...) { // the later one counts
		if k, v, ok := strings.Cut(one, "="); ok {
			asked[k] = v
		} else {
			delete(asked, k) // the engine takes it away
		}
	}
	for _, name := range deviceVariables() {
		switch v := strings.TrimSpace(asked[name]); strings.ToLower(v) {
		case "", "void", "none", "disabled":
		default:
			w.Devices = append(w.Devices, model.Device{Request: name + "=" + v})
		}
	}
	// Images of before these variables get everything.
	_, named := asked["NVIDIA_VISIBLE_DEVICES"]
	_, needs := asked["NVIDIA_REQUIRE_CUDA"]
	if asked["CUDA_VERSION"] != "" && !named && !needs {
		w.Devices = append(w.Devices, model.Device{Request: "CUDA_VERSION=" + asked["CUDA_VERSION"]})
	}
	for i := range w.Mounts {
		if t := clean(w.Mounts[i].Target); below(t, deviceMounts) || below(t, strings.TrimPrefix(deviceMounts, "/var")) {
			w.Devices = append(w.Devices, model.Device{Request: t})
		}
	}
}
