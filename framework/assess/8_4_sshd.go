package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sshdChecks ask whether sshd lets people in so that the record says who it was (8.4.d), and whether what the engine
// does is recorded as well.
func sshdChecks() []Check {
	return []Check{
		sshdCheck("sshd-log-level", model.Medium, say("sshd records who signs in", "sshd 记录登录者"), "LogLevel VERBOSE", evalLogLevel),
		sshdCheck("sshd-root", model.Medium, say("People sign in as themselves, not as root", "以个人账户而非 root 登录"), "PermitRootLogin no", evalRootLogin),
		sshdCheck("sshd-password", model.Medium, say("sshd asks for more than a password", "sshd 不以密码作为唯一凭据"),
			"PasswordAuthentication no\nKbdInteractiveAuthentication no", evalPasswordLogin),
		sshdCheck("sshd-pam", model.Low, say("sshd signs people in through PAM, where it is audited", "sshd 通过 PAM 登录，纳入审计"), "UsePAM yes", evalUsePAM),
		{
			ID: "8.4.d/engine-log-level", Severity: model.Low,
			Title:       say("The engine logs at level info", "引擎日志级别为 info"),
			References:  []string{benchReference + "2.3"},
			Remediation: say("In /etc/docker/daemon.json: { \"log-level\": \"info\" }; systemctl reload docker", "在 /etc/docker/daemon.json 中设置：{ \"log-level\": \"info\" }，然后执行 systemctl reload docker"),
			Eval:        evalEngineLogLevel,
		},
		{
			ID: "8.4.d/remote-logs", Severity: model.Low,
			Title:      say("Logs leave the host", "日志被发送到主机之外"),
			References: []string{benchReference + "2.13", "NIST SP 800-190 4.4.2"},
			Remediation: say("In /etc/docker/daemon.json: { \"log-driver\": \"syslog\", \"log-opts\": { \"syslog-address\": \"tcp+tls://LOGHOST:6514\" } }; or run a forwarder (rsyslog with @@LOGHOST, fluent-bit, vector) on the host",
				"在 /etc/docker/daemon.json 中设置：{ \"log-driver\": \"syslog\", \"log-opts\": { \"syslog-address\": \"tcp+tls://日志主机:6514\" } }；或在主机上运行转发程序（rsyslog 的 @@日志主机、fluent-bit、vector）"),
			Eval: evalRemoteLogs,
		},
	}
}

// sshdCheck makes a check of sshd's configuration. judge is not called where there is no sshd.
func sshdCheck(name string, sev model.Severity, title model.Text, lines string, judge func(r *Recorder, auth model.AuthConfig)) Check {
	return Check{
		ID: "8.4.d/" + name, Title: title, Severity: sev,
		References: []string{"NIST SP 800-190 4.5.4", "ATT&CK T1021.004"},
		Remediation: say("First make sure, in a second session that stays open, that you can sign in without what this takes away. In /etc/ssh/sshd_config.d/10-bulkhead.conf, then sshd -t && systemctl reload ssh (sshd on RHEL and Fedora):\n%s",
			"请先保持另一会话不断开，并确认更改后仍能登录。写入 /etc/ssh/sshd_config.d/10-bulkhead.conf，然后执行 sshd -t && systemctl reload ssh（RHEL 与 Fedora 为 sshd）：\n%s", lines),
		Eval: func(in *Input, r *Recorder) {
			h := hostAt(in, r, "/host/auth/sshd")
			switch {
			case h == nil:
			case !h.Auth.SSHDInstalled:
				r.NotApplicable("/host/auth/sshd_installed", say("there is no sshd", "未安装 sshd"))
			default:
				judge(r, h.Auth)
			}
		},
	}
}

// sshdValue is a setting of sshd in lower case, or sshd's own default, with its place.
func sshdValue(auth model.AuthConfig, key, byDefault string) (value, ptr string) {
	v, i, ok := setting(auth.SSHD, key)
	if !ok {
		return byDefault, "/host/auth/sshd"
	}
	return strings.ToLower(v), pointer("host", "auth", "sshd", i)
}

func evalLogLevel(r *Recorder, auth model.AuthConfig) {
	v, ptr := sshdValue(auth, "loglevel", "info")
	if slices.Contains([]string{"quiet", "fatal", "error"}, v) {
		r.Fail(ptr, "sshd", say("LogLevel %s leaves sign-ins out", "LogLevel %s 不记录登录", v))
		return
	}
	r.Pass(ptr, "sshd", say("LogLevel %s records sign-ins", "LogLevel %s 会记录登录", v))
}

func evalRootLogin(r *Recorder, auth model.AuthConfig) {
	v, ptr := sshdValue(auth, "permitrootlogin", "prohibit-password")
	switch v {
	case "no", "forced-commands-only":
		r.Pass(ptr, "sshd", say("PermitRootLogin %s", "PermitRootLogin %s", v))
	case "prohibit-password", "without-password":
		r.Warn(ptr, "sshd", say("PermitRootLogin %s: root signs in with a key, the record does not say who", "PermitRootLogin %s：root 可用密钥登录，记录无法体现具体人员", v))
	default:
		r.Fail(ptr, "sshd", say("PermitRootLogin %s: root signs in with a password", "PermitRootLogin %s：root 可用密码登录", v))
	}
}

func evalPasswordLogin(r *Recorder, auth model.AuthConfig) {
	methods, at := sshdValue(auth, "authenticationmethods", "any")
	if methods != "any" && !slices.ContainsFunc(strings.Fields(methods), passwordAlone) {
		r.Pass(at, "sshd", say("AuthenticationMethods %s", "AuthenticationMethods %s", methods))
		return
	}
	for _, key := range []string{"passwordauthentication", "kbdinteractiveauthentication"} {
		v, ptr := sshdValue(auth, key, "yes")
		switch {
		case v == "no":
			r.Pass(ptr, "sshd", say("%s no", "%s no", key))
		case key == "kbdinteractiveauthentication" && secondFactor(auth):
			r.Pass(ptr, "sshd", say("%s asks for a second factor through PAM", "%s 通过 PAM 要求第二因素", key))
		default:
			r.Fail(ptr, "sshd", say("%s %s: a password is enough", "%s %s：仅凭密码即可登录", key, v))
		}
	}
}

// passwordAlone says whether a list of methods that must all succeed holds nothing but passwords.
func passwordAlone(list string) bool {
	for m := range strings.SplitSeq(list, ",") {
		if !strings.HasPrefix(m, "password") && !strings.HasPrefix(m, "keyboard-interactive") {
			return false
		}
	}
	return true
}

func secondFactor(auth model.AuthConfig) bool {
	modules, _, _ := setting(auth.PAMModules, "sshd")
	return slices.ContainsFunc(strings.Fields(modules), func(m string) bool {
		return matchesAny([]string{"pam_google_authenticator.so", "pam_oath.so", "pam_u2f.so", "pam_yubico.so", "pam_duo.so", "pam_radius*.so"}, m)
	})
}

func evalUsePAM(r *Recorder, auth model.AuthConfig) {
	v, ptr := sshdValue(auth, "usepam", "no")
	if v == "yes" {
		r.Pass(ptr, "sshd", say("UsePAM yes", "UsePAM yes"))
		return
	}
	r.Warn(ptr, "sshd", say("UsePAM %s: sign-ins pass PAM's account and session records by", "UsePAM %s：登录绕过 PAM 的账户与会话记录", v))
}

func evalEngineLogLevel(in *Input, r *Recorder) {
	const ptr = "/engine/log_level"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	switch e.LogLevel {
	case "", "info":
		r.Pass(ptr, e.Product, say("the level is info", "日志级别为 info"))
	case "debug", "trace":
		r.Warn(ptr, e.Product, say("the level is %s, which may write secrets", "日志级别为 %s，可能写入敏感信息", e.LogLevel))
	default:
		r.Fail(ptr, e.Product, say("the level is %s, which leaves events out", "日志级别为 %s，会遗漏事件", e.LogLevel))
	}
}

// remoteDrivers send containers' logs elsewhere by themselves; forwarders do so for what is on the host.
var (
	remoteDrivers = []string{"syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "logentries", "etwlogs", "loki"}
	forwarders    = []string{"fluent-bit", "fluentd", "vector", "promtail", "alloy", "filebeat", "otelcol*", "systemd-journal-upl*", "syslog-ng"}
)

func evalRemoteLogs(in *Input, r *Recorder) {
	const ptr = "/engine/logging_driver"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	address, _, _ := setting(e.LogOptions, "syslog-address")
	// The syslog driver without an address, or with a Unix socket, hands over to the host's own daemon.
	local := e.LoggingDriver == "syslog" && (address == "" || strings.HasPrefix(address, "unix"))
	if slices.Contains(remoteDrivers, e.LoggingDriver) && !local {
		r.Pass(ptr, e.LoggingDriver, say("driver %s sends logs away", "日志驱动 %s 将日志发送到远端", e.LoggingDriver))
		return
	}
	if in.Snap.Host != nil {
		for i, p := range in.Snap.Host.Processes {
			if matchesAny(forwarders, programName(p)) {
				r.Pass(pointer("host", "processes", i), programName(p), say("%s forwards logs", "%s 转发日志", programName(p)))
				return
			}
		}
	}
	if r.Missing(in, "/host/processes") {
		return
	}
	r.Warn(ptr, e.LoggingDriver, say("driver %s keeps logs on the host and no forwarder runs", "日志驱动 %s 将日志保存在本机，且没有运行转发程序", e.LoggingDriver))
}
