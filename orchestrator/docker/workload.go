package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// workload is a container's effective configuration. Gaps go to c.
func (e *Collector) workload(ctx context.Context, in container.InspectResponse, h *hostView, c *model.Container) model.Workload {
	cfg, hc := in.Config, in.HostConfig
	w := model.Workload{
		Image: workload.ParseImage(cfg.Image, in.Image), Privileged: hc.Privileged,
		CapAdd: workload.Capabilities(hc.CapAdd), CapDrop: workload.Capabilities(hc.CapDrop),
		ReadOnlyRoot: hc.ReadonlyRootfs, DeviceRules: slices.Sorted(slices.Values(hc.DeviceCgroupRules)), Sysctls: workload.KeyVals(hc.Sysctls),
		Limits: workload.Limits(hc.Resources), Ports: ports(in), Networks: networkNames(in.NetworkSettings),
		Restart: string(hc.RestartPolicy.Name), RestartMax: hc.RestartPolicy.MaximumRetryCount,
		HasHealthcheck: workload.HasHealthcheck(cfg.Healthcheck), Runtime: hc.Runtime, Init: hc.Init != nil && *hc.Init,
		CgroupParent: hc.CgroupParent, LogDriver: hc.LogConfig.Type, Namespaces: namespaces(hc, h),
		Tenant: cfg.Labels[e.o.TenantLabel], Sensitivity: cfg.Labels[e.o.SensitivityLabel],
	}
	if w.Restart == "" {
		w.Restart = "no"
	}
	workload.WriteTexts(e.o.Secrets, &w, cfg.Entrypoint, cfg.Cmd, cfg.Env, cfg.Labels)
	if e.podman() {
		podmanWorkload(&w)
	}
	security(&w, in, h)
	w.Devices = workload.Devices(hc.Resources)
	w.Mounts = e.mounts(in, h, c)
	e.fromImage(ctx, &w, in, c)
	e.user(&w, in, h, c)
	return w
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

// namespaces are those of a container on this engine.
func namespaces(hc *container.HostConfig, h *hostView) model.Namespaces {
	n := workload.Namespaces(hc, h.workloadDefaults())
	if h.rootless {
		n.User = "private"
	}
	return n
}

// ports are the published ports: those that are bound, or would be when the container starts.
func ports(in container.InspectResponse) []model.PortMap {
	var list []model.PortMap
	if in.NetworkSettings != nil {
		list, _ = workload.Ports(in.NetworkSettings.Ports)
	}
	if len(list) == 0 && in.HostConfig.NetworkMode != "host" {
		list, _ = workload.Ports(in.HostConfig.PortBindings)
	}
	return list
}

func networkNames(n *container.NetworkSettings) []string {
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.Networks))
}
