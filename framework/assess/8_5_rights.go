package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// rightChecks answer for 8.5.c on the engine: a user may do only given actions on given hosts, containers and images.
func rightChecks() []Check {
	return []Check{
		{
			ID: "8.5.c/engine-users", Severity: model.High, Essential: true,
			Title:       say("Only named accounts manage containers", "只有指定账户可以管理容器"),
			References:  []string{benchReference + "1.1.2", "NIST SP 800-190 4.3.1", "ATT&CK T1078.003"},
			Remediation: say("gpasswd -d USER docker; name those who need it: assess: {engine_users: [USER]}.", "gpasswd -d USER docker；确有需要的账户在配置中列出：assess: {engine_users: [USER]}。"),
			Eval:        evalEngineUsers,
		},
		{
			ID: "8.5.c/authorization", Severity: model.High,
			Title:       say("A policy decides which commands a user may give to the engine", "由策略决定用户可向引擎发出哪些命令"),
			References:  []string{benchReference + "2.12", "NIST SP 800-190 4.3.1", "ATT&CK T1610"},
			Remediation: say("Turn on the daemon guard in mode enforce. An authorization plugin of the engine's is no substitute: it is not told who calls on the Unix socket.", "以 enforce 模式启用守护进程防护（daemon-guard）。引擎的授权插件不能替代它：插件无从得知谁在 Unix 套接字上发起调用。"),
			Eval:        evalAuthorization,
		},
		{
			ID: "8.5.c/exec", Severity: model.Medium,
			Title:       say("Entering a container with docker exec is decided or seen", "通过 docker exec 进入容器会被判定或记录"),
			References:  []string{benchReference + "5.23", benchReference + "5.24", "ATT&CK T1609"},
			Remediation: say("Turn on the daemon guard (it refuses exec --privileged and --user root) or the sensor; at least record the client: echo '-w /usr/bin/docker -p x -k docker' >> /etc/audit/rules.d/docker.rules && augenrules --load", "启用守护进程防护（拒绝 exec --privileged 与 --user root）或传感器；至少记录客户端的使用：echo '-w /usr/bin/docker -p x -k docker' >> /etc/audit/rules.d/docker.rules && augenrules --load"),
			Eval:        evalExec,
		},
		{
			ID: "8.5.c/control-plane", Severity: model.Medium,
			Title:       say("A policy decides who may do what in the product's own control plane", "由策略决定用户在本产品的控制平面中可以做什么"),
			References:  []string{"NIST SP 800-190 4.3.1", "ATT&CK T1078"},
			Remediation: say("Run `bulkhead serve` of a release that decides every call; its status file then says authorization: enforce (docs/controls.md).", "运行对每次调用都作判定的 bulkhead serve 版本；其状态文件随后会写明 authorization: enforce（见 docs/controls.md）。"),
			Eval:        evalControlPlaneRights,
		},
	}
}

// execAudited matches audit rules that see the client or the run-time being executed.
func execAudited(rule string) bool {
	for _, p := range []string{"/usr/bin/docker", "/usr/local/bin/docker", "/usr/bin/runc", "/usr/sbin/runc", "/usr/bin/podman"} {
		if !slices.ContainsFunc(strings.Fields(rule), func(f string) bool { return f == p || strings.HasSuffix(f, "="+p) }) {
			continue
		}
		perm := after(rule, "-p")
		return perm == "" || strings.Contains(perm, "x")
	}
	return false
}

// after is the word that follows the flag.
func after(rule, flag string) string {
	words := strings.Fields(rule)
	if i := slices.Index(words, flag); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

func evalControlPlaneRights(in *Input, r *Recorder) {
	planeFact(in, r, "authorization", "enforce",
		say("every call is decided by policy", "每次调用均由策略判定"), say("the control plane does not decide calls by policy", "控制平面未按策略判定调用"))
}

func evalExec(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	for _, name := range []string{model.ControlDaemonGuard, model.ControlSensor} {
		if c, i, ok := in.Control(name); ok && (c.Mode == model.ModeEnforce || name == model.ControlSensor) {
			r.Pass(pointer("controls", i), name, say("%s sees every exec", "%s 可见每次 exec", name))
			return
		}
	}
	const ptr = "/host/audit_rules"
	host := hostAt(in, r, ptr)
	if host == nil {
		return
	}
	for i, rule := range host.AuditRules {
		if execAudited(rule) {
			r.Pass(pointer("host", "audit_rules", i), "auditd", say("use of the client is recorded: %s", "客户端的使用会被记录：%s", rule))
			return
		}
	}
	r.Warn(ptr, "auditd", say("neither the daemon guard nor the sensor nor an audit rule sees docker exec", "守护进程防护、传感器与审计规则均无法看到 docker exec"))
}
