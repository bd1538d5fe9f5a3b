package workload

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Extra is what a decision about a workload looks at beside it.
type Extra struct {
	Defaults Defaults
	// Tenant is whose it would be: the one of whoever asks.
	Tenant string
}

// Facts are what policies read as context.workload. Every one is always there, so that a rule need not ask; the type Workload in
// policies/bulkhead.cedarschema has them with what they mean.
func Facts(w *model.Workload, x Extra) map[string]any {
	f := map[string]any{"kind": or(w.Kind, KindContainer), "unknown": set(w.Unknown)}
	for _, part := range []func(map[string]any, *model.Workload, Extra){
		identityFacts, privilegeFacts, namespaceFacts, mountFacts, deviceFacts, networkFacts, limitFacts, engineFacts, buildFacts,
	} {
		part(f, w, x)
	}
	return f
}

func identityFacts(f map[string]any, w *model.Workload, x Extra) {
	f["image"], f["image_kind"], f["registry"] = w.Image.Ref, string(w.Image.Kind), w.Image.Registry
	f["image_digest"] = w.Image.Digest
	f["entrypoint_overridden"], f["command_overridden"] = w.EntrypointOverridden, w.CommandOverridden
	f["working_dir"], f["working_dir_in_proc"] = w.WorkingDir, inProc(w.WorkingDir)
	f["env_names"], f["secrets_in_text"] = set(w.EnvNames), len(w.Secrets) > 0
	f["labels"] = set(names(w.Labels))
	f["sensitivity"], f["tenant_label"] = w.Sensitivity, w.Tenant
	f["tenant_label_foreign"] = w.Tenant != "" && w.Tenant != x.Tenant
}

// inProc finds a working directory in the descriptors of the runtime itself, by which programs of the host were reached.
func inProc(dir string) bool {
	return below(clean(dir), "/proc") || clean(dir) == "/proc"
}

func privilegeFacts(f map[string]any, w *model.Workload, x Extra) {
	f["privileged"], f["root"], f["user"], f["groups"] = w.Privileged, w.Root, w.UserEffective, set(w.Groups)
	f["cap_add"], f["cap_drop"] = set(w.CapAdd), set(w.CapDrop)
	f["caps_beyond_default"] = without(w.CapAdd, defaultCapabilities())
	f["cap_drop_all"] = slices.Contains(w.CapDrop, capAll) && !slices.Contains(w.CapAdd, capAll)
	f["no_new_privileges"] = w.NoNewPrivileges
	f["seccomp"], f["apparmor"], f["selinux"] = w.Seccomp, w.AppArmor, set(w.SELinux)
	f["weakened"], f["masked_paths_off"], f["read_only_root"] = set(w.Weakened), w.MaskedPathsOff, w.ReadOnlyRoot
}

func namespaceFacts(f map[string]any, w *model.Workload, _ Extra) {
	f["host_namespaces"], f["joined_namespaces"], f["foreign_namespaces"] = set(w.HostNamespaces), set(w.JoinedNamespaces), set(w.ForeignNamespaces)
	f["cgroup_parent"], f["annotations"] = w.CgroupParent, set(w.Annotations)
}

func mountFacts(f map[string]any, w *model.Workload, x Extra) {
	var m mountSets
	for i := range w.Mounts {
		m.add(&w.Mounts[i], &x.Defaults)
	}
	f["binds"], f["writable_binds"], f["unstable_binds"] = set(m.binds), set(m.writable), set(m.unstable)
	f["open_binds"], f["closed_binds"] = set(m.open), set(m.closed)
	f["host_root"], f["engine_socket"], f["system_paths"] = m.root, m.socket, set(m.system)
	f["propagation_shared"] = m.shared
	f["volumes"], f["volume_drivers"], f["volume_binds"] = set(m.volumes), set(m.drivers), set(m.volumeBinds)
	f["volume_devices"], f["network_volumes"] = set(m.devices), set(m.network)
	f["foreign_volumes"], f["volumes_from"], f["volumes_from_others"] = set(m.foreign), set(m.from), set(m.fromOthers)
	f["image_mounts"], f["mount_types"] = set(m.images), set(m.types)
}

func deviceFacts(f map[string]any, w *model.Workload, _ Extra) {
	var paths, requests []string
	for _, d := range w.Devices {
		switch {
		case d.Request != "":
			requests = add(requests, d.Request)
		case !harmlessDevice(or(d.Resolved, d.Host)):
			paths = add(paths, or(d.Resolved, d.Host))
		}
	}
	f["devices"], f["device_requests"], f["device_rules"] = set(paths), set(requests), set(w.DeviceRules)
}

// harmlessDevice knows those that every container has anyway.
func harmlessDevice(p string) bool {
	return slices.Contains([]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}, p)
}

const lastPrivilegedPort = 1023

func networkFacts(f map[string]any, w *model.Workload, x Extra) {
	var published []string
	all, low := w.PublishAll, false
	for _, p := range w.Ports {
		address := or(p.HostIP, x.Defaults.PublishAddress)
		anywhere := address == "" || address == "0.0.0.0" || address == "::"
		all = all || anywhere
		low = low || anywhere && p.HostPort > 0 && p.HostPort <= lastPrivilegedPort
		published = add(published, Published(p, address))
	}
	f["published"], f["published_all_addresses"], f["published_low_on_all"] = set(published), all, low
	f["publish_all"] = w.PublishAll
	f["networks"], f["foreign_networks"], f["links"] = set(w.Networks), set(w.ForeignNetworks), set(w.Links)
	f["addresses"], f["endpoint_options"] = set(w.Addresses), set(w.EndpointOptions)
	f["extra_hosts"], f["dns"] = set(w.ExtraHosts), set(w.DNS)
}

// Published is ADDRESS:PORT/PROTOCOL of the host; "*" is every address, port 0 any free one.
func Published(p model.PortMap, address string) string {
	switch {
	case address == "" || address == "0.0.0.0" || address == "::":
		address = "*"
	case strings.Contains(address, ":"):
		address = "[" + address + "]"
	}
	port := strconv.Itoa(p.HostPort)
	if p.HostPortEnd > p.HostPort {
		port += "-" + strconv.Itoa(p.HostPortEnd)
	}
	return address + ":" + port + "/" + p.Protocol
}

func limitFacts(f map[string]any, w *model.Workload, _ Extra) {
	l := &w.Limits
	f["memory"], f["memory_swap"], f["pids"], f["cpus"] = l.MemoryBytes, l.MemorySwap, l.PIDs, l.NanoCPUs
	f["ulimits"], f["oom_disabled"], f["oom_score_adj"] = set(l.Ulimits), l.OOMDisabled, l.OOMScoreAdj
	f["realtime"], f["shm"] = l.Realtime, l.ShmBytes
	f["restart"], f["auto_remove"], f["healthcheck"] = w.Restart, w.AutoRemove, w.HasHealthcheck
}

func engineFacts(f map[string]any, w *model.Workload, x Extra) {
	d := &x.Defaults
	f["runtime"], f["runtime_configured"] = w.Runtime, w.Runtime == "" || w.Runtime == d.Runtime || slices.Contains(d.Runtimes, w.Runtime)
	f["sysctls"], f["unsafe_sysctls"] = set(keys(w.Sysctls)), without(keys(w.Sysctls), SafeSysctls())
	f["log_driver"], f["log_options"], f["storage_options"] = w.LogDriver, set(w.LogOptions), set(w.StorageOptions)
	f["log_local"] = w.LogDriver == "" || w.LogDriver == d.LogDriver || slices.Contains([]string{"json-file", "local", "journald", "none"}, w.LogDriver)
	f["cgroup_parent_other"] = w.CgroupParent != "" && w.CgroupParent != d.CgroupParent
	f["remote"] = w.Remote
}

// SafeSysctls are settings of the container's own namespaces that no other one feels: those of Kubernetes.
func SafeSysctls() []string {
	return []string{
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
	}
}

func keys(list []model.KeyVal) []string {
	var out []string
	for _, kv := range list {
		out = add(out, kv.Key)
	}
	return out
}

// set is a list that is there even when it is empty.
func set(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func without(list, known []string) []string {
	return set(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(known, s) }))
}

// buildFacts are those of a build, most of them of one by BuildKit; of everything else they are empty.
func buildFacts(f map[string]any, w *model.Workload, _ Extra) {
	b := w.Build
	if b == nil {
		b = &model.Build{}
	}
	f["build_entitlements"], f["build_frontend"], f["build_frontend_images"] = set(b.Entitlements), b.Frontend, set(b.FrontendImages)
	f["build_exporters"], f["build_pushes"], f["build_caches"] = set(b.Exporters), set(b.Pushes), set(b.Caches)
	f["build_sources"], f["build_secrets"] = set(b.Sources), set(b.Secrets)
	var bases, moving []string
	for _, i := range b.Bases {
		bases = add(bases, i.Ref)
		if !slices.Contains([]model.RefKind{model.RefDigest, model.RefVersionTag, model.RefImageID}, i.Kind) {
			moving = add(moving, i.Ref)
		}
	}
	f["build_bases"], f["build_bases_moving"] = set(bases), set(moving)
}
