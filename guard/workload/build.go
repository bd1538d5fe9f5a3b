package workload

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// FromBuild is what the steps of a build would run as. Bases are the images that its Dockerfile begins with, where somebody read it.
func (r *Reader) FromBuild(ctx context.Context, q route.Query, bases []string) model.Workload {
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
	w.Build = &model.Build{Bases: refs(bases)}
	if q.Texts["version"] == "2" {
		byKit(&w, q)
	}
	WriteTexts(r.Texts, &w, nil, nil, nil, labels)
	return w
}

// byKit is what a build by BuildKit is told by parameters.
func byKit(w *model.Workload, q route.Query) {
	w.Build.Frontend = "dockerfile.v0"
	if text := q.Texts["outputs"]; text != "" {
		var list []struct {
			Type  string
			Attrs map[string]string
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			note(w, "query outputs", "it is no list of outputs")
		}
		for _, o := range list {
			w.Build.Exporters = add(w.Build.Exporters, o.Type)
			switch o.Type {
			case "", "cacheonly", "local", "tar": // nowhere, or to the caller
			default:
				note(w, "query outputs", "what is made goes to the caller (local, tar), or into the engine by its tags")
			}
		}
	}
	if text := q.Texts["buildargs"]; text != "" {
		args := map[string]*string{}
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			note(w, "query buildargs", "it is no set of arguments")
		}
		if v := args["BUILDKIT_SYNTAX"]; v != nil && *v != "" {
			image, _, _ := strings.Cut(strings.TrimSpace(*v), " ")
			w.Build.FrontendImages = []string{image}
		}
	}
	if q.Texts["remote"] == "upload-request" {
		w.Remote = "" // of the caller, in another call
		note(w, "query remote", "the Dockerfile is in an archive that comes by another call, where the guard does not see it: build from a directory")
	}
}

// remote is where the engine itself would fetch the context from; a build whose context comes over the session names the session.
func remote(text string) string {
	if text == "client-session" || strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}

// FromSolve is what the steps of a build by BuildKit would run as, at most: what the build's own file asks for beyond it the builder refuses.
func (r *Reader) FromSolve(s *call.Solve) model.Workload {
	var w model.Workload
	res := container.Resources{
		Memory: s.Limits.Memory, MemorySwap: s.Limits.MemorySwap, CPUShares: s.Limits.CPUShares, CPUPeriod: s.Limits.CPUPeriod,
		CPUQuota: s.Limits.CPUQuota, CpusetCpus: s.Limits.CPUSet, CgroupParent: s.CgroupParent,
	}
	w.Kind, w.Root, w.Restart, w.Privileged = KindBuild, true, "no", s.Insecure
	w.Limits, w.CgroupParent, w.ExtraHosts, w.Unknown = Limits(res), s.CgroupParent, s.ExtraHosts, s.Unknown
	w.Limits.ShmBytes, w.Limits.Ulimits = s.Limits.Shm, s.Ulimits
	w.Seccomp, w.AppArmor, w.NoNewPrivileges = r.Defaults.Seccomp, r.Defaults.AppArmor, r.Defaults.NoNewPrivileges
	if s.HostNetwork {
		w.HostNamespaces = []string{"network"}
	}
	for _, d := range s.Devices {
		w.Devices = append(w.Devices, model.Device{Request: d})
	}
	w.Remote = strings.Join(s.Fetches, " ")
	w.Tenant, w.Sensitivity = s.Labels[r.TenantLabel], s.Labels[r.SensitivityLabel]
	w.Build = &model.Build{
		Entitlements: s.Entitlements, Frontend: s.Frontend, FrontendImages: namesOf(s.FrontendImages), Exporters: s.Exporters,
		Pushes: namesOf(s.Pushes), Caches: s.Caches, Sources: s.Sources, Secrets: s.Secrets, Bases: refs(namesOf(s.Bases)),
	}
	WriteTexts(r.Texts, &w, nil, nil, nil, s.Labels)
	return w
}

func refs(names []string) []model.ImageRef {
	var out []model.ImageRef
	for _, n := range names {
		out = append(out, imageref.Parse(n))
	}
	return out
}

func namesOf(list []call.Named) []string {
	var out []string
	for _, n := range list {
		out = add(out, n.Name)
	}
	return out
}
