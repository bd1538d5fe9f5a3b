package kubernetes

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// mapper makes workloads of the containers of one pod.
type mapper struct {
	o        Options
	pod      *corev1.Pod
	psc      corev1.PodSecurityContext
	volumes  map[string]*corev1.Volume
	imageIDs map[string]string
	restarts map[string]int
	labels   map[string]string
	found    []model.SecretSighting // in labels and annotations
}

// lastApplied is a copy of the whole object with the values of its environment.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func newMapper(o Options, p *corev1.Pod) *mapper {
	m := &mapper{
		o: o, pod: p, volumes: map[string]*corev1.Volume{}, imageIDs: map[string]string{}, restarts: map[string]int{},
	}
	if p.Spec.SecurityContext != nil {
		m.psc = *p.Spec.SecurityContext
	}
	for i := range p.Spec.Volumes {
		m.volumes[p.Spec.Volumes[i].Name] = &p.Spec.Volumes[i]
	}
	for _, s := range slices.Concat(
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses,
	) {
		m.imageIDs[s.Name], m.restarts[s.Name] = s.ImageID, int(s.RestartCount)
	}
	all := maps.Clone(p.Annotations)
	if all == nil {
		all = map[string]string{}
	}
	delete(all, lastApplied)
	maps.Copy(all, p.Labels)
	m.labels, m.found = o.Secrets.Map("label", all)
	return m
}

func (m *mapper) workload(c *corev1.Container) model.Workload {
	w := model.Workload{
		Image:                m.image(c),
		EntrypointOverridden: len(c.Command) > 0,
		Mounts:               m.mounts(c),
		Devices:              m.devices(c),
		Ports:                ports(c),
		Restart:              restart(m.pod, c),
		HasHealthcheck:       c.LivenessProbe != nil || c.ReadinessProbe != nil,
		Labels:               m.labels,
		Tenant:               m.pod.Labels[m.o.TenantLabel],
		Sensitivity:          m.pod.Labels[m.o.SensitivityLabel],
	}
	if m.pod.Spec.RuntimeClassName != nil {
		w.Runtime = *m.pod.Spec.RuntimeClassName
	}
	m.command(&w, c)
	m.environment(&w, c)
	w.Secrets = append(w.Secrets, m.found...)
	slices.SortFunc(w.Secrets, func(a, b model.SecretSighting) int { return strings.Compare(a.Place, b.Place) })
	m.security(&w, c)
	m.namespaces(&w)
	m.limits(&w, c)
	for _, s := range m.psc.Sysctls {
		w.Sysctls = append(w.Sysctls, model.KeyVal{Key: s.Name, Value: s.Value})
	}
	slices.SortFunc(w.Sysctls, func(a, b model.KeyVal) int { return strings.Compare(a.Key, b.Key) })
	return w
}

// image takes the digest that was pulled from the status, where the kubelet tells it.
func (m *mapper) image(c *corev1.Container) model.ImageRef {
	ref := imageref.Parse(c.Image)
	id := m.imageIDs[c.Name]
	if _, rest, ok := strings.Cut(id, "://"); ok { // docker-pullable://
		id = rest
	}
	switch name, digest, ok := strings.Cut(id, "@"); {
	case ok && name != "" && ref.Digest == "" && strings.HasPrefix(digest, "sha256:"):
		ref.Digest = digest
	case !ok && strings.HasPrefix(id, "sha256:"):
		ref.ID = id
	}
	return ref
}

func (m *mapper) command(w *model.Workload, c *corev1.Container) {
	all, found := m.o.Secrets.Args("arg", slices.Concat(c.Command, c.Args))
	w.Secrets = append(w.Secrets, found...)
	if n := len(c.Command); len(all) == n+len(c.Args) {
		w.Entrypoint, w.Args = slices.Clone(all[:n]), slices.Clone(all[n:])
	}
}

func (m *mapper) environment(w *model.Workload, c *corev1.Container) {
	var literal []string
	for _, e := range c.Env {
		w.EnvNames = append(w.EnvNames, e.Name)
		if e.ValueFrom == nil && e.Value != "" {
			literal = append(literal, e.Name+"="+e.Value)
		}
	}
	slices.Sort(w.EnvNames)
	w.EnvNames = slices.Compact(w.EnvNames)
	if len(literal) > 0 {
		_, found := m.o.Secrets.Env(literal)
		w.Secrets = append(w.Secrets, found...)
	}
}

func (m *mapper) namespaces(w *model.Workload) {
	spec := &m.pod.Spec
	ns := model.Namespaces{Network: "pod", PID: "private", IPC: "pod", UTS: "pod", User: "host"}
	if spec.HostNetwork {
		ns.Network, ns.UTS = "host", "host" // the kubelet gives both together
	}
	if spec.ShareProcessNamespace != nil && *spec.ShareProcessNamespace {
		ns.PID = "pod"
	}
	if spec.HostPID {
		ns.PID = "host"
	}
	if spec.HostIPC {
		ns.IPC = "host"
	}
	if spec.HostUsers != nil && !*spec.HostUsers {
		ns.User = "private"
	}
	w.Namespaces = ns
}

func (m *mapper) limits(w *model.Workload, c *corev1.Container) {
	limit := func(name corev1.ResourceName) int64 {
		q, ok := c.Resources.Limits[name]
		if !ok && m.pod.Spec.Resources != nil {
			q, ok = m.pod.Spec.Resources.Limits[name]
		}
		if !ok {
			return 0
		}
		if name == corev1.ResourceCPU {
			return q.MilliValue() * 1e6
		}
		return q.Value()
	}
	w.Limits.MemoryBytes, w.Limits.NanoCPUs = limit(corev1.ResourceMemory), limit(corev1.ResourceCPU)
	if q, ok := c.Resources.Requests[corev1.ResourceCPU]; ok {
		w.Limits.CPUShares = q.MilliValue() * 1024 / 1000
	}
}

// ports lists what is published on the node; other ports of a pod are reachable by its own address only.
func ports(c *corev1.Container) []model.PortMap {
	var out []model.PortMap
	for _, p := range c.Ports {
		if p.HostPort == 0 {
			continue
		}
		proto := strings.ToLower(string(p.Protocol))
		if proto == "" {
			proto = "tcp"
		}
		out = append(out, model.PortMap{
			HostIP: p.HostIP, HostPort: int(p.HostPort), ContainerPort: int(p.ContainerPort), Protocol: proto,
		})
	}
	slices.SortFunc(out, func(a, b model.PortMap) int {
		if a.HostPort != b.HostPort {
			return a.HostPort - b.HostPort
		}
		return strings.Compare(a.Protocol, b.Protocol)
	})
	return out
}

func restart(p *corev1.Pod, c *corev1.Container) string {
	policy := string(p.Spec.RestartPolicy)
	if c.RestartPolicy != nil {
		policy = string(*c.RestartPolicy)
	}
	switch policy {
	case "Never":
		return "no"
	case "OnFailure":
		return "on-failure"
	}
	return "always" // also the default
}

func (m *mapper) devices(c *corev1.Container) []model.Device {
	var out []model.Device
	for _, d := range c.VolumeDevices {
		out = append(out, model.Device{Container: d.DevicePath, Request: "volume/" + d.Name})
	}
	for name, q := range c.Resources.Limits {
		if strings.Contains(string(name), "/") {
			out = append(out, model.Device{Request: string(name) + "=" + strconv.FormatInt(q.Value(), 10)})
		}
	}
	slices.SortFunc(out, func(a, b model.Device) int { return strings.Compare(a.Request, b.Request) })
	return out
}
