package workload

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// FromBuild is what the steps of a build would run as. Which images they are made from is in the Dockerfile, which is not read here.
func (r *Reader) FromBuild(ctx context.Context, q route.Query) model.Workload {
	res := container.Resources{
		Memory: q.Ints["memory"], MemorySwap: q.Ints["memswap"], CPUShares: q.Ints["cpushares"], CPUPeriod: q.Ints["cpuperiod"],
		CPUQuota: q.Ints["cpuquota"], CpusetCpus: q.Texts["cpusetcpus"], CgroupParent: q.Texts["cgroupparent"],
	}
	var w model.Workload
	if text := q.Texts["ulimits"]; text != "" {
		if err := json.Unmarshal([]byte(text), &res.Ulimits); err != nil {
			note(&w, "query ulimits", "it is no list of limits")
		}
	}
	hc := &container.HostConfig{
		NetworkMode: container.NetworkMode(q.Texts["networkmode"]), SecurityOpt: q.Lists["securityopt"], Resources: res,
		Isolation: container.Isolation(q.Texts["isolation"]), ShmSize: q.Ints["shmsize"], ExtraHosts: q.Lists["extrahosts"],
	}
	w.Kind, w.Root, w.Restart = KindBuild, true, "no"
	w.Limits, w.CgroupParent, w.ExtraHosts, w.Remote = Limits(res), res.CgroupParent, hc.ExtraHosts, remote(q.Texts["remote"])
	w.Limits.ShmBytes = hc.ShmSize
	r.opened(&w, hc)
	if slices.Contains(r.Defaults.DeviceRuntimes, r.Defaults.Runtime) {
		note(&w, "default runtime", r.Defaults.Runtime+" gives devices of the host to whatever a Dockerfile asks for by ENV: make another one the engine's default")
	}
	r.namespaces(ctx, &w, hc)
	r.networks(ctx, &w, hc, nil)
	labels := map[string]string{}
	if text := q.Texts["labels"]; text != "" {
		if err := json.Unmarshal([]byte(text), &labels); err != nil {
			note(&w, "query labels", "it is no set of labels")
		}
	}
	w.Tenant, w.Sensitivity = labels[r.TenantLabel], labels[r.SensitivityLabel]
	WriteTexts(r.Texts, &w, nil, nil, nil, labels)
	return w
}

// remote is where the engine itself would fetch the context from; a build whose context comes over the session names the session.
func remote(text string) string {
	if text == "client-session" || strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}
