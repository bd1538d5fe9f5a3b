package kubernetes

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

func (m *mapper) mounts(c *corev1.Container) []model.Mount {
	var out []model.Mount
	for _, v := range c.VolumeMounts {
		mount := model.Mount{
			Type: "unknown", Volume: v.Name, Target: v.MountPath, ReadOnly: v.ReadOnly, Propagation: "private",
		}
		if v.MountPropagation != nil {
			switch *v.MountPropagation {
			case corev1.MountPropagationHostToContainer:
				mount.Propagation = "rslave"
			case corev1.MountPropagationBidirectional:
				mount.Propagation = "rshared"
			}
		}
		if vol := m.volumes[v.Name]; vol != nil {
			volume(&mount, vol, v.SubPath)
		}
		out = append(out, mount)
	}
	return out
}

// volume fills the type and source of a mount.
func volume(m *model.Mount, v *corev1.Volume, subPath string) {
	switch {
	case v.HostPath != nil:
		m.Type, m.Source = "hostPath", v.HostPath.Path
		m.Resolved = path.Join("/", v.HostPath.Path, subPath)
		m.EngineSocket = reachesEngine(m.Resolved)
	case v.EmptyDir != nil:
		m.Type = "emptyDir"
		if v.EmptyDir.Medium == corev1.StorageMediumMemory {
			m.Type = "tmpfs"
		}
	case v.Secret != nil:
		m.Type, m.Source = "secret", v.Secret.SecretName
	case v.ConfigMap != nil:
		m.Type, m.Source = "configMap", v.ConfigMap.Name
	case v.Projected != nil:
		m.Type = "projected"
	case v.DownwardAPI != nil:
		m.Type = "downwardAPI"
	case v.PersistentVolumeClaim != nil:
		m.Type, m.Source = "persistentVolumeClaim", v.PersistentVolumeClaim.ClaimName
		m.ReadOnly = m.ReadOnly || v.PersistentVolumeClaim.ReadOnly
	case v.CSI != nil:
		m.Type, m.Driver = "csi", v.CSI.Driver
	case v.NFS != nil:
		m.Type, m.Source = "nfs", v.NFS.Server+":"+v.NFS.Path
	case v.Ephemeral != nil:
		m.Type = "ephemeral"
	case v.Image != nil:
		m.Type, m.Source = "image", v.Image.Reference
	}
}

// engineSockets are the sockets of engines and of their CRI front ends.
var engineSockets = []string{
	"/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock",
	"/run/cri-dockerd.sock", "/run/k3s/containerd/containerd.sock", "/run/dockershim.sock",
}

// reachesEngine is true for an engine's socket and for a directory above one. /var/run is a link to /run.
func reachesEngine(p string) bool {
	if rest, ok := strings.CutPrefix(p, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		p = "/run" + rest
	}
	for _, s := range engineSockets {
		if p == s || p == "/" || strings.HasPrefix(s, p+"/") {
			return true
		}
	}
	return false
}
