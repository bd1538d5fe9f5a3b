package workload

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/model"
)

// FromService is what the tasks of a service would be.
func (r *Reader) FromService(ctx context.Context, spec *swarm.ServiceSpec) model.Workload {
	t := &spec.TaskTemplate
	switch {
	case t.Runtime == swarm.RuntimePlugin || t.PluginSpec != nil:
		return r.plugin(spec)
	case t.Runtime == swarm.RuntimeNetworkAttachment || t.NetworkAttachmentSpec != nil:
		w := model.Workload{Kind: KindAttachment}
		note(&w, "/TaskTemplate/Runtime", "attachments are made by the engine itself")
		return w
	}
	c := t.ContainerSpec
	if c == nil {
		c = &swarm.ContainerSpec{}
	}
	w := ServiceContainer(c, r.Defaults)
	w.Kind, w.Tenant, w.Sensitivity = KindService, c.Labels[r.TenantLabel], c.Labels[r.SensitivityLabel]
	if own := spec.Labels[r.TenantLabel]; own != "" {
		if w.Tenant != "" && w.Tenant != own {
			note(&w, "/Labels/"+r.TenantLabel, "the service and its tasks name different tenants")
		}
		w.Tenant = own
	}
	if t.Runtime != "" && t.Runtime != swarm.RuntimeContainer && !strings.HasSuffix(string(t.Runtime), "RuntimeContainer") {
		note(&w, "/TaskTemplate/Runtime", "it is not known")
	}
	WriteTexts(r.Texts, &w, c.Command, c.Args, c.Env, c.Labels)
	weakened(&w, r.Defaults)
	if p := c.Privileges; p != nil && p.CredentialSpec != nil {
		note(&w, "/TaskTemplate/ContainerSpec/Privileges/CredentialSpec", "it is not known here")
	}
	if w.Isolation = string(c.Isolation); w.Isolation != "" && w.Isolation != "default" {
		note(&w, "/TaskTemplate/ContainerSpec/Isolation", "it is not known here")
	}
	for i := range c.Mounts {
		m := r.mount(&w, place("/TaskTemplate/ContainerSpec/Mounts", i), &c.Mounts[i])
		r.resolve(ctx, &w, &m)
		w.Mounts = append(w.Mounts, m)
	}
	ServiceTask(&w, t)
	r.serviceNetworks(ctx, &w, t)
	if spec.EndpointSpec != nil {
		w.Ports = ServicePorts(spec.EndpointSpec.Ports)
	}
	r.image(ctx, &w, asked{user: c.User, entrypoint: given(c.Command), command: c.Args, env: c.Env})
	return w
}

// given is nil for an empty list: a service can't take an image's entry point away.
func given(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (r *Reader) plugin(spec *swarm.ServiceSpec) model.Workload {
	w := model.Workload{Kind: KindPlugin, Privileged: true, Root: true}
	if p := spec.TaskTemplate.PluginSpec; p != nil {
		w.Image = ParseImage(p.Remote, "")
	}
	return w
}

func (r *Reader) serviceNetworks(ctx context.Context, w *model.Workload, t *swarm.TaskSpec) {
	for _, n := range t.Networks {
		r.network(ctx, w, n.Target)
		for _, k := range names(n.DriverOpts) {
			w.EndpointOptions = add(w.EndpointOptions, n.Target+":"+k)
		}
	}
	if len(w.Networks) > 0 {
		w.Namespaces.Network = w.Networks[0]
	}
}

// ServiceContainer is what a service's container specification says by itself. What an image adds is known only where a task runs.
func ServiceContainer(c *swarm.ContainerSpec, d Defaults) model.Workload {
	w := model.Workload{
		Image: ParseImage(c.Image, ""), User: c.User, UserEffective: c.User, CapAdd: Capabilities(c.CapabilityAdd),
		CapDrop: Capabilities(c.CapabilityDrop), Seccomp: or(d.Seccomp, "default"), AppArmor: d.AppArmor, NoNewPrivileges: d.NoNewPrivileges,
		ReadOnlyRoot: c.ReadOnly, Sysctls: KeyVals(c.Sysctls),
		Namespaces:     model.Namespaces{Network: bridge, PID: private, IPC: private, UTS: private, User: host, Cgroup: private},
		HasHealthcheck: HasHealthcheck(c.Healthcheck), Init: c.Init != nil && *c.Init, Restart: "always",
		EntrypointOverridden: len(c.Command) > 0, Groups: slices.Sorted(slices.Values(c.Groups)), ExtraHosts: c.Hosts, WorkingDir: c.Dir,
	}
	w.Root, _ = IsRoot(c.User)
	w.Limits.Ulimits, w.Limits.OOMScoreAdj = Ulimits(c.Ulimits), c.OomScoreAdj
	if c.DNSConfig != nil {
		w.DNS = addresses(c.DNSConfig.Nameservers)
	}
	privileges(&w, c.Privileges)
	return w
}

func privileges(w *model.Workload, p *swarm.Privileges) {
	if p == nil {
		return
	}
	w.NoNewPrivileges = w.NoNewPrivileges || p.NoNewPrivileges
	if p.Seccomp != nil && p.Seccomp.Mode != "" {
		w.Seccomp = string(p.Seccomp.Mode)
	}
	if p.AppArmor != nil && p.AppArmor.Mode == swarm.AppArmorModeDisabled {
		w.AppArmor = unconfined
	}
	if s := p.SELinuxContext; s != nil {
		if s.Disable {
			w.SELinux = append(w.SELinux, "disabled")
		}
		for _, o := range []struct{ key, value string }{{"level", s.Level}, {"role", s.Role}, {"type", s.Type}, {"user", s.User}} {
			if o.value != "" {
				w.SELinux = append(w.SELinux, o.key+":"+o.value)
			}
		}
		slices.Sort(w.SELinux)
	}
}

// ServiceTask adds limits, restarts and logging of a service's tasks.
func ServiceTask(w *model.Workload, t *swarm.TaskSpec) {
	if res := t.Resources; res != nil {
		if l := res.Limits; l != nil {
			w.Limits.MemoryBytes, w.Limits.NanoCPUs, w.Limits.PIDs = l.MemoryBytes, l.NanoCPUs, l.Pids
		}
		if res.Reservations != nil {
			genericDevices(w, res.Reservations.GenericResources)
		}
		if res.SwapBytes != nil {
			w.Limits.MemorySwap = *res.SwapBytes
		}
	}
	if p := t.RestartPolicy; p != nil {
		w.Restart = map[swarm.RestartPolicyCondition]string{"none": "no", "on-failure": "on-failure"}[p.Condition]
		w.Restart = or(w.Restart, "always")
		if p.MaxAttempts != nil {
			w.RestartMax = int(min(*p.MaxAttempts, 1<<31))
		}
	}
	if t.LogDriver != nil {
		w.LogDriver, w.LogOptions = t.LogDriver.Name, names(t.LogDriver.Options)
	}
}

// genericDevices are resources of nodes that are given by name, such as a graphics card.
func genericDevices(w *model.Workload, list []swarm.GenericResource) {
	for _, g := range list {
		switch {
		case g.NamedResourceSpec != nil:
			w.Devices = append(w.Devices, model.Device{Request: g.NamedResourceSpec.Kind + "," + g.NamedResourceSpec.Value})
		case g.DiscreteResourceSpec != nil:
			w.Devices = append(w.Devices, model.Device{Request: g.DiscreteResourceSpec.Kind})
		}
	}
}

// ServicePorts are the published ports of a service.
func ServicePorts(ports []swarm.PortConfig) []model.PortMap {
	var list []model.PortMap
	for _, p := range ports {
		list = append(list, model.PortMap{HostPort: int(p.PublishedPort), ContainerPort: int(p.TargetPort), Protocol: or(string(p.Protocol), "tcp")})
	}
	SortPorts(list)
	return list
}
