package workload

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/model"
)

// IsBind is true for the options of a local volume that is a bind mount.
func IsBind(options map[string]string) bool {
	o := strings.Split(options["o"], ",")
	return slices.Contains(o, typeBind) || slices.Contains(o, "rbind")
}

// volumeDevice says what a volume mounts that is not a directory of its own. A device that was found before stays: of what a body
// and the volume itself say, the one that gives more counts.
func volumeDevice(m *model.Mount, driver string, options map[string]string) {
	if driver != "" && driver != local || len(options) == 0 {
		return
	}
	if d := localDevice(options); d != "" && !dangerousDevice(m.Device) {
		m.Device = d
	}
}

// localDevice is TYPE:DEVICE, and "bind:PATH" for what is a bind mount; empty for a directory or memory of its own.
func localDevice(options map[string]string) string {
	kind, device := options["type"], options["device"]
	switch {
	case IsBind(options):
		return typeBind + ":" + device
	case kind == "" && device == "" && options["o"] == "":
		return "" // no more than a size
	case kind == typeTmpfs && !path.IsAbs(device) && slices.IndexFunc(strings.Split(options["o"], ","), unknownTmpfs) < 0:
		return ""
	case (kind == "nfs" || kind == "nfs4" || kind == "cifs") && slices.IndexFunc(strings.Split(options["o"], ","), turnsMount) < 0:
		return networkDevice + kind + ":" + device
	}
	return kind + ":" + device
}

const networkDevice = "network-"

// dangerousDevice says that what a volume mounts is neither its own nor on the network.
func dangerousDevice(device string) bool {
	return device != "" && !strings.HasPrefix(device, networkDevice)
}

// unknownTmpfs finds options that could make a file system in memory something else.
func unknownTmpfs(option string) bool {
	name, _, _ := strings.Cut(option, "=")
	return !slices.Contains([]string{"", "size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "noexec", "exec", "nosuid", "nodev", "noatime", "ro", "rw"}, name)
}

// turnsMount finds options that make a mount something else than one of a file system.
func turnsMount(option string) bool {
	return slices.Contains([]string{"remount", "move", "rbind", typeBind, "shared", "rshared"}, option)
}

// FromVolume is what a new volume would show to whoever mounts it.
func (r *Reader) FromVolume(ctx context.Context, body *volume.CreateRequest) model.Workload {
	w := model.Workload{Kind: KindVolume, Tenant: body.Labels[r.TenantLabel], Sensitivity: body.Labels[r.SensitivityLabel]}
	m := model.Mount{Type: typeVolume, Volume: body.Name, Source: body.Name, Driver: body.Driver}
	if body.ClusterVolumeSpec != nil {
		m.Type = "cluster"
	}
	volumeDevice(&m, body.Driver, body.DriverOpts)
	r.resolve(ctx, &w, &m)
	w.Mounts = []model.Mount{m}
	WriteTexts(r.Texts, &w, nil, nil, nil, body.Labels)
	return w
}
