package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// workload is a container's effective configuration. Gaps go to c.
func (e *Collector) workload(ctx context.Context, in container.InspectResponse, h *hostView, c *model.Container) model.Workload {
	cfg, hc := in.Config, in.HostConfig
	w := model.Workload{
		Image: parseImage(cfg.Image, in.Image), Privileged: hc.Privileged,
		CapAdd: capabilities(hc.CapAdd), CapDrop: capabilities(hc.CapDrop),
		ReadOnlyRoot: hc.ReadonlyRootfs, DeviceRules: slices.Sorted(slices.Values(hc.DeviceCgroupRules)), Sysctls: keyVals(hc.Sysctls),
		Limits: limits(hc.Resources), Ports: ports(in), Networks: networkNames(in.NetworkSettings),
		Restart: string(hc.RestartPolicy.Name), RestartMax: hc.RestartPolicy.MaximumRetryCount,
		HasHealthcheck: hasHealthcheck(cfg.Healthcheck), Runtime: hc.Runtime, Init: hc.Init != nil && *hc.Init,
		CgroupParent: hc.CgroupParent, LogDriver: hc.LogConfig.Type, Namespaces: namespaces(hc, h),
		Tenant: cfg.Labels[e.o.TenantLabel], Sensitivity: cfg.Labels[e.o.SensitivityLabel],
	}
	if w.Restart == "" {
		w.Restart = "no"
	}
	e.texts(&w, cfg.Entrypoint, cfg.Cmd, cfg.Env, cfg.Labels)
	if e.podman() {
		podmanWorkload(&w)
	}
	security(&w, in, h)
	w.Devices = devices(hc)
	w.Mounts = e.mounts(in, h, c)
	e.fromImage(ctx, &w, in, c)
	e.user(&w, in, h, c)
	return w
}

func parseImage(ref, id string) model.ImageRef {
	r := imageref.Parse(ref)
	r.ID = id
	return r
}

// texts takes what a person wrote, without secrets.
func (e *Collector) texts(w *model.Workload, entrypoint, args, env []string, labels map[string]string) {
	var found []model.SecretSighting
	note := func(more []model.SecretSighting) { found = append(found, more...) }
	var more []model.SecretSighting
	w.Entrypoint, more = e.o.Secrets.Args("entrypoint", entrypoint)
	note(more)
	w.Args, more = e.o.Secrets.Args("arg", args)
	note(more)
	w.EnvNames, more = e.o.Secrets.Env(env)
	note(more)
	w.Labels, more = e.o.Secrets.Map("label", labels)
	note(more)
	slices.Sort(w.EnvNames)
	w.Secrets = found
}

// fromImage adds what only the image tells: its digest, its user and entry point.
func (e *Collector) fromImage(ctx context.Context, w *model.Workload, in container.InspectResponse, c *model.Container) {
	w.User, w.UserEffective = in.Config.User, in.Config.User
	img, err := e.image(ctx, in.Image)
	if err != nil || img.Config == nil {
		if err == nil {
			err = errMalformed
		}
		c.Gaps = append(c.Gaps, gap("/workload/entrypoint_overridden", fmt.Errorf("the container's image: %w", err), ""))
		return
	}
	if img.Config.User == w.User {
		w.User = "" // the engine shows the image's user where none was given
	}
	w.EntrypointOverridden = !slices.Equal(in.Config.Entrypoint, img.Config.Entrypoint)
	if w.Image.Digest != "" {
		return
	}
	for _, d := range slices.Sorted(slices.Values(img.RepoDigests)) {
		if r := imageref.Parse(d); r.Registry == w.Image.Registry && r.Name == w.Image.Name {
			w.Image.Digest = r.Digest
			return
		}
	}
}

// capabilities normalises names: "net_admin" and "CAP_NET_ADMIN" are the same.
func capabilities(list []string) []string {
	var out []string
	for _, c := range list {
		c = strings.ToUpper(c)
		if c != "ALL" && !strings.HasPrefix(c, "CAP_") {
			c = "CAP_" + c
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func keyVals(m map[string]string) []model.KeyVal {
	var list []model.KeyVal
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, model.KeyVal{Key: k, Value: m[k]})
	}
	return list
}

func hasHealthcheck(h *container.HealthConfig) bool {
	return h != nil && len(h.Test) > 0 && h.Test[0] != "NONE"
}

func namespaces(hc *container.HostConfig, h *hostView) model.Namespaces {
	n := model.Namespaces{
		Network: string(hc.NetworkMode), PID: space(string(hc.PidMode)), IPC: space(string(hc.IpcMode)),
		UTS: space(string(hc.UTSMode)), Cgroup: space(string(hc.CgroupnsMode)), User: "host",
	}
	if n.Network == "" || n.Network == "default" {
		n.Network = "bridge"
	}
	// Without a mode of its own a container gets a private namespace on cgroup v2 only.
	if hc.CgroupnsMode == "" && h.info.CgroupVersion != "2" {
		n.Cgroup = "host"
	}
	if (h.remapped && hc.UsernsMode != "host") || h.rootless || hc.UsernsMode == "private" || hc.UsernsMode == "auto" {
		n.User = "private"
	}
	return n
}

func space(mode string) string {
	switch mode {
	case "", "private", "shareable":
		return "private"
	}
	return mode
}

func limits(r container.Resources) model.Limits {
	l := model.Limits{
		MemoryBytes: r.Memory, MemorySwap: r.MemorySwap, NanoCPUs: r.NanoCPUs, CPUShares: r.CPUShares, CPUSet: r.CpusetCpus,
		OOMDisabled: r.OomKillDisable != nil && *r.OomKillDisable,
	}
	if l.NanoCPUs == 0 && r.CPUQuota > 0 {
		period := r.CPUPeriod
		if period <= 0 {
			period = 100_000
		}
		l.NanoCPUs = int64(float64(r.CPUQuota) / float64(period) * 1e9)
	}
	if l.NanoCPUs == 0 {
		l.NanoCPUs = int64(cpus(r.CpusetCpus)) * 1e9
	}
	if r.PidsLimit != nil && *r.PidsLimit > 0 {
		l.PIDs = *r.PidsLimit
	}
	for _, u := range r.Ulimits {
		if u != nil {
			l.Ulimits = append(l.Ulimits, fmt.Sprintf("%s=%d:%d", u.Name, u.Soft, u.Hard))
		}
	}
	slices.Sort(l.Ulimits)
	return l
}

// cpus counts the processors of a list such as "0-2,7"; a list that is not understood counts none.
func cpus(set string) int {
	n := 0
	for _, part := range strings.Split(set, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if err == nil && isRange {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 0 || b < a || b > 1<<16 {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// ports are the published ports: those that are bound, or would be when the container starts.
func ports(in container.InspectResponse) []model.PortMap {
	var list []model.PortMap
	add := func(m network.PortMap) {
		for port, bindings := range m {
			for _, b := range bindings {
				p := model.PortMap{ContainerPort: int(port.Num()), Protocol: string(port.Proto())}
				if b.HostIP.IsValid() {
					p.HostIP = b.HostIP.String()
				}
				p.HostPort, _ = strconv.Atoi(b.HostPort)
				list = append(list, p)
			}
		}
	}
	if in.NetworkSettings != nil {
		add(in.NetworkSettings.Ports)
	}
	if len(list) == 0 && in.HostConfig.NetworkMode != "host" {
		add(in.HostConfig.PortBindings)
	}
	slices.SortFunc(list, func(a, b model.PortMap) int {
		return strings.Compare(fmt.Sprintf("%05d%s%s%05d", a.ContainerPort, a.Protocol, a.HostIP, a.HostPort),
			fmt.Sprintf("%05d%s%s%05d", b.ContainerPort, b.Protocol, b.HostIP, b.HostPort))
	})
	return list
}

func networkNames(n *container.NetworkSettings) []string {
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.Networks))
}

func devices(hc *container.HostConfig) []model.Device {
	var list []model.Device
	for _, d := range hc.Devices {
		list = append(list, model.Device{Host: d.PathOnHost, Container: d.PathInContainer, Permissions: d.CgroupPermissions})
	}
	slices.SortFunc(list, func(a, b model.Device) int { return strings.Compare(a.Host+a.Container, b.Host+b.Container) })
	for _, r := range hc.DeviceRequests {
		parts := []string{r.Driver}
		for _, c := range r.Capabilities {
			parts = append(parts, strings.Join(c, "+"))
		}
		parts = append(parts, r.DeviceIDs...)
		if r.Count != 0 {
			parts = append(parts, "count="+strconv.Itoa(r.Count))
		}
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		list = append(list, model.Device{Request: strings.Join(parts, ",")})
	}
	return list
}
