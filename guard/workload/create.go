package workload

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/model"
)

// FromCreate is what a container would be that is made from a body.
func (r *Reader) FromCreate(ctx context.Context, body *container.CreateRequest) model.Workload {
	w := r.from(ctx, body)
	w.MaskedPathsOff = w.MaskedPathsOff || body.HostConfig != nil && r.Defaults.shows(body.HostConfig)
	return w
}

func (r *Reader) from(ctx context.Context, body *container.CreateRequest) model.Workload {
	cfg, hc := body.Config, body.HostConfig
	if cfg == nil {
		cfg = &container.Config{}
	}
	if hc == nil {
		hc = &container.HostConfig{}
	}
	w := model.Workload{
		Kind: KindContainer, Image: ParseImage(cfg.Image, ""), Privileged: hc.Privileged,
		CapAdd: Capabilities(hc.CapAdd), CapDrop: Capabilities(hc.CapDrop), ReadOnlyRoot: hc.ReadonlyRootfs,
		Devices: Devices(hc.Resources), DeviceRules: slices.Sorted(slices.Values(hc.DeviceCgroupRules)), Sysctls: KeyVals(hc.Sysctls),
		Limits: Limits(hc.Resources), Restart: or(string(hc.RestartPolicy.Name), "no"), RestartMax: hc.RestartPolicy.MaximumRetryCount,
		HasHealthcheck: HasHealthcheck(cfg.Healthcheck), Runtime: hc.Runtime, Init: hc.Init != nil && *hc.Init,
		CgroupParent: hc.CgroupParent, LogDriver: hc.LogConfig.Type, LogOptions: names(hc.LogConfig.Config),
		StorageOptions: names(hc.StorageOpt), Annotations: names(hc.Annotations), AutoRemove: hc.AutoRemove,
		Groups: slices.Sorted(slices.Values(hc.GroupAdd)), WorkingDir: cfg.WorkingDir,
		Tenant: cfg.Labels[r.TenantLabel], Sensitivity: cfg.Labels[r.SensitivityLabel],
	}
	w.Limits.OOMScoreAdj, w.Limits.ShmBytes = int64(hc.OomScoreAdj), hc.ShmSize
	WriteTexts(r.Texts, &w, cfg.Entrypoint, cfg.Cmd, cfg.Env, cfg.Labels)
	r.opened(&w, hc)
	r.namespaces(ctx, &w, hc)
	r.networks(ctx, &w, hc, body.NetworkingConfig)
	r.ports(&w, hc)
	r.mounts(ctx, &w, cfg, hc)
	r.devices(&w)
	r.image(ctx, &w, asked{user: cfg.User, entrypoint: cfg.Entrypoint, command: cfg.Cmd, env: cfg.Env, runtime: hc.Runtime})
	return w
}

// opened reads what hardens or opens, and refuses what Linux does not have.
func (r *Reader) opened(w *model.Workload, hc *container.HostConfig) {
	d := r.Defaults
	if hc.Privileged && d.AppArmor != "" {
		d.AppArmor = unconfined
	}
	Security(w, hc, d)
	weakened(w, r.Defaults)
	if w.Isolation = string(hc.Isolation); w.Isolation != "" && w.Isolation != "default" {
		note(w, "/HostConfig/Isolation", "it is not known here")
	}
	switch w.Restart {
	case "no", "always", "unless-stopped", "on-failure":
	default:
		note(w, "/HostConfig/RestartPolicy", "it is not known")
	}
	for _, rule := range hc.DeviceCgroupRules {
		if strings.TrimSpace(rule) == "" {
			note(w, "/HostConfig/DeviceCgroupRules", "a rule is empty")
		}
	}
	for _, c := range append(slices.Clone(w.CapAdd), w.CapDrop...) {
		if c != capAll && !knownCapability(c) {
			note(w, "/HostConfig/CapAdd", c+" is not known")
		}
	}
	if hc.CPUCount != 0 || hc.CPUPercent != 0 || hc.IOMaximumIOps != 0 || hc.IOMaximumBandwidth != 0 {
		note(w, "/HostConfig", "it has limits of Windows")
	}
}

// knownCapability knows those of Linux: CAP_ and a name. The kernel's newest is CAP_CHECKPOINT_RESTORE.
func knownCapability(c string) bool {
	return slices.Contains(defaultCapabilities(), c) || slices.Contains([]string{
		"CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_BLOCK_SUSPEND", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", "CAP_DAC_READ_SEARCH",
		"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_NET_ADMIN",
		"CAP_NET_BROADCAST", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE",
		"CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
	}, c)
}

// devices follows the links of paths: what is a link to a disk is the disk.
func (r *Reader) devices(w *model.Workload) {
	for i := range w.Devices {
		if d := &w.Devices[i]; d.Host != "" {
			// A link that others can change is what it is called, and not what it leads to at this moment.
			if p := r.Host.Path(d.Host); p.Resolved != "" && p.Unstable == "" {
				d.Resolved = p.Resolved
			}
		}
	}
}

// asked is what a body says of what the image says too.
type asked struct {
	user                string
	entrypoint, command []string
	env                 []string
	runtime             string
}

// image adds what only the image tells: its user and entry point.
func (r *Reader) image(ctx context.Context, w *model.Workload, a asked) {
	w.User = a.user
	img, there, err := r.Host.Image(ctx, w.Image.Ref)
	if err != nil {
		note(w, "/Image", err.Error())
	}
	if !there {
		// What is not there can't be compared: what is asked for is another than the image's.
		w.EntrypointOverridden, w.CommandOverridden = a.entrypoint != nil, len(a.command) > 0
		w.UserEffective = a.user
		r.root(w, nil)
		r.runtimeDevices(w, a.runtime, a.env, nil)
		if slices.Contains(r.Defaults.DeviceRuntimes, or(a.runtime, r.Defaults.Runtime)) {
			note(w, "/Image", "it is not here, and could ask the runtime for devices")
		}
		return
	}
	r.runtimeDevices(w, a.runtime, a.env, img.Env)
	w.Image.ID, w.Image.Digest = img.ID, or(w.Image.Digest, img.Digest)
	w.UserEffective = or(a.user, img.User)
	if a.user == img.User {
		w.User = ""
	}
	w.EntrypointOverridden = a.entrypoint != nil && !slices.Equal(a.entrypoint, img.Entrypoint)
	w.CommandOverridden = len(img.Entrypoint) == 0 && len(a.command) > 0 && (len(img.Cmd) == 0 || a.command[0] != img.Cmd[0])
	w.WorkingDir = or(w.WorkingDir, img.WorkingDir)
	r.root(w, img.Accounts)
}

// root says whether it runs as uid 0. A name that nobody looked up can be one for it. The group that is named with the user is one
// of its groups.
func (r *Reader) root(w *model.Workload, accounts map[string]int) {
	root, known := IsRoot(w.UserEffective)
	name, group, _ := strings.Cut(w.UserEffective, ":")
	if group != "" {
		w.Groups = add(slices.Clone(w.Groups), group)
	}
	if !known {
		uid, found := accounts[name]
		root = !found || uid == 0
	}
	w.Root = root
}

// FromInspect is what a container is that was made before, for when it is started: everything is looked up once more.
func (r *Reader) FromInspect(ctx context.Context, in *container.InspectResponse) model.Workload {
	body := &container.CreateRequest{Config: in.Config, HostConfig: r.there(ctx, in.HostConfig)}
	if in.NetworkSettings != nil {
		body.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
		for name, e := range in.NetworkSettings.Networks {
			body.NetworkingConfig.EndpointsConfig[name] = configured(e)
		}
	}
	w := r.from(ctx, body)
	w.Image.ID = or(in.Image, w.Image.ID)
	r.mounted(ctx, &w, in.Mounts)
	return w
}

// there leaves out containers that mounts were taken from and that are gone: the mounts are told by the engine.
func (r *Reader) there(ctx context.Context, hc *container.HostConfig) *container.HostConfig {
	if hc == nil || len(hc.VolumesFrom) == 0 {
		return hc
	}
	c := *hc
	c.VolumesFrom = slices.DeleteFunc(slices.Clone(hc.VolumesFrom), func(spec string) bool {
		name, _, _ := strings.Cut(spec, ":")
		_, err := r.Host.Container(ctx, name)
		return err != nil
	})
	return &c
}

// configured is what of an endpoint was asked for; the rest is what it has while it runs.
func configured(e *network.EndpointSettings) *network.EndpointSettings {
	if e == nil {
		return nil
	}
	return &network.EndpointSettings{IPAMConfig: e.IPAMConfig, Links: e.Links, Aliases: e.Aliases, DriverOpts: e.DriverOpts}
}

// mounted adds what the engine says is mounted and the body does not: volumes of the image, and those of other containers that are
// gone.
func (r *Reader) mounted(ctx context.Context, w *model.Workload, points []container.MountPoint) {
	for i := range points {
		p := &points[i]
		at := slices.IndexFunc(w.Mounts, func(m model.Mount) bool { return m.Target == p.Destination })
		if at >= 0 && (w.Mounts[at].Type == string(p.Type) || w.Mounts[at].From != "") && (w.Mounts[at].Volume != "" || p.Name == "") {
			continue
		}
		m := model.Mount{
			Type: string(p.Type), Source: p.Source, Target: p.Destination, ReadOnly: !p.RW, Propagation: string(p.Propagation),
			Driver: p.Driver, Volume: p.Name,
		}
		r.resolve(ctx, w, &m)
		if at >= 0 {
			w.Mounts[at] = m
			continue
		}
		w.Mounts = append(w.Mounts, m)
	}
}

func place(list string, i int) string { return list + "/" + strconv.Itoa(i) }
