package host

import (
	"context"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sysctls are the kernel settings that hardening guides and container isolation depend on.
var sysctls = []string{
	"fs.protected_fifos", "fs.protected_hardlinks", "fs.protected_regular", "fs.protected_symlinks", "fs.suid_dumpable",
	"kernel.apparmor_restrict_unprivileged_userns", "kernel.core_pattern", "kernel.dmesg_restrict", "kernel.kexec_load_disabled",
	"kernel.keys.root_maxbytes", "kernel.keys.root_maxkeys", "kernel.kptr_restrict", "kernel.modules_disabled", "kernel.panic",
	"kernel.panic_on_oops", "kernel.perf_event_paranoid", "kernel.pid_max", "kernel.randomize_va_space", "kernel.sysrq",
	"kernel.unprivileged_bpf_disabled", "kernel.unprivileged_userns_clone", "kernel.yama.ptrace_scope",
	"net.bridge.bridge-nf-call-arptables", "net.bridge.bridge-nf-call-ip6tables", "net.bridge.bridge-nf-call-iptables",
	"net.core.bpf_jit_harden",
	"net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.log_martians",
	"net.ipv4.conf.all.route_localnet", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.secure_redirects",
	"net.ipv4.conf.all.send_redirects", "net.ipv4.conf.default.accept_redirects", "net.ipv4.conf.default.accept_source_route",
	"net.ipv4.conf.default.rp_filter", "net.ipv4.conf.default.send_redirects", "net.ipv4.icmp_echo_ignore_broadcasts",
	"net.ipv4.icmp_ignore_bogus_error_responses", "net.ipv4.ip_forward", "net.ipv4.tcp_syncookies",
	"net.ipv6.conf.all.accept_ra", "net.ipv6.conf.all.accept_redirects", "net.ipv6.conf.all.accept_source_route",
	"net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.accept_redirects",
	"user.max_user_namespaces", "vm.max_map_count", "vm.mmap_min_addr", "vm.overcommit_memory", "vm.panic_on_oom",
	"vm.unprivileged_userfaultfd",
}

// Tunables reads the loaded modules and the kernel settings. A setting that the kernel does not have is left out.
func (h *Host) Tunables(context.Context) (func(*model.Snapshot), []model.Gap) {
	var gaps []model.Gap
	modules, err := h.modules()
	if err != nil {
		gaps = append(gaps, gap("/host/modules", err))
	}
	var list []model.KeyVal
	var denied []string
	for _, key := range sysctls {
		b, err := h.read("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), limitValue)
		switch {
		case err == nil:
			list = append(list, model.KeyVal{Key: key, Value: strings.Join(strings.Fields(string(b)), " ")})
		case !missing(err):
			denied = append(denied, key)
		}
	}
	if len(denied) > 0 {
		gaps = append(gaps, model.Gap{
			Path: "/host/sysctls/*", Reason: model.GapPermission, Detail: strings.Join(denied, ", "), Remedy: remedyPrivilege,
		})
	}
	if len(list) == 0 {
		gaps = append(gaps, model.Gap{Path: "/host/sysctls", Reason: model.GapAbsent, Detail: "/proc/sys holds none of the settings"})
	}
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.Modules, p.Sysctls = modules, list
	}, gaps
}

// modules are the loaded modules; a kernel without modules has no such file, and none.
func (h *Host) modules() ([]string, error) {
	b, err := h.read("/proc/modules", 4<<20)
	if err != nil {
		if missing(err) && h.exists("/proc/version") {
			return nil, nil
		}
		return nil, err
	}
	var names []string
	lines(b, func(line string) {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	})
	slices.Sort(names)
	return names, nil
}
