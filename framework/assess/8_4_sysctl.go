package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sysctlRule is what a kernel setting should be. A setting that the kernel does not have cannot do harm and is passed
// over, unless it is the protection itself (needed).
type sysctlRule struct {
	key    string
	accept []string // the first is what the remediation sets
	needed bool
}

// sysctlGroup are the settings of one question.
type sysctlGroup struct {
	name  string
	title model.Text
	rules []sysctlRule
}

// sysctlGroups ask whether the kernel's switches are set as a container host needs them.
func sysctlGroups() []sysctlGroup {
	return []sysctlGroup{
		{"kernel-addresses", say("The kernel hides its addresses and messages", "内核隐藏自身地址与消息"), []sysctlRule{
			{"kernel.kptr_restrict", []string{"1", "2"}, true},
			{"kernel.dmesg_restrict", []string{"1"}, true},
			{"kernel.randomize_va_space", []string{"2"}, true},
		}},
		{"kernel-interfaces", say("Unprivileged programs reach no dangerous kernel interface", "非特权程序无法使用危险的内核接口"), []sysctlRule{
			{"kernel.unprivileged_bpf_disabled", []string{"1", "2"}, false},
			{"kernel.yama.ptrace_scope", []string{"1", "2", "3"}, true},
			{"kernel.perf_event_paranoid", []string{"2", "3", "4"}, false},
			{"kernel.kexec_load_disabled", []string{"1"}, false},
			{"kernel.sysrq", []string{"0", "16", "438", "176"}, false},
			{"net.core.bpf_jit_harden", []string{"2", "1"}, false},
		}},
		{"file-protections", say("The kernel protects links, fifos and core dumps", "内核保护链接、管道文件与核心转储"), []sysctlRule{
			{"fs.protected_hardlinks", []string{"1"}, true},
			{"fs.protected_symlinks", []string{"1"}, true},
			{"fs.protected_fifos", []string{"1", "2"}, false},
			{"fs.protected_regular", []string{"2", "1"}, false},
			{"fs.suid_dumpable", []string{"0", "2"}, false},
		}},
		{"network-protections", say("The host refuses forged, redirected and source-routed packets", "主机拒绝伪造、重定向和源路由的数据包"), []sysctlRule{
			{"net.ipv4.conf.all.rp_filter", []string{"1", "2"}, true},
			{"net.ipv4.conf.all.accept_redirects", []string{"0"}, false},
			{"net.ipv4.conf.all.send_redirects", []string{"0"}, false},
			{"net.ipv4.conf.all.accept_source_route", []string{"0"}, false},
			{"net.ipv6.conf.all.accept_redirects", []string{"0"}, false},
			{"net.ipv4.tcp_syncookies", []string{"1", "2"}, true},
		}},
	}
}

func sysctlChecks() []Check {
	var all []Check
	for _, g := range sysctlGroups() {
		all = append(all, sysctlCheck(g))
	}
	return all
}

func sysctlCheck(g sysctlGroup) Check {
	lines := ""
	for _, rule := range g.rules {
		lines += "\n" + rule.key + " = " + rule.accept[0]
	}
	return Check{
		ID: "8.4.a/" + g.name, Title: g.title, Severity: model.Medium,
		References: []string{benchReference + "1.2.1", "NIST SP 800-190 4.5"},
		Remediation: say("Write to /etc/sysctl.d/90-bulkhead.conf and run sysctl --system:%s",
			"写入 /etc/sysctl.d/90-bulkhead.conf 并执行 sysctl --system：%s", lines),
		Eval: func(in *Input, r *Recorder) { evalSysctls(in, r, g.rules) },
	}
}

func evalSysctls(in *Input, r *Recorder, rules []sysctlRule) {
	h := hostAt(in, r, "/host/sysctls")
	if h == nil {
		return
	}
	if len(h.Sysctls) == 0 {
		r.Unknown("/host/sysctls", "", say("no kernel setting was read", "未读取到任何内核参数"))
		return
	}
	for _, rule := range rules {
		value, i, ok := setting(h.Sysctls, rule.key)
		ptr := pointer("host", "sysctls", i)
		switch {
		case !ok && sysctlGap(in, r, rule.key):
		case !ok && rule.needed:
			r.Warn("/host/sysctls", rule.key, say("the kernel has no %s", "内核没有 %s", rule.key))
		case !ok:
			r.NotApplicable("/host/sysctls", say("the kernel has no %s", "内核没有 %s", rule.key))
		case slices.Contains(rule.accept, value):
			r.Pass(ptr, rule.key, say("%s = %s", "%s = %s", rule.key, value))
		default:
			r.Fail(ptr, rule.key, say("%s = %s, should be %s", "%s = %s，应为 %s", rule.key, value, rule.accept[0]))
		}
	}
}

// sysctlGap records that a single setting could not be read: the collector lists such ones in one gap over some of them.
func sysctlGap(in *Input, r *Recorder, key string) bool {
	const some = "/host/sysctls/*"
	g, ok := in.Gap(some)
	if !ok || !slices.Contains(strings.Split(g.Detail, ", "), key) {
		return false
	}
	r.Gap(some, key, g)
	return true
}
