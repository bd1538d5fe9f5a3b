package workload

import (
	"slices"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/model"
)

// FromExec is what a container becomes with one more program in it. in is the container as it is.
func (r *Reader) FromExec(body *container.ExecCreateRequest, in model.Workload, accounts map[string]int) model.Workload {
	w := in
	w.Kind, w.Privileged = KindExec, in.Privileged || body.Privileged
	if body.Privileged && w.AppArmor != "" {
		w.AppArmor = unconfined
	}
	if body.User != "" {
		w.User, w.UserEffective = body.User, body.User
		r.root(&w, accounts)
	}
	w.WorkingDir = or(body.WorkingDir, in.WorkingDir)
	w.Entrypoint, w.EntrypointOverridden, w.CommandOverridden = nil, false, true
	w.Args, w.Secrets = r.Texts.Args("arg", body.Cmd)
	env, found := r.Texts.Env(body.Env)
	w.EnvNames, w.Secrets = env, append(w.Secrets, found...)
	sortStrings(w.EnvNames)
	return w
}

// FromUpdate is what a container becomes with other limits. What a body does not name stays.
func (r *Reader) FromUpdate(body *container.UpdateConfig, in model.Workload) model.Workload {
	w := in
	w.Kind = KindUpdate
	updateLimits(&w.Limits, body.Resources)
	if p := body.RestartPolicy.Name; p != "" {
		w.Restart, w.RestartMax = string(p), body.RestartPolicy.MaximumRetryCount
	}
	w.CgroupParent = or(body.CgroupParent, w.CgroupParent)
	// No engine takes these in an update; one that did would give what is asked for.
	w.Devices = append(slices.Clone(w.Devices), Devices(body.Resources)...)
	w.DeviceRules = append(slices.Clone(w.DeviceRules), body.DeviceCgroupRules...)
	r.devices(&w)
	return w
}

func updateLimits(l *model.Limits, b container.Resources) {
	n := Limits(b)
	for _, f := range []struct{ to, from *int64 }{
		{&l.MemoryBytes, &n.MemoryBytes}, {&l.MemorySwap, &n.MemorySwap}, {&l.NanoCPUs, &n.NanoCPUs}, {&l.CPUShares, &n.CPUShares},
	} {
		if *f.from != 0 {
			*f.to = *f.from
		}
	}
	if b.CPUQuota < 0 {
		l.NanoCPUs = 0
	}
	l.CPUSet = or(n.CPUSet, l.CPUSet)
	if b.PidsLimit != nil {
		l.PIDs = n.PIDs
	}
	if b.OomKillDisable != nil {
		l.OOMDisabled = n.OOMDisabled
	}
	if len(n.Ulimits) > 0 {
		l.Ulimits = n.Ulimits
	}
	l.Realtime = l.Realtime || n.Realtime
}
